//! Runs an operation: executes its steps, commits to its values, gathers evidence, and checks its
//! own receipt before it hands it out.

mod execute;
mod progress;

use std::collections::BTreeMap;

use assay_verifier::{
    CallerValues, Commitment, Error as Refusal, UnixMillis,
    ids::{Name, Salt},
    operation::{
        Function as WireFunction, Method, NonceClaim, Operation, Settings, Step, ValueEntry,
    },
    policy::Policy,
    receipt::{Opening, Receipt},
    value::Type,
};

pub use execute::{Prepared, Values};
pub use progress::Progress;

use crate::{
    attester::Attester,
    definition::{Definition, Function},
    engine::TeeEngine,
    error::Error,
    keys::KeyStore,
    random, session,
    session::Session,
};

/// How the steps that promise `tee` are attested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attestation {
    /// By a document of this operation's own, with its nonce.
    Document,
    /// By the key of a session.
    Session,
}

/// What a caller asks for.
pub struct Request {
    /// A value for every input, as its bytes.
    pub inputs: BTreeMap<Name, Vec<u8>>,
    /// The nonce, and who made it.
    pub nonce: NonceClaim,
    /// How to attest.
    pub attestation: Attestation,
}

/// An operation that is ready to run: models loaded and compiled, keys at hand.
pub struct Runner<'a> {
    definition: Definition,
    prepared: Prepared,
    engine: &'a dyn TeeEngine,
    attester: &'a dyn Attester,
    session: Option<Session>,
}

/// A value with the salt that its commitment has in this run.
struct Salted {
    kind: Type,
    bytes: Vec<u8>,
    salt: Salt,
}

impl<'a> Runner<'a> {
    /// Loads and compiles the models, and makes or reads the keys of the steps to be proved.
    pub fn prepare(
        definition: Definition,
        engine: &'a dyn TeeEngine,
        attester: &'a dyn Attester,
        keys: &KeyStore,
        progress: &mut Progress,
    ) -> Result<Self, Error> {
        let prepared = Prepared::new(&definition, Some(keys), progress)?;
        Ok(Self { definition, prepared, engine, attester, session: None })
    }

    /// Runs the operation once. Errors: an input that is missing or of another form; a step that
    /// fails; a receipt that its own verification refuses.
    pub fn run(
        &mut self,
        request: &Request,
        now: impl Fn() -> Result<UnixMillis, Error>,
        progress: &mut Progress,
    ) -> Result<Receipt, Error> {
        let names = self.names();
        let inputs = self.inputs(request)?;
        let run = self.prepared.run(&self.definition, inputs, self.engine, progress)?;
        let salted = run
            .into_iter()
            .map(|(name, (kind, bytes))| Ok((name, Salted { kind, bytes, salt: random::salt()? })));
        let values = salted.collect::<Result<BTreeMap<_, _>, Error>>()?;
        let operation = self.operation(request, &names, &values)?;
        let mut receipt = Receipt::new(operation)?;
        self.attest(&mut receipt, request, progress)?;
        self.prove(&mut receipt, &values, progress)?;
        for (index, name) in (0u32..).zip(&names) {
            let Some(value) = values.get(name).filter(|_| self.definition.disclose.contains(name))
            else {
                continue;
            };
            let bytes = Some(value.bytes.clone());
            receipt.open(Opening { value: index, salt: value.salt, bytes });
        }
        self.verify(&receipt, request, now()?)?;
        Ok(receipt)
    }

    /// The value table's order: inputs, then outputs in the order of the steps.
    fn names(&self) -> Vec<Name> {
        let inputs = self.definition.inputs.iter().map(|input| &input.name);
        let outputs = self.definition.steps.iter().flat_map(|step| &step.outputs);
        inputs.chain(outputs.map(|(name, _)| name)).cloned().collect()
    }

    fn inputs(&self, request: &Request) -> Result<Values, Error> {
        let known = |name: &Name| self.definition.inputs.iter().any(|input| input.name == *name);
        if let Some(name) = request.inputs.keys().find(|name| !known(name)) {
            let why = "the operation has no such input".to_owned();
            return Err(Error::Input { name: name.clone(), why });
        }
        let mut values = Values::new();
        for input in &self.definition.inputs {
            let bytes = request.inputs.get(&input.name).ok_or_else(|| Error::Input {
                name: input.name.clone(),
                why: "it is missing".to_owned(),
            })?;
            input.kind.check(bytes)?;
            values.insert(input.name.clone(), (input.kind.clone(), bytes.clone()));
        }
        Ok(values)
    }

    fn operation(
        &self,
        request: &Request,
        names: &[Name],
        values: &BTreeMap<Name, Salted>,
    ) -> Result<Operation, Error> {
        let index = |name: &Name| (0u32..).zip(names).find(|(_, n)| *n == name).map(|(i, _)| i);
        let steps: Vec<_> = self
            .definition
            .steps
            .iter()
            .map(|step| Step {
                name: step.name.clone(),
                function: match &step.function {
                    Function::Glue(glue, _) => WireFunction::Glue(glue.id()),
                    Function::Model(model) => WireFunction::Model(model.digest),
                },
                settings: settings(step),
                inputs: step.inputs.iter().filter_map(index).collect(),
                outputs: step.outputs.iter().filter_map(|(name, _)| index(name)).collect(),
                methods: step.methods.clone(),
                card: self.prepared.card_digest(&step.name),
            })
            .collect();
        let table =
            (0u32..).zip(names).filter_map(|(at, name)| Some((at, name, values.get(name)?)));
        let entries = table.map(|(at, name, value)| {
            let algorithm = Operation::algorithm_of(&steps, at);
            let commitment = Commitment::to(algorithm, &value.kind, &value.salt, &value.bytes)?;
            Ok(ValueEntry { name: name.clone(), kind: value.kind.clone(), commitment })
        });
        let entries = entries.collect::<Result<Vec<_>, Refusal>>()?;
        Ok(Operation {
            name: self.definition.name.clone(),
            run: random::run_id()?,
            nonce: request.nonce.clone(),
            outcome: Name::new("complete")?,
            values: entries,
            steps,
        })
    }

    /// One piece of evidence for all the steps that were executed here under a promise of `tee`.
    fn attest(
        &mut self,
        receipt: &mut Receipt,
        request: &Request,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let steps: Vec<u32> = (0u32..)
            .zip(&self.definition.steps)
            .filter(|(_, step)| step.methods.contains(Method::Tee))
            .map(|(index, _)| index)
            .collect();
        if steps.is_empty() {
            return Ok(());
        }
        let started = progress.begin(&self.definition.name, "attesting");
        let digest = receipt.digest();
        let evidence = match request.attestation {
            Attestation::Document => {
                let nonce = request
                    .nonce
                    .nonce()
                    .ok_or_else(|| Error::Usage { why: "--document needs --nonce".to_owned() })?;
                session::attest_operation(self.attester, &digest, nonce, &steps)?
            }
            Attestation::Session => {
                if self.session.as_ref().is_none_or(Session::is_over) {
                    // The old key is wiped before a new one is made.
                    self.session = None;
                    self.session = Some(Session::begin(self.attester)?);
                }
                match &self.session {
                    Some(session) => session.sign(&digest, &steps),
                    None => return Ok(()),
                }
            }
        };
        receipt.attach(evidence);
        progress.end(started);
        Ok(())
    }

    fn prove(
        &self,
        receipt: &mut Receipt,
        values: &BTreeMap<Name, Salted>,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        for (index, step) in (0u32..).zip(&self.definition.steps) {
            if !step.methods.contains(Method::Zk) {
                continue;
            }
            let started = progress.begin(&step.name, "proving");
            let salted = |name: &Name| {
                values.get(name).map(|value| (value.salt, value.kind.clone(), value.bytes.clone()))
            };
            let inputs: Vec<_> = step.inputs.iter().filter_map(salted).collect();
            let outputs: Vec<_> =
                step.outputs.iter().filter_map(|(name, _)| salted(name)).collect();
            let digest = receipt.digest();
            let evidence = self.prepared.prove(step, index, &digest, &inputs, &outputs)?;
            receipt.attach(evidence);
            if let Some(card) = self.prepared.card(&step.name) {
                receipt.add_card(card.to_vec());
            }
            progress.end(started);
        }
        Ok(())
    }

    /// The receipt must convince its own maker: under the policy that it teaches, now, with the
    /// very inputs that were given.
    fn verify(&self, receipt: &Receipt, request: &Request, now: UnixMillis) -> Result<(), Error> {
        let policy = Policy::learn(receipt)?.reviewed_by_its_owner();
        let values: CallerValues = request.inputs.clone();
        let given: CallerValues = values
            .into_iter()
            .filter(|(name, _)| self.definition.disclose.contains(name))
            .collect();
        assay_verifier::verify(&receipt.to_bytes(), &policy, now, &given)?;
        Ok(())
    }
}

/// Effective settings of a step, as the operation states them. FORMAT.md §3.4.
fn settings(step: &crate::definition::Step) -> Settings {
    match &step.function {
        Function::Glue(_, settings) => settings.clone(),
        Function::Model(model) if model.kind == assay_verifier::ids::ModelKind::TorchScript => {
            execute::tee_settings()
        }
        Function::Model(_) => Settings::new(),
    }
}
