//! Glue steps, executed here (FORMAT.md §7).

use super::{check_id::CheckId, examination::Examination, values::Opened};
use crate::{
    Error,
    glue::Glue,
    operation::{Function, Method, Operation, Step},
    receipt::Receipt,
    report::{Check, Status},
};

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt, values: &Opened) {
    let operation = receipt.operation();
    for (index, step) in (0u32..).zip(&operation.steps) {
        let Function::Glue(name) = &step.function else { continue };
        let known = |list: &[u32]| list.iter().all(|value| values.contains_key(value));
        match Glue::named(name) {
            Err(error) => exam.fail_of(CheckId::Recompute, &step.name, error),
            Ok(_) if !known(&step.inputs) || !known(&step.outputs) => {
                let says = "a value that it takes or gives is not disclosed".to_owned();
                exam.note(Check::new(CheckId::Recompute, Status::Skip, says).of(&step.name));
            }
            Ok(glue) => match again(operation, step, glue, values) {
                Ok(()) => {
                    let says = "executed here, with the same outcome".to_owned();
                    exam.note(Check::new(CheckId::Recompute, Status::Pass, says).of(&step.name));
                    exam.hold(index, Method::Recompute);
                }
                Err(error) => exam.fail_of(CheckId::Recompute, &step.name, error),
            },
        }
    }
}

fn again(operation: &Operation, step: &Step, glue: Glue, values: &Opened) -> Result<(), Error> {
    let mut inputs = Vec::new();
    for index in &step.inputs {
        let (Some(value), Some(bytes)) = (operation.value(*index), values.get(index)) else {
            return Err(Error::GlueArguments { why: "an input is not known" });
        };
        inputs.push((&value.kind, bytes.as_slice()));
    }
    let [output] = step.outputs.as_slice() else {
        return Err(Error::GlueArguments { why: "glue gives one value" });
    };
    let (Some(value), Some(claimed)) = (operation.value(*output), values.get(output)) else {
        return Err(Error::GlueArguments { why: "the output is not known" });
    };
    let kinds: Vec<_> = inputs.iter().map(|(kind, _)| *kind).collect();
    let kind = glue.output_type(&step.settings, &kinds)?;
    if kind != value.kind {
        return Err(Error::RecomputeType {
            step: step.name.clone(),
            expected: kind.to_string(),
            found: value.kind.to_string(),
        });
    }
    let expected = glue.run(&step.settings, &inputs)?;
    if expected != *claimed {
        return Err(Error::RecomputeMismatch {
            step: step.name.clone(),
            expected: hex::encode(expected.get(..expected.len().min(32)).unwrap_or_default()),
            found: hex::encode(claimed.get(..claimed.len().min(32)).unwrap_or_default()),
        });
    }
    Ok(())
}
