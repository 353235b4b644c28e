//! Whatever a receipt is, reading and examining it takes memory in proportion to its bytes. Alone in its file, because the
//! count is of the whole process.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use assay_tests::receipts::{Fixture, NOW, hostile, value};
use assay_verifier::{
    Clock, Expected, UnixMillis, explain,
    inspect::inspect,
    policy::Policy,
    receipt::Receipt,
    value::{Dtype, Type},
    verify,
};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// What a receipt may take whatever its size: 1,024 steps with 64 settings each are read into maps.
const CONSTANT: usize = 12 << 20;

/// The most that was in use at once beyond what was before.
fn allocated<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let outcome = work();
    (ALLOCATOR.peak_usage().saturating_sub(before), outcome)
}

/// One test: two would count each other's.
#[test]
fn memory_is_in_proportion() {
    memory_is_in_proportion_to_the_receipt();
    memory_is_in_proportion_to_the_values();
}

fn memory_is_in_proportion_to_the_receipt() {
    let fixture = Fixture::default();
    let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
    let (now, expected) = (UnixMillis::new(NOW).unwrap(), fixture.expected());
    let mut decoded = 0;
    for (what, receipt) in hostile::all() {
        assert!(receipt.len() <= Receipt::MAX_BYTES, "{what}: {}", receipt.len());
        let most = 4 * receipt.len() + CONSTANT;
        let (read, outcome) = allocated(|| Receipt::from_bytes(&receipt));
        decoded += usize::from(outcome.is_ok());
        assert!(read <= most, "{what}: reading {} bytes takes {read}", receipt.len());
        let (taken, outcome) = allocated(|| verify(&receipt, &policy, now, &expected));
        outcome.unwrap_err();
        assert!(taken <= most, "{what}: verifying {} bytes takes {taken}", receipt.len());
        let (taken, json) =
            allocated(|| explain(&receipt, &policy, Clock::Live(now), &expected).to_json());
        assert!(json.len() <= 1 << 20, "{what}: a report of {} bytes", json.len());
        assert!(taken <= most, "{what}: explaining {} bytes takes {taken}", receipt.len());
    }
    assert!(decoded >= 3, "{decoded}: the largest operations are in the format");
}

/// Large values that are in order.
fn memory_is_in_proportion_to_the_values() {
    const ELEMENTS: u32 = 3 << 20;
    let mut fixture = Fixture::default();
    // Committed to with SHA-256.
    fixture.values[0] = value("image", Dtype::U8, &[ELEMENTS], -4, &vec![7; ELEMENTS as usize]);
    let mut of_poseidon = Fixture::default();
    let features = value("features", Dtype::I8, &[1 << 18], -4, &[7; 1 << 18]);
    of_poseidon.card.inputs[0].kind = features.kind.clone();
    of_poseidon.values[1] = features;
    of_poseidon.disclosed = vec![0, 1, 2, 3];
    let mut of_bytes = Fixture::default();
    of_bytes.values[0].kind = Type::bytes("application/json").unwrap();
    of_bytes.values[0].bytes = vec![b' '; ELEMENTS as usize];
    for fixture in [fixture, of_poseidon, of_bytes] {
        let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
        let (receipt, now) = (fixture.bytes(), UnixMillis::new(NOW).unwrap());
        let expected: Expected = fixture.expected();
        let brought: usize = expected.values.values().map(Vec::len).sum();
        let most = 4 * (receipt.len() + brought) + CONSTANT;
        let (taken, outcome) = allocated(|| verify(&receipt, &policy, now, &expected));
        outcome.unwrap();
        assert!(taken <= most, "{} bytes take {taken}", receipt.len());
        let (taken, view) = allocated(|| inspect(&receipt).unwrap().to_json());
        assert!(taken <= most && view.len() < 1 << 20, "inspecting takes {taken}");
    }
}
