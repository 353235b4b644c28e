//! What people see on a terminal.

use assay_verifier::report::{Report, Status, ValueReport, Verdict};

use super::hints;
use crate::error::Error;

/// `assay: error: …`, then a hint where there is one.
pub(super) fn error(error: &Error) {
    tell!("assay: error: {error} [{}]", error.code());
    if let Some(hint) = hints::of(error.code()) {
        tell!("assay: hint: {hint}");
    }
}

/// The verdict, the results or the reason, and what remains on trust.
pub(super) fn verdict(report: &Report) {
    match (report.verdict, report.code) {
        (Verdict::Accepted, _) => {
            say!("accepted");
            results(report);
            steps(report);
            trust(report);
        }
        (Verdict::Refused, code) => {
            let code = code.unwrap_or_default();
            say!("refused: {code}");
            let failed = report.checks.iter().find(|check| check.status == Status::Fail);
            if let Some(check) = failed {
                let subject = check.subject.as_deref().map(|of| format!(" of {of}"));
                say!(
                    "  {}{}: {} (FORMAT.md §{})",
                    check.id,
                    subject.unwrap_or_default(),
                    check.says,
                    check.section
                );
            }
            if let Some(hint) = hints::of(code) {
                say!("  hint: {hint}");
            }
        }
    }
}

/// Everything.
pub(super) fn report(report: &Report) {
    say!("checks");
    for check in &report.checks {
        let status = match check.status {
            Status::Fail => "FAIL",
            Status::Info => "info",
            Status::Pass => "pass",
            Status::Skip => "skip",
        };
        let subject = check.subject.as_deref().unwrap_or("-");
        say!("  {status}  {:<16} {subject:<18.18} §{:<5} {}", check.id, check.section, check.says);
        if let Some(code) = check.code {
            say!("        code {code}");
        }
    }
    steps(report);
    claims(report);
    if !report.values.is_empty() {
        say!("values that match their commitments");
        report.values.iter().for_each(value);
    }
    trust(report);
    verdict_line(report);
}

fn verdict_line(report: &Report) {
    match (report.verdict, report.code) {
        (Verdict::Accepted, _) => say!("accepted"),
        (Verdict::Refused, code) => say!("refused: {}", code.unwrap_or_default()),
    }
}

fn results(report: &Report) {
    let shown = report.values.iter().filter(|value| report.results.contains(&value.name));
    shown.for_each(value);
}

fn value(value: &ValueReport) {
    match value.integers.as_deref() {
        Some([one]) => say!("  {} = {one}", value.name),
        Some(many) if many.len() <= 16 => say!("  {} = {many:?}", value.name),
        _ => say!("  {} = {}, SHA-256 {}", value.name, value.kind, value.sha256),
    }
}

fn steps(report: &Report) {
    say!("steps");
    for step in &report.steps {
        let join = |names: &[assay_verifier::ids::Name]| {
            names.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let pending = match step.pending.is_empty() {
            true => String::new(),
            false => format!(", {} pending", step.pending),
        };
        let wiring = format!("{} -> {}", join(&step.inputs), join(&step.outputs));
        say!("  {:<12} {wiring:<22} shown by {}{pending}", step.name.as_str(), step.held);
    }
}

/// What is said of the whole and of each step, and who vouches for it.
fn claims(report: &Report) {
    if report.claims.is_empty() {
        return;
    }
    say!("claims, and who vouches for them");
    for claim in &report.claims {
        let by = claim.vouched_by.join(", ");
        say!("  {:<12} {} {} ({by})", "all", claim.field, claim.value);
    }
    for step in &report.steps {
        for setting in &step.settings {
            let by = setting.vouched_by.join(", ");
            say!("  {:<12} {} {} ({by})", step.name.as_str(), setting.name, setting.value);
        }
    }
}

fn trust(report: &Report) {
    if !report.loosened.is_empty() {
        say!("loosened by the policy");
        report.loosened.iter().for_each(|word| say!("  {word}"));
    }
    say!("what you still trust");
    for line in &report.trust {
        let step = line.step.as_ref().map_or("all", |name| name.as_str());
        say!("  {step:<12} {}", line.assumption);
    }
    for path in &report.paths {
        for way in &path.methods {
            say!("from {} to {}: shown by {}", path.input, path.result, way.join(", "));
        }
    }
}
