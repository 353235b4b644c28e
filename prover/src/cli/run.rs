//! `run`: the one command that needs libtorch.

use std::{collections::BTreeMap, path::PathBuf};

use assay_verifier::{
    ids::{Name, Nonce, Sha256Digest},
    operation::NonceClaim,
    receipt::Receipt,
};

use super::{Outcome, Start, args::RunArgs, read, receipt, write};
use crate::{
    attester,
    definition::Definition,
    error::Error,
    input,
    keys::KeyStore,
    random,
    run::{Attestation, Progress, Request, Runner, Tee},
};

/// Runs an operation once and writes its receipt.
pub(super) fn run(args: &RunArgs, start: Start<'_>) -> Result<Outcome, Error> {
    let definition = Definition::read(&args.operation)?;
    let request = Request {
        inputs: inputs(&definition, &args.inputs)?,
        nonce: nonce(args.nonce.as_deref())?,
        attestation: if args.document { Attestation::Document } else { Attestation::Session },
        choice: definition.choices().into_iter().next().unwrap_or_default(),
    };
    let state = state(args.state.clone())?;
    let configuration = *Sha256Digest::of(&read(&args.operation)?).as_bytes();
    let attester = attester::open(&state.join("attester"), Some(configuration))?;
    let keys = KeyStore::new(state.join("keys"));
    let engine = start()?;
    let mut progress = Progress::Terminal;
    tell!("attester     {}", attester.describe());
    let runner = Runner::prepare(definition, &keys, &mut progress)?;
    let mut tee = Tee::new(engine.as_ref(), attester.as_ref());
    let receipt = runner.run(&request, &mut tee, receipt::now()?, &mut progress)?;
    let bytes = receipt.to_bytes();
    write(&args.output, &bytes)?;
    results(&receipt);
    say!(
        "receipt: {} ({} bytes, operation {})",
        args.output.display(),
        bytes.len(),
        receipt.digest()
    );
    Ok(Outcome::Accepted)
}

/// `NAME=FILE`, or `FILE` where the operation has one input.
fn inputs(definition: &Definition, given: &[String]) -> Result<BTreeMap<Name, Vec<u8>>, Error> {
    let mut values = BTreeMap::new();
    for text in given {
        let named = text.split_once('=');
        let (input, path) = match (named, definition.inputs.as_slice()) {
            (Some((name, path)), inputs) => {
                let found = inputs.iter().find(|input| input.name.as_str() == name);
                (found.ok_or_else(|| usage(format!("the operation has no input {name:?}")))?, path)
            }
            (None, [only]) => (only, text.as_str()),
            (None, _) => return Err(usage(format!("--input {text}: expected NAME=FILE"))),
        };
        let bytes = input::read(&input.name, &input.kind, path.as_ref())?;
        if values.insert(input.name.clone(), bytes).is_some() {
            return Err(usage(format!("--input {} is given twice", input.name)));
        }
    }
    Ok(values)
}

/// The client's nonce, or one of ours, which is marked so.
pub(super) fn nonce(given: Option<&str>) -> Result<NonceClaim, Error> {
    let Some(text) = given else {
        return Ok(NonceClaim::Server(Nonce::new(&random::bytes::<32>()?)?));
    };
    let bytes = hex::decode(text).map_err(|error| usage(format!("--nonce: {error}")))?;
    Ok(NonceClaim::Client(Nonce::new(&bytes)?))
}

/// Where keys live: `--state`, else `$ASSAY_CACHE/state`, else `~/.cache/assay/state`.
pub(super) fn state(given: Option<PathBuf>) -> Result<PathBuf, Error> {
    let cache = std::env::var_os("ASSAY_CACHE").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/assay"));
    match (given, cache.or_else(home)) {
        (Some(state), _) => Ok(state),
        (None, Some(cache)) => Ok(cache.join("state")),
        (None, None) => Err(usage("give --state: neither ASSAY_CACHE nor HOME is set".to_owned())),
    }
}

/// What the receipt discloses of values that no step takes.
pub(super) fn results(receipt: &Receipt) {
    let operation = receipt.operation();
    for opening in receipt.openings() {
        let taken = operation.steps.iter().any(|step| step.inputs.contains(&opening.value));
        let Some(value) = operation.value(opening.value).filter(|_| !taken) else { continue };
        let tensor = value.kind.tensor().zip(opening.bytes.as_deref());
        let integers = tensor.and_then(|(tensor, bytes)| tensor.integers(bytes).ok());
        match integers.as_deref() {
            Some([one]) => say!("{} = {one}", value.name),
            Some(many) if many.len() <= 16 => say!("{} = {many:?}", value.name),
            _ => say!("{} = {}", value.name, value.kind),
        }
    }
}

fn usage(why: String) -> Error {
    Error::Usage { why }
}
