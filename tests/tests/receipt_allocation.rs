//! Whatever a receipt is, reading and examining it takes memory in proportion to its bytes. Alone in its file, because the
//! count is of the whole process.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use assay_tests::{
    receipts::{Fixture, NOW, hostile, name, value},
    trapdoor::Trapdoor,
};
use assay_verifier::{
    BatchItem, Clock, Expected, UnixMillis, explain,
    ids::ModelDigest,
    inspect::inspect,
    operation::{Function, Method, Methods, Setting, Step},
    policy::Policy,
    receipt::{Opening, Receipt},
    value::{Dtype, Type},
    verify, verify_batch,
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
    memory_is_in_proportion_to_what_a_report_lists();
    memory_of_a_batch_is_in_proportion_to_its_receipts();
    memory_of_glue_is_in_proportion_to_its_elements();
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
        let (inspected, view) = allocated(|| inspect(&receipt).map(|view| view.to_json()));
        assert!(inspected <= most, "{what}: inspecting takes {inspected}");
        assert!(view.map_or(0, |view| view.len()) <= most, "{what}: a large view");
        let (learned, _) = allocated(|| {
            let receipt = Receipt::from_bytes(&receipt).ok()?;
            Some(Policy::learn(&receipt).ok()?.to_json())
        });
        // A policy says on a line of its own what a receipt says in three bytes.
        assert!(learned <= most + CONSTANT, "{what}: learning takes {learned}");
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

/// A step that nothing shows.
fn unshown(called: &str, inputs: Vec<u32>, outputs: Vec<u32>) -> Step {
    Step {
        name: name(called),
        function: Function::Model(ModelDigest::new([9; 32])),
        settings: Default::default(),
        inputs,
        outputs,
        methods: Methods::default(),
        card: None,
    }
}

/// Many values of as many integers as a report repeats; many inputs on the way to many results.
fn memory_is_in_proportion_to_what_a_report_lists() {
    let mut integers = Fixture::default();
    for step in 0..15u32 {
        let first = u32::try_from(integers.values.len()).unwrap();
        for input in 0..64 {
            let called = format!("v{step}-{input}");
            integers.values.push(value(&called, Dtype::I8, &[4096], 0, &[0; 4096]));
        }
        integers.values.push(value(&format!("o{step}"), Dtype::I8, &[1], 0, &[0]));
        integers.disclosed.extend(first..=first + 64);
        let inputs = (first..first + 64).collect();
        integers.steps.push(unshown(&format!("s{step}"), inputs, vec![first + 64]));
    }
    let mut paths = Fixture::default();
    let first = u32::try_from(paths.values.len()).unwrap();
    let called = |letter: char, number: u32| format!("{letter}{number}");
    let mut add = |letter, count: u32| {
        let start = u32::try_from(paths.values.len()).unwrap();
        let values = (0..count).map(|n| value(&called(letter, n), Dtype::U8, &[1], 0, &[0]));
        paths.values.extend(values);
        start..start + count
    };
    let (inputs, middles, outputs) = (add('i', 512), add('m', 8), add('o', 448));
    assert_eq!(inputs.start, first);
    for (number, middle) in middles.clone().enumerate() {
        let from = inputs.start + 64 * u32::try_from(number).unwrap();
        paths.steps.push(unshown(
            &format!("in{number}"),
            (from..from + 64).collect(),
            vec![middle],
        ));
    }
    let outputs: Vec<u32> = outputs.collect();
    for (number, outputs) in outputs.chunks(64).enumerate() {
        paths.disclosed.extend(outputs);
        let step = unshown(&format!("out{number}"), middles.clone().collect(), outputs.to_vec());
        paths.steps.push(step);
    }
    // Many unshown steps on the way to many results.
    let mut chain = Fixture::default();
    let first = u32::try_from(chain.values.len()).unwrap();
    for number in 0..500 {
        chain.values.push(value(&format!("c{number}"), Dtype::U8, &[1], 0, &[0]));
        let input = if number == 0 { 0 } else { first + number - 1 };
        chain.steps.push(unshown(&format!("link{number}"), vec![input], vec![first + number]));
    }
    let results: Vec<u32> = (first + 500..first + 1000).collect();
    for number in 0..results.len() {
        chain.values.push(value(&format!("r{number}"), Dtype::U8, &[1], 0, &[0]));
    }
    for (number, outputs) in results.chunks(64).enumerate() {
        chain.disclosed.extend(outputs);
        let step = unshown(&format!("end{number}"), vec![first + 499], outputs.to_vec());
        chain.steps.push(step);
    }
    // Integers that are long to write.
    let mut long = Fixture::default();
    for number in 0..16 {
        let called = format!("long{number}");
        let least = i64::from(i32::MIN);
        long.disclosed.push(u32::try_from(long.values.len()).unwrap());
        long.values.push(value(&called, Dtype::I32, &[4096], 0, &[least; 4096]));
    }
    let inputs = (4..20).collect();
    long.disclosed.push(20);
    long.values.push(value("short", Dtype::U8, &[1], 0, &[0]));
    long.steps.push(unshown("shorten", inputs, vec![20]));
    for fixture in [integers, paths, chain, long] {
        let mut policy = fixture.policy();
        for (_, input) in fixture.operation().inputs().filter(|(index, _)| *index > 0) {
            policy["inputs"][input.name.as_str()] = "any_input_accepted".into();
        }
        let text = policy.to_string();
        let policy = Policy::from_json(text.as_bytes()).unwrap();
        let (receipt, now, expected) =
            (fixture.bytes(), UnixMillis::new(NOW).unwrap(), fixture.expected());
        let most = 4 * receipt.len() + CONSTANT;
        let (taken, outcome) = allocated(|| verify(&receipt, &policy, now, &expected));
        let report = outcome.unwrap().report().to_json();
        assert!(taken <= most, "{} bytes take {taken}", receipt.len());
        let longest = (1 << 20) + 8 * text.len() + 4 * receipt.len();
        assert!(report.len() <= longest, "a report of {} bytes", report.len());
    }
}

/// Statements wait for the last receipt: false proofs of a thousand steps under a card of thousands of inputs.
fn memory_of_a_batch_is_in_proportion_to_its_receipts() {
    let mut fixture = Fixture::many_of_one_card();
    let elements = 4000;
    let features: Vec<i64> = (0..elements).map(|x| x % 80 - 3).collect();
    fixture.values[1] = value("features", Dtype::I8, &[4000], -4, &features);
    fixture.card.inputs[0].kind = fixture.values[1].kind.clone();
    fixture.trapdoor = Trapdoor::new(fixture.card.public_inputs(), 1);
    fixture.card.key = fixture.trapdoor.key_bytes();
    let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
    let (receipt, now, expected) =
        (fixture.bytes(), UnixMillis::new(NOW).unwrap(), fixture.expected());
    let item = BatchItem { receipt: &receipt, policy: &policy, expected: &expected };
    let items = [item; 16];
    let most = 4 * items.len() * receipt.len() + CONSTANT;
    let (taken, answers) = allocated(|| verify_batch(&items, now));
    assert!(answers.iter().all(Result::is_ok));
    assert!(taken <= most, "{} bytes take {taken}", items.len() * receipt.len());
}

fn memory_of_glue_is_in_proportion_to_its_elements() {
    let rows = (1u32 << 20) + 1;
    let mut fixture = Fixture::default();
    let zeros = vec![0i64; rows as usize];
    fixture.values.push(value("left", Dtype::U8, &[rows, 1], 0, &zeros));
    fixture.values.push(value("right", Dtype::U8, &[rows, 1], 0, &zeros));
    fixture.values.push(value("both", Dtype::U8, &[rows, 2], 0, &[zeros.clone(), zeros].concat()));
    fixture.steps.push(Step {
        function: Function::Glue(name("concat")),
        settings: [(name("axis"), Setting::Int(1))].into(),
        methods: Methods::of(&[Method::Recompute]),
        ..unshown("concat", vec![4, 5], vec![6])
    });
    let policy = Policy::from_json(fixture.policy().to_string().as_bytes()).unwrap();
    let (mut receipt, mut expected) = (fixture.receipt(), fixture.expected());
    for index in 4..7 {
        receipt.open(Opening { bytes: None, ..fixture.opening(index) });
        let value = &fixture.values[index as usize];
        expected.values.insert(value.name.clone(), value.bytes.clone());
    }
    let receipt = receipt.to_bytes();
    let brought: usize = expected.values.values().map(Vec::len).sum();
    let most = 4 * (receipt.len() + brought) + CONSTANT + 24 * 2 * rows as usize;
    let now = UnixMillis::new(NOW).unwrap();
    let (taken, outcome) = allocated(|| verify(&receipt, &policy, now, &expected));
    outcome.unwrap();
    assert!(taken <= most, "{brought} bytes take {taken}");
}
