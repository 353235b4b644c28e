//! `eval`: how often an operation is right, in floating point and as it is proved.

use assay_verifier::ids::Name;

use super::{Outcome, Start, args::EvalArgs};
use crate::{
    dataset::Dataset,
    definition::{Definition, Input},
    engine::TeeEngine,
    error::Error,
    eval::{Reference, evaluate},
    run::{Prepared, Progress, Values},
};

/// Tries every example of a split.
pub(super) fn run(args: &EvalArgs, start: Start<'_>) -> Result<Outcome, Error> {
    let definition = Definition::read(&args.operation)?;
    let dataset = Dataset::read(&args.data, &args.split)?;
    let engine = start()?;
    let reference = Reference::new(&definition, engine.as_ref())?;
    let prepared = Prepared::new(&definition, None, &mut Progress::Silent)?;
    let [input] = definition.inputs.as_slice() else {
        return Err(Error::Usage { why: "evaluation needs an operation of one input".to_owned() });
    };
    let last = definition.steps.last().and_then(|step| step.outputs.first());
    let Some((class, _)) = last else {
        return Err(Error::Usage { why: "the last step gives nothing".to_owned() });
    };
    let found = evaluate(&reference, &dataset, |example| {
        integer(&prepared, &definition, engine.as_ref(), (input, example), class)
    })?;
    let percent = |count: u32| 100.0 * f64::from(count) / f64::from(found.examples.max(1));
    say!("{} of {}, {} examples", definition.name, args.split, found.examples);
    say!("  in floating point   {:>6.2} %", percent(found.float_right));
    say!("  as it is proved     {:>6.2} %", percent(found.integer_right));
    say!("  same answer         {:>6.2} %", percent(found.same));
    Ok(Outcome::Accepted)
}

/// The class that the operation gives, executed as a receipt's would be.
fn integer(
    prepared: &Prepared,
    definition: &Definition,
    engine: &dyn TeeEngine,
    (input, example): (&Input, &[u8]),
    class: &Name,
) -> Result<i64, Error> {
    let inputs = Values::from([(input.name.clone(), (input.kind.clone(), example.to_vec()))]);
    let values = prepared.run(definition, inputs, engine, &mut Progress::Silent)?;
    let found = values.get(class).and_then(|(kind, bytes)| Some((kind.tensor()?, bytes)));
    let (tensor, bytes) =
        found.ok_or_else(|| Error::Usage { why: format!("{class} is no class") })?;
    let integers = tensor.integers(bytes)?;
    integers.first().copied().ok_or_else(|| Error::Usage { why: format!("{class} is empty") })
}
