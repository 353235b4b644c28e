//! Accuracy of an operation that classifies: in floating point, and as it is proved.

use std::collections::BTreeMap;

use assay_verifier::{
    glue::Glue,
    ids::{ModelKind, Name},
    value::Type,
};
use assay_zkml::Graph;

use crate::{
    dataset::Dataset,
    definition::{Definition, Function, Step},
    engine::{TeeEngine, Tensor},
    error::Error,
    quantize,
};

/// What a dataset says of an operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Evaluation {
    /// Examples tried.
    pub examples: u32,
    /// Of these, right in floating point.
    pub float_right: u32,
    /// Of these, right as it is proved.
    pub integer_right: u32,
    /// Of these, with the same answer both ways.
    pub same: u32,
}

impl Evaluation {
    /// Counts one example.
    pub fn count(&mut self, label: i64, float: i64, integer: i64) {
        self.examples += 1;
        self.float_right += u32::from(float == label);
        self.integer_right += u32::from(integer == label);
        self.same += u32::from(float == integer);
    }
}

/// Tries every example. `integer` runs the operation as it is proved: from the bytes of its input to
/// the class it gives.
pub fn evaluate(
    reference: &Reference<'_>,
    dataset: &Dataset,
    mut integer: impl FnMut(&[u8]) -> Result<i64, Error>,
) -> Result<Evaluation, Error> {
    let mut found = Evaluation::default();
    for (example, label) in dataset.iter() {
        found.count(label.into(), reference.class(example)?, integer(example)?);
    }
    Ok(found)
}

/// The operation in floating point: nothing is rounded between its steps.
pub struct Reference<'a> {
    input: &'a Name,
    kind: &'a Type,
    steps: Vec<(&'a Step, Float)>,
    engine: &'a dyn TeeEngine,
}

/// A step in floating point.
enum Float {
    Argmax,
    Graph(Graph),
    Torch,
}

impl<'a> Reference<'a> {
    /// Reads the models. Errors: an operation that takes other than one tensor, or that does not end
    /// in an argmax.
    pub fn new(definition: &'a Definition, engine: &'a dyn TeeEngine) -> Result<Self, Error> {
        let [input] = definition.inputs.as_slice() else {
            return Err(refuse("evaluation needs an operation of one input"));
        };
        let float = |step: &'a Step| {
            Ok((
                step,
                match &step.function {
                    Function::Glue(Glue::Argmax, _) => Float::Argmax,
                    Function::Glue(..) => {
                        return Err(refuse("evaluation knows no glue but argmax"));
                    }
                    Function::Model(model) => match model.kind {
                        ModelKind::Onnx => Float::Graph(Graph::from_onnx(&model.bytes)?),
                        ModelKind::TorchScript => Float::Torch,
                        ModelKind::SafeTensors => {
                            return Err(refuse("evaluation knows no language models"));
                        }
                    },
                },
            ))
        };
        let steps = definition.steps.iter().map(float).collect::<Result<Vec<_>, Error>>()?;
        if !matches!(steps.last(), Some((_, Float::Argmax))) {
            return Err(refuse("evaluation needs an operation that ends in an argmax"));
        }
        Ok(Self { input: &input.name, kind: &input.kind, steps, engine })
    }

    /// The class of one example, given as the bytes of the operation's input.
    pub fn class(&self, example: &[u8]) -> Result<i64, Error> {
        let tensor = self.kind.tensor().ok_or_else(|| refuse("the input is no tensor"))?;
        let step = quantize::step(tensor);
        let reals = tensor.integers(example)?.into_iter().map(|integer| integer as f64 * step);
        let mut values = BTreeMap::from([(self.input, (tensor.shape().to_vec(), reals.collect()))]);
        for (step, float) in &self.steps {
            let inputs: Vec<&(Vec<u32>, Vec<f64>)> =
                step.inputs.iter().filter_map(|name| values.get(name)).collect();
            let outputs = self.outputs(step, float, &inputs)?;
            for ((name, kind), reals) in step.outputs.iter().zip(outputs) {
                let shape = kind.tensor().map(|tensor| tensor.shape().to_vec());
                values.insert(name, (shape.unwrap_or_default(), reals));
            }
        }
        let last = self.steps.last().and_then(|(step, _)| step.outputs.first());
        let class = last.and_then(|(name, _)| values.get(name)?.1.first().copied());
        class.map(|class| class as i64).ok_or_else(|| refuse("the last step gives no class"))
    }

    fn outputs(
        &self,
        step: &Step,
        float: &Float,
        inputs: &[&(Vec<u32>, Vec<f64>)],
    ) -> Result<Vec<Vec<f64>>, Error> {
        match (float, &step.function) {
            (Float::Torch, Function::Model(model)) => {
                let single = |(shape, reals): &&(Vec<u32>, Vec<f64>)| Tensor {
                    shape: shape.clone(),
                    reals: reals.iter().map(|real| *real as f32).collect(),
                };
                let inputs: Vec<_> = inputs.iter().map(single).collect();
                let outputs = self.engine.run(model, &inputs);
                let outputs = outputs
                    .map_err(|error| Error::Engine {
                        step: step.name.clone(),
                        why: error.to_string(),
                    })?
                    .into_iter();
                Ok(outputs
                    .map(|output| output.reals.into_iter().map(f64::from).collect())
                    .collect())
            }
            (Float::Graph(graph), _) => {
                let inputs: Vec<_> = inputs.iter().map(|(_, reals)| reals.clone()).collect();
                Ok(graph.run(&inputs)?)
            }
            _ => {
                let reals = inputs.first().map_or(&[][..], |(_, reals)| reals.as_slice());
                // The lowest index among equals, as the glue function has it.
                let best = reals.iter().enumerate().fold(None, |best, (index, real)| match best {
                    Some((_, greatest)) if *real <= greatest => best,
                    _ => Some((index, *real)),
                });
                Ok(vec![best.map(|(index, _)| index as f64).into_iter().collect()])
            }
        }
    }
}

fn refuse(why: &str) -> Error {
    Error::Usage { why: why.to_owned() }
}
