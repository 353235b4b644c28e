//! What is held against arbitrary bytes. A target fails by panicking.

use assay_verifier::{
    BatchItem, Clock, Expected, UnixMillis,
    attestation::{
        Binding, DebugEnclaves, Document, Error, Freshness, Nonce, PcrSet, Policy, PublicKey, Root,
        Trust, UserData, conformance, report::Inspection, verify_archived,
    },
    ids::Name,
    inspect,
    policy::Policy as ReceiptPolicy,
    report::Verdict,
    verify, verify_batch,
};

/// A whole attestation document, under the root and the registers that it states itself: so every
/// stage is reached, the signatures included.
pub fn attestation(bytes: &[u8]) {
    let inspected = Inspection::of(bytes);
    let document = match Document::parse(bytes) {
        Ok(document) => document,
        Err(error) => {
            said(&error);
            assert_eq!(inspected.err(), Some(error));
            return;
        }
    };
    // What decodes decodes to the same whatever follows: nothing may.
    assert!(Document::parse(&[bytes, &[0]].concat()).is_err());
    let Ok(chain) = document.unverified_chain() else { return };
    assert!(inspected.is_ok());
    let root = chain.first().and_then(|root| Root::named(root.der()).ok());
    let images = PcrSet::new(document.unverified_pcrs());
    let (Some(root), Ok(images)) = (root, images) else { return };
    let policy = Policy {
        trust: Trust::new(root),
        images: images.into(),
        debug: DebugEnclaves::AcceptedUnmeasured,
        binding: Binding {
            nonce: Nonce::AnyNonceAccepted,
            user_data: UserData::AnyUserDataAccepted,
            public_key: PublicKey::AnyPublicKeyAccepted,
        },
        freshness: Freshness::default(),
    };
    match verify_archived(&document, &policy) {
        Ok(archived) => {
            let report = archived.report();
            assert_eq!(report.root.aws, policy.trust.root.is_aws());
            assert_eq!(
                report.trust.iter().any(|line| line.starts_with("NOT AWS")),
                !report.root.aws
            );
        }
        Err(error) => said(&error),
    }
    // A chain that names its own root is never AWS's by that.
    let aws = Policy { trust: Trust::new(Root::aws_g1()), ..policy.clone() };
    assert!(policy.trust.root.is_aws() || verify_archived(&document, &aws).is_err());
}

/// A payload in an envelope that is right: the inner reader.
pub fn cose(payload: &[u8]) {
    let Ok(length) = u16::try_from(payload.len()) else { return };
    let mut bytes = b"\x84\x44\xa1\x01\x38\x22\xa0".to_vec();
    match length {
        0..=23 => bytes.push(0x40 | length.to_be_bytes()[1]),
        24..=255 => bytes.extend([0x58, length.to_be_bytes()[1]]),
        _ => bytes.extend([&[0x59][..], &length.to_be_bytes()].concat()),
    }
    bytes.extend(payload);
    bytes.extend([&[0x58, 96][..], &[1; 96]].concat());
    if let Ok(document) = Document::parse(&bytes) {
        assert_eq!(document.unverified_payload(), payload);
    }
    attestation(&bytes);
}

/// Two certificates, each after its length in two bytes: an authority, and the leaf under it.
pub fn der(bytes: &[u8]) {
    let Some((root, rest)) = prefixed(bytes) else { return };
    let Some((leaf, _)) = prefixed(rest) else { return };
    if let Ok(named) = Root::named(root) {
        assert_eq!(named.der(), root);
        assert!(Root::named(&[root, &[0]].concat()).is_err());
    }
    let string = |bytes: &[u8]| {
        let [high, low] = (bytes.len() as u16).to_be_bytes();
        [&[0x59, high, low], bytes].concat()
    };
    // Certificates below 256 bytes end at that head: none is that short.
    let mut payload = b"\xbf\x69module_id\x77i-0123456789abcdef0-enc\x66digest\x66SHA384".to_vec();
    payload.extend(b"\x69timestamp\x1b\x00\x00\x01\xa0\x5c\xd7\x37\xac\x64pcrs\xa3");
    for index in 0..3 {
        payload.extend([&[index, 0x58, 48][..], &[7; 48]].concat());
    }
    payload.extend([b"\x6bcertificate", &string(leaf)[..]].concat());
    payload.extend([b"\x68cabundle\x81", &string(root)[..], b"\xff"].concat());
    cose(&payload);
}

/// JSON that a relying party wrote: every grammar that is read.
pub fn policy_json(bytes: &[u8]) {
    if let Ok(policy) = Policy::from_json(bytes) {
        assert!(policy.images.iter().next().is_some());
    }
    let _ = PcrSet::from_measurements_json(bytes);
    let _ = conformance::run(bytes).map(|outcomes| conformance::Summary(outcomes).to_json());
    if let Err(error) = ReceiptPolicy::from_json(bytes) {
        assert!(!error.to_string().is_empty());
    }
}

/// A receipt under the policy of the test vectors: accepted in one way is accepted in the other.
pub fn receipt(bytes: &[u8]) {
    let policy = ReceiptPolicy::from_json(POLICY).expect("the vectors' policy");
    let values = Default::default();
    let report = assay_verifier::explain(bytes, &policy, Clock::Archived, &values);
    assert!(!report.to_json().is_empty());
    match assay_verifier::verify_archived(bytes, &policy, &values) {
        Ok(_) => assert_eq!(report.verdict, Verdict::Accepted),
        Err(error) => {
            assert_eq!(report.verdict, Verdict::Refused);
            assert_eq!(report.code, Some(error.code()));
        }
    }
    let _ = inspect::inspect(bytes).map(|view| view.to_json());
}

/// Receipts, each after its length in two bytes, under the policy of the test vectors: together they get the answers that each
/// gets alone.
pub fn batch(bytes: &[u8]) {
    let policy = ReceiptPolicy::from_json(POLICY).expect("the vectors' policy");
    let expected = Expected { nonce: None, values: [(image(), IMAGE.to_vec())].into() };
    let now = UnixMillis::new(NOW).expect("milliseconds");
    let (mut receipts, mut rest) = (Vec::new(), bytes);
    while let Some((receipt, tail)) = prefixed(rest) {
        receipts.push(receipt);
        rest = tail;
    }
    let item = |receipt| BatchItem { receipt, policy: &policy, expected: &expected };
    let items: Vec<_> = receipts.iter().copied().map(item).collect();
    let answers = verify_batch(&items, now);
    assert_eq!(answers.len(), receipts.len());
    for (receipt, answer) in receipts.into_iter().zip(answers) {
        let alone = verify(receipt, &policy, now, &expected);
        assert_eq!(answer.map(|v| v.operation()), alone.map(|v| v.operation()));
    }
}

/// What the caller of the test vectors sent.
const IMAGE: &[u8] = &[0, 16, 7, 3];
/// The clock of the test vectors.
const NOW: u64 = 1_788_264_005_500;

fn image() -> Name {
    Name::new("image").expect("a name of the grammar")
}

/// Every refusal has words, and a thing to do.
fn said(error: &Error) {
    assert!(error.to_string().len() < 1024 && !error.hint().is_empty());
    assert!(error.code().starts_with("attestation-"));
}

fn prefixed(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

const POLICY: &[u8] = include_bytes!("../../tests/vectors/policy.json");
