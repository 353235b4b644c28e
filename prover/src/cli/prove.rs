//! `prove`: one model, one input, one receipt.

use std::time::Instant;

use assay_verifier::{
    ids::Name,
    value::{TensorType, Type},
};
use assay_zkml::Compiled;

use super::{Outcome, args::ProveArgs, memory, read, receipt, run, write};
use crate::{
    error::Error,
    folder::Folder,
    input,
    single::{self, Proved},
};

/// Proves, verifies and writes, in this order.
pub(super) fn run(args: &ProveArgs) -> Result<Outcome, Error> {
    let nonce = run::nonce(args.nonce.as_deref())?;
    let folder = Folder::open(&args.folder)?;
    let begun = Instant::now();
    let compiled = folder.compile()?;
    let compile_s = begun.elapsed().as_secs_f64();
    let inputs = inputs(&compiled, args)?;
    let begun = Instant::now();
    let keys = folder.keys(&compiled)?;
    let opening = begun.elapsed();
    let Proved { receipt, witness, proof, verify } =
        single::prove(&compiled, folder.model()?, &keys, inputs, nonce, receipt::now()?)?;
    let bytes = receipt.to_bytes();
    write(&args.output, &bytes)?;
    let prove = opening + witness + proof;
    if args.json {
        let object = serde_json::json!({
            "rows": compiled.r1cs().constraints(),
            "domain": compiled.r1cs().domain(),
            "compile_s": compile_s,
            "witness_s": witness.as_secs_f64(),
            "prove_s": prove.as_secs_f64(),
            "verify_s": verify.as_secs_f64(),
            "peak_rss_mb": memory::peak_mb(),
            "proof_bytes": 192,
            "receipt_bytes": bytes.len(),
            "operation": receipt.digest(),
            "outputs": outputs(&compiled, &receipt)?,
        });
        println!("{object}");
    } else {
        run::results(&receipt);
        println!(
            "receipt: {} ({} bytes, operation {}), proved in {:.3} s, verified in {:.3} s",
            args.output.display(),
            bytes.len(),
            receipt.digest(),
            prove.as_secs_f64(),
            verify.as_secs_f64(),
        );
    }
    Ok(Outcome::Accepted)
}

/// The integers that the receipt opens for every output.
fn outputs(
    compiled: &Compiled,
    receipt: &assay_verifier::receipt::Receipt,
) -> Result<Vec<Vec<i64>>, Error> {
    let count = compiled.program().input_types().count();
    let opened = receipt.openings().iter().filter(|opening| opening.value as usize >= count);
    let bytes = opened.filter_map(|opening| opening.bytes.as_deref());
    let integers = compiled.program().output_types().zip(bytes);
    Ok(integers.map(|(kind, bytes)| kind.integers(bytes)).collect::<Result<_, _>>()?)
}

/// The integers of every input: from `{"input_data": [[real, …], …]}`, a list of reals per input; else,
/// where there is one input, from a file as `run` takes it.
fn inputs(compiled: &Compiled, args: &ProveArgs) -> Result<Vec<Vec<i64>>, Error> {
    let bytes = read(&args.input)?;
    let usage = |why: String| Error::Usage { why: format!("{}: {why}", args.input.display()) };
    let json: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let kinds: Vec<&TensorType> = compiled.program().input_types().collect();
    let Some(data) = json.as_ref().and_then(|json| json.get("input_data")) else {
        let [kind] = kinds[..] else {
            return Err(usage(format!("expected input_data, {} lists of numbers", kinds.len())));
        };
        let name = Name::new("input")?;
        let bytes = input::read(&name, &Type::Tensor(kind.clone()), &args.input)?;
        return Ok(vec![kind.integers(&bytes)?]);
    };
    let lists = data.as_array().filter(|lists| lists.len() == kinds.len());
    let lists = lists.ok_or_else(|| usage(format!("input_data must be {} lists", kinds.len())))?;
    let declared = compiled.manifest().inputs.iter();
    let integers = lists.iter().zip(declared).zip(kinds).map(|((list, declared), kind)| {
        let refuse = |why: String| usage(format!("input {}: {why}", declared.name));
        let mut reals = vec![];
        flatten(list, &mut reals).map_err(&refuse)?;
        let unit = 2f64.powi(i32::from(kind.scale()));
        let integers = reals.iter().enumerate().map(|(index, real)| {
            // Beyond `i64` the conversion saturates, and is out of every range.
            let integer = (real / unit).round_ties_even() as i64;
            match (declared.low..=declared.high).contains(&integer) {
                true => Ok(integer),
                false => Err(refuse(format!(
                    "element {index} is {real}, the declared range is {} to {}",
                    declared.low as f64 * unit,
                    declared.high as f64 * unit
                ))),
            }
        });
        integers.collect()
    });
    integers.collect()
}

/// The numbers of nested lists, in order.
fn flatten(json: &serde_json::Value, into: &mut Vec<f64>) -> Result<(), String> {
    match json {
        serde_json::Value::Array(items) => items.iter().try_for_each(|item| flatten(item, into)),
        other => {
            let real = other.as_f64().filter(|real| real.is_finite());
            into.push(real.ok_or_else(|| format!("expected lists of numbers, found {other}"))?);
            Ok(())
        }
    }
}
