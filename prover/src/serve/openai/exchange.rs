//! An exchange as an operation: the exact bytes of a request and its response, committed to and signed
//! for where the model ran. FORMAT.md §11.

use std::collections::BTreeSet;

use assay_verifier::{
    Algorithm, Commitment, UnixMillis,
    ids::{ModelDigest, Name, Salt},
    operation::{Function, Method, Methods, NonceClaim, Operation, Settings, Step, ValueEntry},
    receipt::{Opening, Receipt},
    value::Type,
};

use crate::{
    error::Error,
    random,
    run::{Tee, stands},
};

/// What was asked, and what came of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The operation's name.
    pub name: Name,
    /// The model that answered, or that would have.
    pub model: ModelDigest,
    /// Every setting of the step.
    pub settings: Settings,
    /// The nonce, and who made it.
    pub nonce: NonceClaim,
    /// How it ended.
    pub outcome: Outcome,
    /// The request's body.
    pub request: Vec<u8>,
    /// The response's, as far as it was produced.
    pub response: Vec<u8>,
    /// Whether the response is a stream.
    pub stream: bool,
}

/// How an exchange ended. FORMAT.md §11.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The client left.
    Cancelled,
    /// The answer is no generated text, and whole.
    Complete,
    /// Something failed on the way.
    Error,
    /// As many tokens as were allowed.
    Length,
    /// Nothing was done, and the response says why.
    Refused,
    /// The model ended, or a stop text came.
    Stop,
}

impl Outcome {
    /// The word in the operation.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Complete => "complete",
            Self::Error => "error",
            Self::Length => "length",
            Self::Refused => "refused",
            Self::Stop => "stop",
        }
    }

    /// Whether the response is what was asked for.
    pub(super) const fn answers(self) -> bool {
        matches!(self, Self::Complete | Self::Length | Self::Stop)
    }
}

impl Exchange {
    /// The receipt of an exchange of this very process, signed by its session's key; the bytes stay
    /// with whoever has them. On the engine's thread.
    pub fn sign(&self, tee: &mut Tee<'_>) -> Result<Receipt, Error> {
        let salts = [random::salt()?, random::salt()?];
        let mut receipt = Receipt::new(self.operation(salts)?)?;
        let evidence = tee.sign(&receipt.digest(), &[0])?;
        receipt.attach(evidence);
        for (value, salt) in (0u32..).zip(salts) {
            receipt.open(Opening { value, salt, bytes: None });
        }
        Ok(receipt)
    }

    /// The operation, with commitments under these salts.
    pub(super) fn operation(&self, salts: [Salt; 2]) -> Result<Operation, Error> {
        let stream = if self.stream { "text/event-stream" } else { JSON };
        let values = [("request", JSON, &self.request), ("response", stream, &self.response)];
        let values = values.into_iter().zip(salts).map(|((name, media, bytes), salt)| {
            let kind = Type::bytes(media)?;
            let commitment = Commitment::to(Algorithm::Sha256, &kind, &salt, bytes)?;
            Ok::<_, Error>(ValueEntry { name: Name::new(name)?, kind, commitment })
        });
        let step = Step {
            name: Name::new("exchange")?,
            function: Function::Model(self.model),
            settings: self.settings.clone(),
            inputs: vec![0],
            outputs: vec![1],
            methods: Methods::of(&[Method::Tee]),
            card: None,
        };
        Ok(Operation {
            name: self.name.clone(),
            run: random::run_id()?,
            nonce: self.nonce.clone(),
            outcome: Name::new(self.outcome.name())?,
            values: values.collect::<Result<_, _>>()?,
            steps: vec![step],
        })
    }

    /// Holds the receipt against these bytes, as its client will.
    pub(super) fn convinces(&self, receipt: &Receipt, now: UnixMillis) -> Result<(), Error> {
        let given = [
            (Name::new("request")?, self.request.clone()),
            (Name::new("response")?, self.response.clone()),
        ];
        stands(receipt, &BTreeSet::new(), Some(&given.into()), now)
    }
}

const JSON: &str = "application/json";
