//! Lies about evidence: absent, of another operation, widened, by others, out of time.

use assay_verifier::{
    evidence::Evidence,
    ids::RunId,
    operation::{Method, Methods},
    receipt::Receipt,
};

use super::{Case, Row};
use crate::{
    nitro::key,
    receipts::{Fixture, HEAD, NOW},
};

/// The honest receipt with other evidence.
fn with(case: &Case, change: impl Fn(&Evidence) -> Option<Evidence>) -> Vec<u8> {
    let honest = case.fixture.receipt();
    let mut receipt = Receipt::new(case.fixture.operation()).expect("in the format");
    honest.evidence().iter().filter_map(change).for_each(|evidence| receipt.attach(evidence));
    honest.cards().for_each(|(_, card)| receipt.add_card(card.to_vec()));
    honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
    receipt.to_bytes()
}

/// The session's evidence with its parts changed.
fn session(case: &Case, change: impl Fn(&mut Vec<u8>, &mut [u8; 96], &mut Vec<u32>)) -> Vec<u8> {
    with(case, |evidence| {
        let mut evidence = evidence.clone();
        if let Evidence::TeeSession { document, signature, steps } = &mut evidence {
            change(document, signature, steps);
        }
        Some(evidence)
    })
}

/// The proof with its bytes changed.
fn proof(case: &Case, change: impl Fn(&mut [u8; 192])) -> Vec<u8> {
    with(case, |evidence| {
        let mut evidence = evidence.clone();
        if let Evidence::Zk { proof, .. } = &mut evidence {
            change(proof);
        }
        Some(evidence)
    })
}

/// The same operation run another time.
fn another_run() -> Fixture {
    Fixture { run: RunId::new([9; 16]), ..Fixture::default() }
}

pub(super) const ROWS: &[Row] = &[
    ("tee_missing", "evidence-pending", "the attestation was taken out", |case| {
        let only = |e: &Evidence| (e.method() == Method::Zk).then(|| e.clone());
        case.bytes = Some(with(case, only));
    }),
    ("tee_of_another_operation", "session-signature", "the signature of another run", |case| {
        let other = another_run();
        let attested = other.attest(&other.receipt().digest());
        case.bytes = Some(with(case, |evidence| match evidence.method() {
            Method::Tee => Some(attested.clone()),
            _ => Some(evidence.clone()),
        }));
    }),
    ("tee_signature_flipped", "session-signature", "one bit of the signature", |case| {
        case.bytes = Some(session(case, |_, signature, _| signature[95] ^= 1));
    }),
    ("tee_signature_zero", "session-signature", "r = s = 0", |case| {
        case.bytes = Some(session(case, |_, signature, _| signature.fill(0)));
    }),
    ("tee_coverage_widened", "evidence-not-promised", "also for the recomputed step", |case| {
        case.bytes = Some(session(case, |_, _, steps| *steps = vec![0, 2]));
    }),
    ("tee_coverage_widened_to_a_promised_step", "session-signature", "also for the head", |case| {
        case.fixture.steps[1].methods = Methods::of(&[Method::Tee, Method::Zk]);
        case.policy = case.fixture.policy();
        case.policy["releases"][0]["plan"]["steps"][1]["evidence"] =
            serde_json::json!([["tee", "zk"]]);
        case.policy["releases"][0]["plan"]["steps"][1]["images"] = serde_json::json!(["image-0"]);
        case.bytes = Some(session(case, |_, _, steps| *steps = vec![0, 1]));
    }),
    ("tee_coverage_narrowed", "session-signature", "signed for two, shown for one", |case| {
        case.fixture.steps[1].methods = Methods::of(&[Method::Tee, Method::Zk]);
        case.fixture.attested = vec![0, 1];
        case.bytes = Some(session(case, |_, _, steps| *steps = vec![0]));
    }),
    ("tee_of_no_step", "evidence-step-unknown", "for step 7 of 3", |case| {
        case.bytes = Some(session(case, |_, _, steps| *steps = vec![0, 7]));
    }),
    ("tee_steps_empty", "evidence-steps", "for no step at all", |case| {
        case.bytes = Some(session(case, |_, _, steps| steps.clear()));
    }),
    ("tee_steps_descending", "evidence-steps", "steps out of order", |case| {
        case.bytes = Some(session(case, |_, _, steps| *steps = vec![1, 0]));
    }),
    ("tee_twice", "evidence-repeated", "by a session and by a document", |case| {
        let mut receipt = case.fixture.receipt();
        case.fixture.own_document = true;
        receipt.attach(case.fixture.attest(&receipt.digest()));
        case.bytes = Some(receipt.to_bytes());
    }),
    (
        "tee_key_of_another_session",
        "session-signature",
        "signed by a key nobody attested",
        |case| {
            let other = Fixture { session: key("someone else"), ..Fixture::default() };
            let Evidence::TeeSession { signature, .. } =
                other.attest(&case.fixture.receipt().digest())
            else {
                unreachable!("a session")
            };
            case.bytes = Some(session(case, |_, own, _| *own = *signature));
        },
    ),
    ("tee_document_flipped", "attestation-signature-invalid", "one bit of the document", |case| {
        case.bytes = Some(session(case, |document, _, _| {
            // A byte of PCR 4, which no policy pins.
            let at = document.windows(3).position(|w| w == [4, 0x58, 48]).expect("PCR 4");
            document[at + 5] ^= 1;
        }));
    }),
    ("tee_other_image", "attestation-pcr-mismatch", "an enclave of other code", |case| {
        case.fixture.world.pcrs[0].1[0] ^= 1;
    }),
    ("tee_debug_enclave", "attestation-debug-enclave", "a debug enclave, zeros pinned", |case| {
        for pcr in &mut case.fixture.world.pcrs {
            pcr.1.fill(0);
        }
        for index in ["0", "1", "2"] {
            case.policy["releases"][0]["images"]["image-0"]["pcrs"][index] = "00".repeat(48).into();
        }
    }),
    ("tee_expired", "attestation-certificate-expired", "four hours later", |case| {
        case.now = Some(NOW + 4 * 3_600_000);
    }),
    (
        "tee_too_old",
        "attestation-timestamp-too-old",
        "a document older than the policy allows",
        |case| {
            case.now = Some(NOW + 2 * 3_600_000);
        },
    ),
    (
        "tee_from_the_future",
        "attestation-timestamp-in-future",
        "a document made in a minute",
        |case| {
            case.fixture.world.timestamp = NOW + 60_000;
        },
    ),
    (
        "tee_outside_the_window",
        "attestation-outside-window",
        "archived, made at another time",
        |case| {
            case.now = None;
            case.fixture.world.timestamp += 1;
        },
    ),
    (
        "tee_root_not_named",
        "attestation-root-mismatch",
        "not AWS's root, and the policy says AWS",
        |case| {
            let image =
                case.policy["releases"][0]["images"]["image-0"].as_object_mut().expect("an image");
            image.remove("accept_root_other_than_aws");
        },
    ),
    (
        "document_of_another_operation",
        "attestation-user-data-mismatch",
        "made for another run",
        |case| {
            let other = Fixture { own_document: true, ..another_run() };
            let attested = other.attest(&other.receipt().digest());
            case.bytes = Some(with(case, |evidence| match evidence.method() {
                Method::Tee => Some(attested.clone()),
                _ => Some(evidence.clone()),
            }));
        },
    ),
    (
        "document_that_is_a_session",
        "attestation-nonce-absent",
        "a session document without its signature",
        |case| {
            case.bytes = Some(with(case, |evidence| match evidence.clone() {
                Evidence::TeeSession { document, steps, .. } => {
                    Some(Evidence::TeeDocument { document, steps })
                }
                other => Some(other),
            }));
        },
    ),
    (
        "document_with_another_nonce",
        "attestation-nonce-mismatch",
        "the enclave was asked with another nonce",
        |case| {
            use assay_verifier::operation::NonceClaim;
            case.fixture.own_document = true;
            let digest = case.fixture.receipt().digest();
            let other = Fixture {
                nonce: NonceClaim::Client(crate::receipts::nonce(0xbb)),
                own_document: true,
                ..Fixture::default()
            };
            let attested = other.attest(&digest);
            case.bytes = Some(with(case, |evidence| match evidence.method() {
                Method::Tee => Some(attested.clone()),
                _ => Some(evidence.clone()),
            }));
        },
    ),
    ("document_without_nonce", "document-without-nonce", "an operation without a nonce", |case| {
        use assay_verifier::operation::NonceClaim;
        case.fixture.own_document = true;
        case.fixture.nonce = NonceClaim::None;
        let policy = case.policy.as_object_mut().expect("a policy");
        policy.remove("nonce");
        policy.insert("accept_without_own_nonce".into(), true.into());
    }),
    ("zk_missing", "evidence-pending", "the proof was taken out", |case| {
        case.bytes = Some(with(case, |e| (e.method() == Method::Tee).then(|| e.clone())));
    }),
    ("zk_of_another_operation", "proof-invalid", "the proof of another run", |case| {
        let other = another_run();
        let proved = other.prove(&other.receipt().digest(), HEAD);
        case.bytes = Some(with(case, |evidence| match evidence.method() {
            Method::Zk => Some(proved.clone()),
            _ => Some(evidence.clone()),
        }));
    }),
    ("zk_of_another_step", "evidence-not-promised", "the head's proof for the features", |case| {
        case.bytes = Some(with(case, |evidence| match evidence.clone() {
            Evidence::Zk { proof, .. } => Some(Evidence::Zk { proof, step: 0 }),
            other => Some(other),
        }));
    }),
    ("zk_of_no_step", "evidence-step-unknown", "a proof for step 9", |case| {
        case.bytes = Some(with(case, |evidence| match evidence.clone() {
            Evidence::Zk { proof, .. } => Some(Evidence::Zk { proof, step: 9 }),
            other => Some(other),
        }));
    }),
    ("zk_twice", "evidence-repeated", "two proofs of one step", |case| {
        let mut receipt = case.fixture.receipt();
        for evidence in case.fixture.receipt().evidence() {
            if let Evidence::Zk { mut proof, step } = evidence.clone() {
                proof[0] ^= 0x20;
                proof[48] ^= 0x20;
                receipt.attach(Evidence::Zk { proof, step });
            }
        }
        case.bytes = Some(receipt.to_bytes());
    }),
    ("zk_point_off_the_curve", "proof-point", "one bit of A", |case| {
        case.bytes = Some(proof(case, |proof| proof[40] ^= 1));
    }),
    ("zk_point_negated", "proof-invalid", "the sign of A", |case| {
        case.bytes = Some(proof(case, |proof| proof[0] ^= 0x20));
    }),
    ("zk_of_other_values", "proof-invalid", "the logits of another picture", |case| {
        use assay_verifier::value::Dtype;
        let honest = case.fixture.receipt();
        let proved = honest.evidence().iter().find(|e| e.method() == Method::Zk).cloned();
        let logits = crate::receipts::value("logits", Dtype::I32, &[1, 3], -11, &[9, 8, 10]);
        case.fixture.values[2] = logits;
        case.bytes = Some(with(case, |evidence| match evidence.method() {
            Method::Zk => proved.clone(),
            _ => Some(evidence.clone()),
        }));
    }),
];
