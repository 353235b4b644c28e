//! Operations that are no chain, and evidence by two enclaves.

use assay_verifier::{evidence::Evidence, ids::RunId, operation::Method, receipt::Receipt};

use super::{Case, Row};
use crate::receipts::{Fixture, value};

fn branched(case: &mut Case) {
    *case = Case::of(Fixture::branched());
}

/// The receipt with the attestations that `make` gives in place of its own.
fn attested(case: &Case, make: impl Fn(&Receipt) -> Vec<Evidence>) -> Vec<u8> {
    let honest = case.fixture.receipt();
    let mut receipt = Receipt::new(case.fixture.operation()).expect("in the format");
    let proofs = honest.evidence().iter().filter(|evidence| evidence.method() == Method::Zk);
    proofs.for_each(|evidence| receipt.attach(evidence.clone()));
    make(&honest).into_iter().for_each(|evidence| receipt.attach(evidence));
    honest.cards().for_each(|(_, card)| receipt.add_card(card.to_vec()));
    honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
    receipt.to_bytes()
}

pub(super) const ROWS: &[Row] = &[
    ("accepted_branched", "accepted", "values used twice, two enclaves", branched),
    ("accepted_branched_own_documents", "accepted", "a document each for this operation", |case| {
        case.fixture = Fixture { own_document: true, ..Fixture::branched() };
        *case = Case::of(std::mem::take(&mut case.fixture));
    }),
    (
        "branch_enclaves_swapped",
        "attestation-pcr-mismatch",
        "each enclave signs for the other's step",
        |case| {
            branched(case);
            case.fixture.attested = vec![5];
            case.fixture.attested_by_another = vec![0];
        },
    ),
    (
        "branch_one_enclave_for_both",
        "evidence-missing",
        "the first enclave signs for the second's step too",
        |case| {
            branched(case);
            case.fixture.attested = vec![0, 5];
            case.fixture.attested_by_another.clear();
        },
    ),
    (
        "branch_of_another_operation",
        "session-signature",
        "the second enclave's part is another run's",
        |case| {
            branched(case);
            let other = Fixture { run: RunId::new([9; 16]), ..Fixture::branched() };
            let digest = other.receipt().digest();
            case.bytes = Some(attested(case, |honest| {
                let own = case.fixture.attest(&honest.digest());
                vec![own, case.fixture.other_enclave().attest(&digest)]
            }));
        },
    ),
    ("branch_missing", "evidence-pending", "the second enclave's part is missing", |case| {
        branched(case);
        case.bytes = Some(attested(case, |honest| vec![case.fixture.attest(&honest.digest())]));
    }),
    ("branch_inputs_reversed", "plan-wiring", "the parts of the summary change places", |case| {
        branched(case);
        case.fixture.steps[4].inputs.reverse();
        case.fixture.values[5] =
            value("summary", assay_verifier::value::Dtype::I32, &[3], 0, &[2, 1, 2]);
    }),
    ("branch_rewired", "plan-wiring", "the audit is of the ranking, not of the summary", |case| {
        branched(case);
        case.fixture.steps[5].inputs = vec![0, 4];
        case.fixture.steps[4].inputs = vec![3, 4];
    }),
    ("branch_other_ranking", "recompute-mismatch", "the second place is another's", |case| {
        branched(case);
        let kind = assay_verifier::value::Dtype::I32;
        case.fixture.values[4] = value("ranking", kind, &[2], 0, &[2, 0]);
        case.fixture.values[5] = value("summary", kind, &[3], 0, &[2, 2, 0]);
    }),
    ("branch_other_k", "plan-setting", "the three greatest, where two were asked for", |case| {
        branched(case);
        let k = assay_verifier::operation::Setting::Int(3);
        case.fixture.steps[3].settings.insert(crate::receipts::name("k"), k);
    }),
];
