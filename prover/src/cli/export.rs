//! `export`: for other people's tools, which then judge ours.

use std::path::Path;

use assay_verifier::{card::Card, evidence::Evidence, public_inputs, receipt::Receipt};
use assay_zkml::snarkjs;

use super::{Outcome, read, write};
use crate::{error::Error, folder::Folder};

/// The circuit, as `.r1cs`.
pub(super) fn r1cs(folder: &Path, output: &Path) -> Result<Outcome, Error> {
    let compiled = Folder::open(folder)?.compile()?;
    write(output, &compiled.r1cs().to_bytes())?;
    say!("{}: circuit {}", output.display(), compiled.circuit());
    Ok(Outcome::Accepted)
}

/// What `snarkjs groth16 verify` takes. Nothing is verified here: that is for snarkjs.
pub(super) fn snarkjs(receipt: &Path, output: &Path) -> Result<Outcome, Error> {
    let usage = |why: &str| Error::Usage { why: format!("{}: {why}", receipt.display()) };
    let receipt = Receipt::from_bytes(&read(receipt)?)?;
    let proofs = receipt.evidence().iter().filter_map(|evidence| match evidence {
        Evidence::Zk { proof, step } => Some((proof, *step)),
        _ => None,
    });
    let (proof, step) =
        proofs.min_by_key(|(_, step)| *step).ok_or_else(|| usage("it has no proof"))?;
    let steps = &receipt.operation().steps;
    let found = usize::try_from(step).ok().and_then(|step| steps.get(step));
    let claim = found.ok_or_else(|| usage("its proof is of no step"))?;
    let mut cards = receipt.cards().filter(|(digest, _)| Some(*digest) == claim.card);
    let (_, card) = cards.next().ok_or_else(|| usage("it has no card for its proof"))?;
    let card = Card::from_bytes(card)?;
    let openings = receipt.openings().iter();
    let opened = openings.filter_map(|o| Some((o.value, o.bytes.clone()?))).collect();
    let inputs = public_inputs(&receipt, step, &card, &opened)?;
    let files = [
        ("verification_key.json", snarkjs::verification_key(&card.key, inputs.len())?),
        ("proof.json", snarkjs::proof(proof.as_slice())?),
        ("public.json", snarkjs::public(&inputs)),
    ];
    for (name, json) in files {
        write(&output.join(name), format!("{json:#}\n").as_bytes())?;
    }
    say!("{}: verification_key.json, proof.json, public.json", output.display());
    Ok(Outcome::Accepted)
}
