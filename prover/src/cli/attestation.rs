//! `attestation` and `conformance`: attestation documents by themselves.

use std::{collections::BTreeMap, path::Path};

use assay_verifier::attestation::{
    CertificateTime, Document, Policy, Root, Trust, conformance,
    report::{CertificateReport, Clock, Inspection, Report},
    verify_archived, verify_live,
};

use super::{Outcome, args::AttestationVerifyArgs, read, receipt};
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
    let report = Document::parse(&bytes).and_then(|document| match args.archived {
        true => verify_archived(&document, &policy).map(|archived| archived.report()),
        false => verify_live(&document, &policy, now).map(|live| live.report()),
    });
    match report {
        Err(error) => return refused(error),
        Ok(report) if args.json => print!("{}", report.to_json()),
        Ok(report) => describe(&report),
    }
    Ok(Outcome::Accepted)
}

/// Shows what a document says.
pub(super) fn inspect(file: &Path, json: bool) -> Result<Outcome, Error> {
    let inspection = match Inspection::of(&read(file)?) {
        Ok(inspection) => inspection,
        Err(error) => return refused(error),
    };
    if json {
        print!("{}", inspection.to_json());
        return Ok(Outcome::Accepted);
    }
    println!("{}", inspection.notice);
    let unclear = "not stated in the usual form";
    println!("module      {}", inspection.module_id);
    println!("instance    {}", inspection.instance.as_deref().unwrap_or(unclear));
    println!("region      {}", inspection.region.as_deref().unwrap_or(unclear));
    println!("launched    {}", inspection.launched_ms.map_or(unclear.into(), utc));
    println!("timestamp   {}", utc(inspection.timestamp_ms));
    println!("enclave     {}", inspection.enclave);
    pcrs(&inspection.pcrs);
    for CertificateReport { common_name, window_ms, serial: _ } in &inspection.certificates {
        let name = common_name.as_deref().unwrap_or("?");
        println!("certificate {name}, {}", window(*window_ms));
    }
    Ok(Outcome::Accepted)
}

/// Runs a file of cases and prints every disagreement.
pub(super) fn conformance(file: &Path, json: bool) -> Result<Outcome, Error> {
    let outcomes = conformance::run(&read(file)?)
        .map_err(|error| Error::Usage { why: format!("{}: {error}", file.display()) })?;
    let summary = conformance::Summary(outcomes);
    println!("{}", if json { summary.to_json() } else { summary.to_string() });
    Ok(if summary.disagreed() == 0 { Outcome::Accepted } else { Outcome::Refused })
}

fn refused(error: assay_verifier::attestation::Error) -> Result<Outcome, Error> {
    println!("refused: {}", error.code());
    println!("  {error} (FORMAT.md §{})", error.section());
    println!("  hint: {}", error.hint());
    Ok(Outcome::Refused)
}

fn describe(report: &Report) {
    println!("accepted");
    if !report.root.aws {
        println!("NOT AWS: the policy names another root, {}", report.root.common_name);
    }
    if report.mode == Clock::Archived {
        println!("as of its own time: this says nothing about now");
    }
    println!("module      {}", report.module_id);
    println!("instance    {}", report.instance);
    println!("region      {}", report.region.as_deref().unwrap_or("not checked"));
    println!("launched    {}", report.launched_ms.map_or("not stated".into(), utc));
    println!("timestamp   {}", utc(report.timestamp_ms));
    if let Clock::Live { now_ms } = report.mode {
        println!("age         {} s", now_ms.saturating_sub(report.timestamp_ms) / 1000);
    }
    println!("leaf        {}", window(report.leaf_ms));
    println!("enclave     {}", report.enclave);
    pcrs(&report.pcrs);
    for word in &report.loosened {
        println!("loosened    {word}");
    }
    for line in &report.trust {
        println!("trust       {line}");
    }
}

/// Those that are not zero.
fn pcrs(registers: &BTreeMap<u8, String>) {
    for (index, pcr) in registers.iter().filter(|(_, pcr)| pcr.bytes().any(|digit| digit != b'0')) {
        println!("PCR{index:<9}{pcr}");
    }
}

fn window([from, to]: [i64; 2]) -> String {
    let date = CertificateTime::of_unix_millis;
    format!("{} to {}", date(from), date(to))
}

fn utc(millis: u64) -> String {
    CertificateTime::of_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX)).to_string()
}
