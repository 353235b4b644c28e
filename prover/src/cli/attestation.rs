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
        Ok(report) if args.json => put!("{}", report.to_json()),
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
        put!("{}", inspection.to_json());
        return Ok(Outcome::Accepted);
    }
    say!("{}", inspection.notice);
    let unclear = "not stated in the usual form";
    say!("module      {}", inspection.module_id);
    say!("instance    {}", inspection.instance.as_deref().unwrap_or(unclear));
    say!("region      {}", inspection.region.as_deref().unwrap_or(unclear));
    say!("launched    {}", inspection.launched_ms.map_or(unclear.into(), utc));
    say!("timestamp   {}", utc(inspection.timestamp_ms));
    say!("enclave     {}", inspection.enclave);
    pcrs(&inspection.pcrs);
    for CertificateReport { common_name, window_ms, serial: _ } in &inspection.certificates {
        let name = common_name.as_deref().unwrap_or("?");
        say!("certificate {name}, {}", window(*window_ms));
    }
    Ok(Outcome::Accepted)
}

/// Runs a file of cases and prints every disagreement.
pub(super) fn conformance(file: &Path, json: bool) -> Result<Outcome, Error> {
    let outcomes = conformance::run(&read(file)?)
        .map_err(|error| Error::Usage { why: format!("{}: {error}", file.display()) })?;
    let summary = conformance::Summary(outcomes);
    say!("{}", if json { summary.to_json() } else { summary.to_string() });
    Ok(if summary.disagreed() == 0 { Outcome::Accepted } else { Outcome::Refused })
}

fn refused(error: assay_verifier::attestation::Error) -> Result<Outcome, Error> {
    say!("refused: {}", error.code());
    say!("  {error} (FORMAT.md §{})", error.section());
    say!("  hint: {}", error.hint());
    Ok(Outcome::Refused)
}

fn describe(report: &Report) {
    say!("accepted");
    if !report.root.aws {
        say!("NOT AWS: the policy names another root, {}", report.root.common_name);
    }
    if report.mode == Clock::Archived {
        say!("as of its own time: this says nothing about now");
    }
    say!("module      {}", report.module_id);
    say!("instance    {}", report.instance);
    say!("region      {}", report.region.as_deref().unwrap_or("not checked"));
    say!("launched    {}", report.launched_ms.map_or("not stated".into(), utc));
    say!("timestamp   {}", utc(report.timestamp_ms));
    if let Clock::Live { now_ms } = report.mode {
        say!("age         {} s", now_ms.saturating_sub(report.timestamp_ms) / 1000);
    }
    say!("leaf        {}", window(report.leaf_ms));
    say!("enclave     {}", report.enclave);
    pcrs(&report.pcrs);
    for word in &report.loosened {
        say!("loosened    {word}");
    }
    for line in &report.trust {
        say!("trust       {line}");
    }
}

/// Those that are not zero.
fn pcrs(registers: &BTreeMap<u8, String>) {
    for (index, pcr) in registers.iter().filter(|(_, pcr)| pcr.bytes().any(|digit| digit != b'0')) {
        say!("PCR{index:<9}{pcr}");
    }
}

fn window([from, to]: [i64; 2]) -> String {
    let date = CertificateTime::of_unix_millis;
    format!("{} to {}", date(from), date(to))
}

fn utc(millis: u64) -> String {
    CertificateTime::of_unix_millis(i64::try_from(millis).unwrap_or(i64::MAX)).to_string()
}
