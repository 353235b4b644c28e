//! Runs an operation: executes its steps, commits to its values, gathers evidence, and checks its
//! own receipt before it hands it out.
//!
//! A run has two halves. [`Runner::begin`] gives the answer: outputs, and a receipt with what this
//! program attests. What is to be proved is left over as [`ProofTask`]s, which [`Runner::prove`]
//! does, here or elsewhere; [`attach`] puts a proof into the receipt. [`Runner::run`] is both.

mod check;
mod execute;
mod progress;
mod proof;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use assay_verifier::{
    Commitment, Error as Refusal, UnixMillis,
    evidence::Evidence,
    ids::{Name, OperationDigest, Salt},
    operation::{
        Function as WireFunction, Method, NonceClaim, Operation, Settings, Step, ValueEntry,
    },
    receipt::{Opening, Receipt},
    value::Type,
};

#[cfg(feature = "service")]
pub(crate) use check::stands;
pub use execute::{Prepared, Values};
pub use progress::Progress;
pub use proof::{ProofTask, Witnessed, attach};

use crate::{
    attester::Attester,
    choice::Choice,
    clock::Clock,
    definition::{Definition, Function},
    engine::TeeEngine,
    error::Error,
    keys::KeyStore,
    random, session,
    session::Session,
};

/// How the steps that promise `tee` are attested.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attestation {
    /// By a document of this operation's own, with its nonce.
    Document,
    /// By the key of a session.
    #[default]
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
    /// The methods that each step is to promise: one of [`Definition::choices`].
    pub choice: Choice,
}

/// What executes and vouches, and the key that it signs with meanwhile. There is one, on one thread.
pub struct Tee<'a> {
    engine: &'a dyn TeeEngine,
    attester: &'a dyn Attester,
    session: Option<Session>,
    clock: Clock,
}

impl<'a> Tee<'a> {
    /// Without a session: the first operation that needs one begins it.
    pub fn new(engine: &'a dyn TeeEngine, attester: &'a dyn Attester) -> Self {
        Self { engine, attester, session: None, clock: Clock::default() }
    }

    /// The same by another clock.
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The time, by its clock.
    pub(crate) fn now(&self) -> Result<UnixMillis, Error> {
        self.clock.now()
    }

    /// What vouches here.
    pub const fn attester(&self) -> &'a dyn Attester {
        self.attester
    }

    /// Signs, with the session's key, that these steps of the operation were executed in this process.
    pub(crate) fn sign(
        &mut self,
        operation: &OperationDigest,
        steps: &[u32],
    ) -> Result<Evidence, Error> {
        Ok(self.session()?.sign(operation, steps))
    }

    fn session(&mut self) -> Result<&Session, Error> {
        // The old key is wiped before a new one is made.
        let now = self.now()?;
        let live = self.session.take().filter(|session| !session.is_over(now));
        let session = match live {
            Some(session) => session,
            None => Session::begin(self.attester, now)?,
        };
        Ok(self.session.insert(session))
    }
}

/// An operation that is ready to run: models loaded and compiled, keys at hand.
#[derive(Clone)]
pub struct Runner {
    definition: Arc<Definition>,
    prepared: Arc<Prepared>,
}

/// The first half of a run: what is answered at once, and what is left to prove.
pub struct Begun {
    /// The receipt, with all but the proofs.
    pub receipt: Receipt,
    /// The proofs that it promises.
    pub proofs: Vec<ProofTask>,
}

/// A value with the salt that its commitment has in this run.
struct Salted {
    kind: Type,
    bytes: Vec<u8>,
    salt: Salt,
}

impl Runner {
    /// Loads and compiles the models, and makes or reads the keys of the steps that any choice of
    /// methods proves.
    pub fn prepare(
        definition: Definition,
        keys: &KeyStore,
        progress: &mut Progress,
    ) -> Result<Self, Error> {
        let prepared = Prepared::new(&definition, Some(keys), progress)?;
        Ok(Self { definition: Arc::new(definition), prepared: Arc::new(prepared) })
    }

    /// What the operation file says.
    pub fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The compiled models and their keys.
    pub fn prepared(&self) -> &Prepared {
        &self.prepared
    }

    /// Runs the operation once, proofs included. Errors: an input that is missing or of another
    /// form; a step that fails; a receipt that its own verification refuses.
    pub fn run(
        &self,
        request: &Request,
        tee: &mut Tee<'_>,
        now: UnixMillis,
        progress: &mut Progress,
    ) -> Result<Receipt, Error> {
        let Begun { mut receipt, proofs } = self.begin(request, tee, now, progress)?;
        for task in &proofs {
            let step = self.step(task.step)?;
            let started = progress.begin(&step.name, "proving");
            let proof = self.prove(receipt.operation(), &receipt.digest(), task)?;
            receipt = attach(receipt, task.step, proof, now)?;
            progress.end(started);
        }
        Ok(receipt)
    }

    /// Executes, commits and attests; gives the receipt with all but its proofs, which its own
    /// verification accepted but for them.
    pub fn begin(
        &self,
        request: &Request,
        tee: &mut Tee<'_>,
        now: UnixMillis,
        progress: &mut Progress,
    ) -> Result<Begun, Error> {
        let names = self.definition.value_names();
        let inputs = self.inputs(request)?;
        let run = self.prepared.run(&self.definition, inputs, tee.engine, progress)?;
        let salted = run
            .into_iter()
            .map(|(name, (kind, bytes))| Ok((name, Salted { kind, bytes, salt: random::salt()? })));
        let values = salted.collect::<Result<BTreeMap<_, _>, Error>>()?;
        let operation = self.operation(request, &names, &values)?;
        let mut receipt = Receipt::new(operation)?;
        self.attest(&mut receipt, request, tee, progress)?;
        let proofs = self.proofs(&mut receipt, &values)?;
        for (index, name) in (0u32..).zip(&names) {
            let Some(value) = values.get(name).filter(|_| self.definition.disclose.contains(name))
            else {
                continue;
            };
            let bytes = Some(value.bytes.clone());
            receipt.open(Opening { value: index, salt: value.salt, bytes });
        }
        let pending = proofs.iter().map(|task| task.step).collect::<BTreeSet<_>>();
        check::stands(&receipt, &pending, Some(&request.inputs), now)?;
        Ok(Begun { receipt, proofs })
    }

    /// Proves that a step of this operation gave its outputs for its inputs. Values and salts are
    /// held against the operation's commitments first.
    pub fn prove(
        &self,
        operation: &Operation,
        digest: &OperationDigest,
        task: &ProofTask,
    ) -> Result<Box<[u8; 192]>, Error> {
        proof::prove(&self.prepared, operation, digest, task)
    }

    fn step(&self, index: u32) -> Result<&crate::definition::Step, Error> {
        let step = usize::try_from(index).ok().and_then(|index| self.definition.steps.get(index));
        step.ok_or(Error::Verifier(Refusal::EvidenceStepUnknown { index }))
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
            let refuse =
                |error: Refusal| Error::Input { name: input.name.clone(), why: error.to_string() };
            input.kind.check(bytes).map_err(refuse)?;
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
            .map(|step| {
                let methods = request.choice.of(&step.name);
                let proved = methods.contains(Method::Zk);
                Step {
                    name: step.name.clone(),
                    function: match &step.function {
                        Function::Glue(glue, _) => WireFunction::Glue(glue.id()),
                        Function::Model(model) => WireFunction::Model(model.digest),
                    },
                    settings: settings(step),
                    inputs: step.inputs.iter().filter_map(index).collect(),
                    outputs: step.outputs.iter().filter_map(|(name, _)| index(name)).collect(),
                    methods,
                    card: self.prepared.card_digest(&step.name).filter(|_| proved),
                }
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
        &self,
        receipt: &mut Receipt,
        request: &Request,
        tee: &mut Tee<'_>,
        progress: &mut Progress,
    ) -> Result<(), Error> {
        let steps: Vec<u32> = (0u32..)
            .zip(&receipt.operation().steps)
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
                let nonce = request.nonce.nonce().ok_or_else(|| Error::Usage {
                    why: "a document of this operation's own needs a nonce".to_owned(),
                })?;
                session::attest_operation(tee.attester, &digest, nonce, &steps)?
            }
            Attestation::Session => tee.sign(&digest, &steps)?,
        };
        receipt.attach(evidence);
        progress.end(started);
        Ok(())
    }

    /// What is left to prove; the receipt gets the cards that it refers to.
    fn proofs(
        &self,
        receipt: &mut Receipt,
        values: &BTreeMap<Name, Salted>,
    ) -> Result<Vec<ProofTask>, Error> {
        let mut proofs = Vec::new();
        let promised: Vec<_> =
            receipt.operation().steps.iter().map(|s| s.methods.clone()).collect();
        for ((index, step), methods) in (0u32..).zip(&self.definition.steps).zip(promised) {
            if !methods.contains(Method::Zk) {
                continue;
            }
            let witnessed = |name: &Name| {
                values
                    .get(name)
                    .map(|value| Witnessed { salt: value.salt, bytes: value.bytes.clone() })
            };
            proofs.push(ProofTask {
                step: index,
                inputs: step.inputs.iter().filter_map(witnessed).collect(),
                outputs: step.outputs.iter().filter_map(|(name, _)| witnessed(name)).collect(),
            });
            if let Some(card) = self.prepared.card(&step.name) {
                receipt.add_card(card.to_vec());
            }
        }
        Ok(proofs)
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
