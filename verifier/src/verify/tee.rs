//! Attestation evidence: who signed, which image, for which operation and steps (FORMAT.md §5, §8).

use p384::ecdsa::{Signature, VerifyingKey, signature::Verifier as _};

use super::{Clock, check_id::CheckId, examination::Examination};
use crate::{
    Error, UnixMillis,
    attestation::{
        Authentic, Binding, DebugEnclaves, Document, Freshness, Nonce, PcrSets, PublicKey, Trust,
        UserData,
    },
    evidence::{Evidence, session_user_data, tee_message, tee_statement},
    ids::Name,
    operation::Method,
    policy::{Image, Policy, Release},
    receipt::Receipt,
    report::{Check, Status},
    work::{Work, does},
};

pub(super) fn check(exam: &mut Examination<'_>, receipt: &Receipt) {
    for evidence in receipt.evidence() {
        let Some(document) = evidence.document() else { continue };
        let subject = super::values::names(&steps(receipt, evidence));
        match attested(exam, receipt, evidence, document) {
            Err(error) => exam.fail_of(CheckId::TeeEvidence, &subject, error),
            Ok(None) => {
                let says = "the policy names no image for these steps: ignored".to_owned();
                exam.note(Check::new(CheckId::TeeEvidence, Status::Skip, says).of(&subject));
            }
            Ok(Some((image, at, says))) => {
                exam.note(Check::new(CheckId::TeeEvidence, Status::Pass, says).of(&subject));
                exam.attested_at.push(at);
                for step in evidence.steps() {
                    exam.hold(*step, Method::Tee);
                    exam.attested.insert(*step, image.clone());
                }
            }
        }
    }
}

/// Names of the steps that the evidence is for.
fn steps(receipt: &Receipt, evidence: &Evidence) -> Vec<Name> {
    let steps = &receipt.operation().steps;
    let step = |index: &u32| steps.get(usize::try_from(*index).ok()?);
    evidence.steps().iter().filter_map(step).map(|step| step.name.clone()).collect()
}

/// The image that the attestation shows, when, and in words; `None` where the policy has no image to
/// hold it against.
fn attested(
    exam: &Examination<'_>,
    receipt: &Receipt,
    evidence: &Evidence,
    bytes: &[u8],
) -> Result<Option<(Name, UnixMillis, String)>, Error> {
    let document = Document::parse(bytes)?;
    let candidates = candidates(exam.release, evidence.steps());
    let Some((_, first)) = candidates.first() else { return Ok(None) };
    // The document says which root it ends at; only a root that the policy names is a candidate.
    let chain = document.unverified_chain()?;
    let own = |image: &Image| chain.first().is_some_and(|root| root.der() == image.root().der());
    let root = candidates.iter().find(|(_, image)| own(image)).map_or(first, |(_, image)| image);
    let images: Vec<_> = candidates.iter().filter(|(_, i)| i.root() == root.root()).collect();

    let at = match exam.clock {
        Clock::Live(now) => now,
        Clock::Archived => document.unverified_timestamp(),
    };
    let denied = exam.policy.denied_certificates().to_vec();
    let trust = Trust { denied, ..Trust::new(root.root().clone()) };
    let authentic = document.authenticate(&trust, at)?;
    let (image, permitted) = permitted(&authentic, &images)?;
    bound(receipt, evidence, &authentic)?;
    in_time(exam.policy, exam.clock, &authentic)?;
    let says = says(image, permitted, &authentic, exam.clock);
    Ok(Some((image.clone(), authentic.timestamp(), says)))
}

/// The images that may cover every one of the steps.
fn candidates<'p>(release: &'p Release, steps: &[u32]) -> Vec<(&'p Name, &'p Image)> {
    let planned: Vec<_> = steps.iter().map(|step| release.plan().step(*step)).collect();
    let Some(Some(first)) = planned.first() else { return Vec::new() };
    let by_all =
        |name: &Name| planned.iter().all(|step| step.is_some_and(|s| s.images.contains(name)));
    release.images_of(first).filter(|(name, _)| by_all(name)).collect()
}

/// The first image under which the enclave's mode, registers and configuration are permitted; else the refusal by the first whose
/// registers match whole, and else that of all.
fn permitted<'p>(
    authentic: &Authentic<'_>,
    images: &[&(&'p Name, &'p Image)],
) -> Result<(&'p Name, &'p Image), Error> {
    // A debug enclave measures nothing: what its registers are compared with says nothing of it.
    if !images.iter().any(|(_, image)| image.accepts_debug_enclave()) {
        authentic.permits_mode(DebugEnclaves::Refused)?;
    }
    let mut refusal = None;
    for (name, image) in images.iter().copied() {
        let set = PcrSets::from(image.pcrs().clone());
        if authentic.matches(&set).is_err() {
            continue;
        }
        let debug = match image.accepts_debug_enclave() {
            true => DebugEnclaves::AcceptedUnmeasured,
            false => DebugEnclaves::Refused,
        };
        let mode = authentic.permits_mode(debug).map_err(Error::from);
        match mode.and_then(|()| image.configured(name, authentic.pcrs())) {
            Ok(()) => return Ok((name, image)),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    Err(refusal.unwrap_or_else(|| unmatched(authentic, images)))
}

/// That the registers are none of the images', with the difference from the first.
fn unmatched(authentic: &Authentic<'_>, images: &[&(&Name, &Image)]) -> Error {
    let sets = images.iter().map(|(_, image)| image.pcrs().clone()).collect();
    match PcrSets::new(sets).map(|sets| authentic.matches(&sets)) {
        Ok(Err(error)) => error.into(),
        _ => Error::PolicyInconsistent { why: "no image matches".to_owned() },
    }
}

/// Live: recent. Archived: inside the policy's window.
fn in_time(policy: &Policy, clock: Clock, authentic: &Authentic<'_>) -> Result<(), Error> {
    match clock {
        Clock::Live(now) => {
            let rule = policy.live().ok_or(Error::PolicyClock { missing: "live" })?;
            let freshness = Freshness {
                max_age_ms: Some(rule.max_age_ms),
                future_skew_ms: rule.future_skew_ms,
            };
            Ok(authentic.fresh(&freshness, now)?)
        }
        Clock::Archived => {
            let window = policy.archived().ok_or(Error::PolicyClock { missing: "archived" })?;
            let found = authentic.timestamp();
            if !window.contains(found) {
                let (from_ms, to_ms) = (window.from_ms, window.to_ms);
                return Err(Error::AttestationOutsideWindow { from_ms, to_ms, found });
            }
            Ok(())
        }
    }
}

/// The document, or the key it carries, speaks for this operation and these steps.
fn bound(receipt: &Receipt, evidence: &Evidence, authentic: &Authentic<'_>) -> Result<(), Error> {
    let (digest, steps) = (receipt.digest(), evidence.steps());
    match evidence {
        Evidence::TeeDocument { .. } => {
            let nonce = receipt.operation().nonce.nonce();
            let nonce = nonce.ok_or(Error::DocumentWithoutNonce)?;
            authentic.binds(&Binding {
                nonce: Nonce::Exactly(nonce.as_bytes().to_vec()),
                user_data: UserData::Exactly(tee_statement(&digest, steps).to_vec()),
                public_key: PublicKey::Absent,
            })?;
            Ok(())
        }
        Evidence::TeeSession { signature, .. } => {
            authentic.carries_public_key(&PublicKey::Present)?;
            let key = authentic.public_key().unwrap_or_default();
            let user_data = session_user_data(key).to_vec();
            authentic.carries_user_data(&UserData::Exactly(user_data))?;
            // 97 bytes: SEC1 also has shorter forms of the same point.
            let point = <&[u8; 97]>::try_from(key).map_err(|_| Error::SessionKey)?;
            let key = VerifyingKey::from_sec1_bytes(point).map_err(|_| Error::SessionKey)?;
            let signature = Signature::from_slice(signature.as_slice());
            let signature = signature.map_err(|_| Error::SessionSignature)?;
            does(Work::Signature, 1);
            key.verify(&tee_message(&digest, steps), &signature)
                .map_err(|_| Error::SessionSignature)
        }
        Evidence::Zk { .. } => Ok(()),
    }
}

fn says(name: &Name, image: &Image, authentic: &Authentic<'_>, clock: Clock) -> String {
    let root = match image.root().is_aws() {
        true => "AWS Nitro",
        false => "an attester that is not AWS",
    };
    let time = match clock {
        Clock::Live(_) => "key or statement",
        Clock::Archived => "the time of the signature is not proved: key or statement",
    };
    let at = authentic.timestamp();
    format!(
        "{root} attests image {name} ({time} attested at {at}), which says it executed the step"
    )
}
