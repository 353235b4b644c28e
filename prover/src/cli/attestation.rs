//! `attestation` and `conformance`: attestation documents by themselves.

use std::path::Path;

use assay_verifier::attestation::{
    Authentic, Document, Policy, Root, Trust, conformance, verify_archived, verify_live,
};

use super::{Outcome, args::AttestationVerifyArgs, print, read, receipt};
use crate::error::Error;

/// Accepts or refuses a document under a policy.
pub(super) fn verify(args: &AttestationVerifyArgs) -> Result<Outcome, Error> {
    let bytes = read(&args.document)?;
    let mut policy = Policy::from_json(&read(&args.policy)?)
        .map_err(|error| Error::Usage { why: format!("{}: {error}", args.policy.display()) })?;
    if let Some(root) = &args.root {
        let root = Root::named(&read(root)?).map_err(assay_verifier::Error::from)?;
        policy.trust = Trust { root, ..policy.trust };
    }
    let now = receipt::clock(args.now_ms)?;
    let document = match Document::parse(&bytes) {
        Ok(document) => document,
        Err(error) => return refused(error),
    };
    let archived = args.archived.then(|| verify_archived(&document, &policy));
    match archived {
        Some(Ok(archived)) => {
            println!("accepted, as of its own time: this says nothing about now");
            describe(archived.authentic());
        }
        Some(Err(error)) => return refused(error),
        None => match verify_live(&document, &policy, now) {
            Ok(live) => {
                println!("accepted");
                describe(live.authentic());
            }
            Err(error) => return refused(error),
        },
    }
    Ok(Outcome::Accepted)
}

/// Shows what a document says.
pub(super) fn inspect(file: &Path) -> Result<Outcome, Error> {
    let bytes = read(file)?;
    let document = match Document::parse(&bytes) {
        Ok(document) => document,
        Err(error) => return refused(error),
    };
    println!("NOT VERIFIED: this is what the bytes say");
    println!("module      {}", document.unverified_module_id());
    println!("timestamp   {}", document.unverified_timestamp());
    let zero = document.unverified_pcrs().filter(|(index, _)| *index < 3);
    let debug = zero.into_iter().all(|(_, pcr)| pcr.as_bytes().iter().all(|byte| *byte == 0));
    println!("mode        {}", if debug { "debug: measured nothing" } else { "production" });
    pcrs(document.unverified_pcrs());
    for certificate in document.unverified_chain().map_err(assay_verifier::Error::from)? {
        let (from, to) = (certificate.not_before(), certificate.not_after());
        let name = certificate.common_name().unwrap_or("?");
        println!("certificate {name}, {from} to {to}");
    }
    Ok(Outcome::Accepted)
}

/// Runs a file of cases and prints every disagreement.
pub(super) fn conformance(file: &Path, json: bool) -> Result<Outcome, Error> {
    let outcomes = conformance::run(&read(file)?)
        .map_err(|error| Error::Usage { why: format!("{}: {error}", file.display()) })?;
    let mut disagreed = 0u32;
    let mut rows = Vec::new();
    for outcome in &outcomes {
        let (expected, found) = (outcome.expected.name(), outcome.code());
        rows.push(serde_json::json!({
            "id": outcome.id, "expected": expected, "got": found, "agrees": outcome.agrees(),
        }));
        if !outcome.agrees() {
            disagreed += 1;
            if !json {
                println!("{outcome}");
            }
        }
    }
    let agreed = outcomes.len() - usize::try_from(disagreed).unwrap_or(usize::MAX);
    if json {
        println!(
            "{}",
            serde_json::json!({"agreed": agreed, "disagreed": disagreed, "cases": rows})
        );
    } else {
        println!("{agreed} agreed, {disagreed} disagreed");
    }
    Ok(if disagreed == 0 { Outcome::Accepted } else { Outcome::Refused })
}

fn refused(error: assay_verifier::attestation::Error) -> Result<Outcome, Error> {
    println!("refused: {}", error.code());
    print::refusal(&error.to_string(), error.section(), error.code());
    Ok(Outcome::Refused)
}

fn describe(authentic: &Authentic<'_>) {
    println!("root        {}", authentic.root().subject_common_name());
    if !authentic.root().is_aws() {
        println!("            NOT AWS: a root that the caller named");
    }
    println!("module      {}", authentic.module_id());
    println!("instance    {}", authentic.instance());
    println!("region      {}", authentic.region().unwrap_or("not checked"));
    match authentic.launched_unix_millis() {
        Some(at) => println!("launched    {at} ms, by its module id"),
        None => println!("launched    not stated"),
    }
    println!("timestamp   {}", authentic.timestamp());
    let (from, to) = authentic.leaf_window();
    println!("leaf        {from} to {to}");
    println!("mode        {:?}", authentic.mode());
    pcrs(authentic.pcrs());
}

fn pcrs(registers: impl Iterator<Item = (u8, assay_verifier::attestation::Pcr)>) {
    for (index, pcr) in registers {
        if pcr.as_bytes().iter().any(|byte| *byte != 0) {
            println!("PCR{index:<9}{pcr}");
        }
    }
}
