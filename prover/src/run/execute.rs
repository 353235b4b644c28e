//! What a step does: libtorch for TorchScript, the integer program for ONNX, glue for glue.

use std::collections::BTreeMap;

use assay_verifier::{
    card::{Card, Visibility},
    groth16::{PROOF_BYTES, context},
    ids::{CardDigest, ModelKind, Name, OperationDigest},
    operation::{Setting, Settings, ValueEntry},
    value::{TensorType, Type},
};
use assay_zkml::{Compiled, OsRng, compile, prove};

use super::{Progress, Witnessed};
use crate::{
    definition::{Definition, Function, Model, Step},
    engine::{EngineError, TeeEngine, Tensor},
    error::Error,
    keys::{KeyStore, Keys},
    quantize::quantize,
};

/// The models of an operation that are integer programs, compiled, with the keys of those that are
/// to be proved.
pub struct Prepared {
    programs: BTreeMap<Name, Program>,
}

struct Program {
    compiled: Compiled,
    keys: Option<Keys>,
}

/// Values by name, each with its type and bytes.
pub type Values = BTreeMap<Name, (Type, Vec<u8>)>;

impl Prepared {
    /// Compiles the models; with `keys`, also makes or reads those of the steps that some choice of
    /// methods proves.
    pub fn new(
        definition: &Definition,
        keys: Option<&KeyStore>,
        progress: &mut Progress,
    ) -> Result<Self, Error> {
        let choices = definition.choices();
        let mut programs = BTreeMap::new();
        for step in &definition.steps {
            let Function::Model(Model { kind: ModelKind::Onnx, bytes, manifest, digest }) =
                &step.function
            else {
                continue;
            };
            let started = progress.begin(&step.name, "compiling");
            let compiled = compile(bytes, manifest.as_deref().unwrap_or_default())
                .map_err(|error| definition.refuse_step(&step.name, error.to_string()))?;
            types_fit(definition, step, compiled.program())
                .map_err(|why| definition.refuse_step(&step.name, why))?;
            progress.end(started);
            let proved =
                choices.iter().any(|choice| choice.proved().any(|name| *name == step.name));
            if proved {
                disclosed(definition, step, &compiled)?;
            }
            let keys = match keys.filter(|_| proved) {
                Some(keys) => Some(keys.open(&step.name, *digest, &compiled, progress)?),
                None => None,
            };
            programs.insert(step.name.clone(), Program { compiled, keys });
        }
        Ok(Self { programs })
    }

    /// Executes all steps on the values of the operation's inputs; gives all values.
    pub fn run(
        &self,
        definition: &Definition,
        mut values: Values,
        engine: &dyn TeeEngine,
        progress: &mut Progress,
    ) -> Result<Values, Error> {
        for step in &definition.steps {
            let started = progress.begin(&step.name, "executing");
            let inputs: Vec<_> = step
                .inputs
                .iter()
                .filter_map(|name| values.get(name))
                .map(|(kind, bytes)| (kind, bytes.as_slice()))
                .collect();
            let outputs = self.execute(step, &inputs, engine)?;
            for ((name, kind), bytes) in step.outputs.iter().zip(outputs) {
                values.insert(name.clone(), (kind.clone(), bytes));
            }
            progress.end(started);
        }
        Ok(values)
    }

    /// The card of a step that can be proved, as its bytes.
    pub fn card(&self, step: &Name) -> Option<&[u8]> {
        self.programs.get(step)?.keys.as_ref().map(|keys| keys.card.as_slice())
    }

    /// The digest of that card.
    pub fn card_digest(&self, step: &Name) -> Option<CardDigest> {
        self.card(step).map(Card::digest)
    }

    /// The cards whose keys are here.
    pub fn cards(&self) -> impl Iterator<Item = CardDigest> {
        self.programs
            .values()
            .filter_map(|program| Some(Card::digest(&program.keys.as_ref()?.card)))
    }

    /// Executes a step on values of these types; gives the bytes of its outputs.
    fn execute(
        &self,
        step: &Step,
        inputs: &[(&Type, &[u8])],
        engine: &dyn TeeEngine,
    ) -> Result<Vec<Vec<u8>>, Error> {
        match &step.function {
            Function::Glue(glue, settings) => Ok(vec![glue.run(settings, inputs)?]),
            Function::Model(model) if model.kind == ModelKind::TorchScript => {
                torch(step, model, inputs, engine)
            }
            Function::Model(_) => self.integers(step, inputs),
        }
    }

    fn program(&self, step: &Step) -> Result<&Program, Error> {
        self.programs.get(&step.name).ok_or_else(|| Error::Engine {
            step: step.name.clone(),
            why: "its model was not compiled".to_owned(),
        })
    }

    fn integers(&self, step: &Step, inputs: &[(&Type, &[u8])]) -> Result<Vec<Vec<u8>>, Error> {
        let program = self.program(step)?.compiled.program();
        let taken: Vec<_> = inputs.iter().filter_map(|(kind, _)| kind.tensor()).collect();
        let given: Vec<_> = step.outputs.iter().filter_map(|(_, kind)| kind.tensor()).collect();
        let integers = inputs.iter().zip(&taken).map(|((_, bytes), tensor)| tensor.integers(bytes));
        let outputs = program.run(&integers.collect::<Result<Vec<_>, _>>()?)?;
        let bytes = outputs.iter().zip(&given).map(|(integers, tensor)| tensor.bytes_of(integers));
        Ok(bytes.collect::<Result<_, _>>()?)
    }

    /// A proof by the key that a card is of: that its program gives these outputs for these inputs,
    /// of this operation and step. The circuit itself recomputes every commitment.
    pub(super) fn prove(
        &self,
        card: CardDigest,
        index: u32,
        operation: &OperationDigest,
        inputs: &[(&ValueEntry, &Witnessed)],
        outputs: &[(&ValueEntry, &Witnessed)],
    ) -> Result<Box<[u8; PROOF_BYTES]>, Error> {
        let keyed = self.programs.values().find_map(|program| {
            let keys = program.keys.as_ref()?;
            (Card::digest(&keys.card) == card).then_some((&program.compiled, keys))
        });
        let (compiled, keys) = keyed.ok_or(Error::CardUnknown { card })?;
        let salted = inputs.iter().filter_map(|(entry, value)| {
            let tensor = entry.kind.tensor()?;
            Some(tensor.integers(&value.bytes).map(|integers| (value.salt, integers)))
        });
        let inputs = salted.collect::<Result<Vec<_>, _>>()?;
        let salts: Vec<_> = outputs.iter().map(|(_, value)| value.salt).collect();
        let witness = compiled.witness(context(operation, index), &inputs, &salts)?;
        Ok(Box::new(prove(&keys.proving, compiled, &witness, &mut OsRng)?))
    }
}

/// Whether a step takes and gives what its program does.
fn types_fit(
    definition: &Definition,
    step: &Step,
    program: &assay_zkml::Program,
) -> Result<(), String> {
    let list = |types: &[&Type]| types.iter().map(|t| t.to_string()).collect::<Vec<_>>().join(", ");
    let taken: Vec<_> = step.inputs.iter().filter_map(|name| definition.type_of(name)).collect();
    let given: Vec<_> = step.outputs.iter().map(|(_, kind)| kind).collect();
    let same = |ours: &[&Type], theirs: Vec<&TensorType>| {
        ours.iter().map(|kind| kind.tensor()).eq(theirs.iter().copied().map(Some))
    };
    for (what, ours, theirs) in [
        ("takes", taken, program.input_types().collect::<Vec<_>>()),
        ("gives", given, program.output_types().collect()),
    ] {
        if !same(&ours, theirs.clone()) {
            let theirs: Vec<_> = theirs.into_iter().cloned().map(Type::Tensor).collect();
            let theirs = list(&theirs.iter().collect::<Vec<_>>());
            return Err(format!("the model {what} {theirs}, the step {}", list(&ours)));
        }
    }
    Ok(())
}

/// What a proof shows in the open, a receipt must disclose: nobody could verify it otherwise.
fn disclosed(definition: &Definition, step: &Step, compiled: &Compiled) -> Result<(), Error> {
    let program = compiled.program();
    let names = step.inputs.iter().chain(step.outputs.iter().map(|(name, _)| name));
    for (name, port) in names.zip(program.input_ports().chain(program.output_ports())) {
        if port.visibility != Visibility::Committed && !definition.disclose.contains(name) {
            let (step, value) = (step.name.clone(), name.clone());
            return Err(Error::PublicNotDisclosed { step, value });
        }
    }
    Ok(())
}

/// Settings of a step that libtorch executes. FORMAT.md §3.4.
pub(super) fn tee_settings() -> Settings {
    let text = |text: &str| Setting::Text(text.to_owned());
    let name = |name: &str| Name::new(name).expect("a constant inside the grammar");
    [
        (name("device"), text("cpu")),
        (name("dtype"), text("f32")),
        (name("quantize"), text("half-even-saturate")),
        (name("threads"), Setting::Int(1)),
    ]
    .into()
}

fn torch(
    step: &Step,
    model: &Model,
    inputs: &[(&Type, &[u8])],
    engine: &dyn TeeEngine,
) -> Result<Vec<Vec<u8>>, Error> {
    let wrong = |why: String| Error::Model { step: step.name.clone(), why };
    let no_value = |why: String| Error::Output { step: step.name.clone(), why };
    let mut tensors = Vec::new();
    for (kind, bytes) in inputs {
        let tensor = kind.tensor().ok_or_else(|| wrong(format!("libtorch takes no {kind}")))?;
        let reals = reals(tensor, bytes).map_err(&no_value)?;
        tensors.push(Tensor { shape: tensor.shape().to_vec(), reals });
    }
    let outputs = engine.run(model, &tensors).map_err(|error| match error {
        EngineError::ArchiveUnreadable { .. } | EngineError::OutputKind { .. } => {
            wrong(error.to_string())
        }
        EngineError::NotStarted { .. } | EngineError::Stopped => Error::Libtorch(error),
        _ => Error::Engine { step: step.name.clone(), why: error.to_string() },
    })?;
    if outputs.len() != step.outputs.len() {
        let (expected, found) = (step.outputs.len(), outputs.len());
        return Err(wrong(format!("expected {expected} outputs, the model gives {found}")));
    }
    let mut values = Vec::new();
    for ((name, kind), output) in step.outputs.iter().zip(outputs) {
        let tensor = kind.tensor().ok_or_else(|| wrong(format!("libtorch gives no {kind}")))?;
        if output.shape != tensor.shape() {
            let found = output.shape;
            return Err(wrong(format!("output {name} has shape {found:?}, expected {tensor}")));
        }
        values.push(match tensor.dtype().range() {
            Some(_) => {
                let integers = quantize(&output.reals, tensor);
                tensor.bytes_of(&integers.map_err(|error| no_value(error.to_string()))?)?
            }
            None => output.reals.iter().flat_map(|real| real.to_le_bytes()).collect(),
        });
    }
    Ok(values)
}

/// A value as libtorch takes it. Errors: an integer that `f32` cannot hold exactly.
fn reals(tensor: &TensorType, bytes: &[u8]) -> Result<Vec<f32>, String> {
    if tensor.dtype().range().is_none() {
        let chunks = bytes.chunks_exact(4).filter_map(|chunk| chunk.try_into().ok());
        return Ok(chunks.map(f32::from_le_bytes).collect());
    }
    let integers = tensor.integers(bytes).map_err(|error| error.to_string())?;
    let step = 2f64.powi(i32::from(tensor.scale()));
    integers
        .into_iter()
        .map(|integer| {
            let exact = integer as f64 * step;
            let real = exact as f32;
            match f64::from(real) == exact {
                true => Ok(real),
                false => Err(format!("{integer} × 2^{} is no f32", tensor.scale())),
            }
        })
        .collect()
}
