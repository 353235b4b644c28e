//! `prove`: one model, one input, one receipt.

use std::time::Instant;

use assay_verifier::{
    ids::Name,
    value::{TensorType, Type},
};
use assay_zkml::{Compiled, quantize_inputs};

use super::{Outcome, args::ProveArgs, memory, read, receipt, run, write};
use crate::{
    error::Error,
    folder::Folder,
    input, samples,
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
        say!("{object}");
    } else {
        run::results(&receipt);
        say!(
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
    if json.is_none_or(|json| json.get("input_data").is_none()) {
        let [kind] = kinds[..] else {
            return Err(usage(format!("expected input_data, {} lists of numbers", kinds.len())));
        };
        let name = Name::new("input")?;
        let bytes = input::read(&name, &Type::Tensor(kind.clone()), &args.input)?;
        return Ok(vec![kind.integers(&bytes)?]);
    }
    let reals = samples::lists(&bytes).map_err(usage)?;
    Ok(quantize_inputs(compiled.manifest(), &reals)?)
}
