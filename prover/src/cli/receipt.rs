//! `verify`, `explain` and `inspect`.

use std::path::Path;

use assay_verifier::{
    Clock, Expected, UnixMillis, explain as examine,
    policy::Policy,
    report::{Report, Verdict},
};

use super::{Outcome, args::VerifyArgs, print, read};
use crate::{error::Error, input};

/// Accepts or refuses: one line, the results, and what remains on trust.
pub(super) fn verify(args: &VerifyArgs) -> Result<Outcome, Error> {
    let report = report(args)?;
    if args.json {
        put!("{}", report.to_json());
    } else {
        print::verdict(&report);
    }
    Ok(outcome(&report))
}

/// The whole report.
pub(super) fn explain(args: &VerifyArgs) -> Result<Outcome, Error> {
    let report = report(args)?;
    if args.json {
        put!("{}", report.to_json());
    } else {
        print::report(&report);
    }
    Ok(outcome(&report))
}

/// What a receipt says.
pub(super) fn inspect(file: &Path) -> Result<Outcome, Error> {
    match assay_verifier::inspect::inspect(&read(file)?) {
        Ok(view) => {
            put!("{}", view.to_json());
            Ok(Outcome::Accepted)
        }
        Err(error) => {
            print::error(&Error::Verifier(error));
            Ok(Outcome::Refused)
        }
    }
}

fn report(args: &VerifyArgs) -> Result<Report, Error> {
    let receipt = read(&args.receipt)?;
    let policy = Policy::from_json(&read(&args.policy)?)?;
    let clock = match args.archived {
        true => Clock::Archived,
        false => Clock::Live(clock(args.now_ms)?),
    };
    let mut expected = Expected { nonce: args.nonce.clone(), ..Expected::default() };
    for given in &args.values {
        let Some(kind) = policy.type_of(&given.name) else {
            let name = given.name.clone();
            return Err(assay_verifier::Error::CallerValueUnknown { found: name }.into());
        };
        let bytes = input::read(&given.name, kind, &given.path)?;
        if expected.values.insert(given.name.clone(), bytes).is_some() {
            return Err(Error::Usage { why: format!("--value {} is given twice", given.name) });
        }
    }
    Ok(examine(&receipt, &policy, clock, &expected))
}

fn outcome(report: &Report) -> Outcome {
    match report.verdict {
        Verdict::Accepted => Outcome::Accepted,
        Verdict::Refused => Outcome::Refused,
    }
}

fn millis(now: u64) -> Result<UnixMillis, Error> {
    UnixMillis::new(now).map_err(|error| Error::Usage { why: format!("--now-ms: {error}") })
}

/// The time that was given, or the system's.
pub(super) fn clock(given: Option<u64>) -> Result<UnixMillis, Error> {
    given.map_or_else(now, millis)
}

/// The system's clock.
pub(crate) fn now() -> Result<UnixMillis, Error> {
    crate::clock::Clock::default().now()
}
