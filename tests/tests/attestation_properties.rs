//! Changes that must never matter, made everywhere: bits, lengths, headers, certificates.

use std::path::{Path, PathBuf};

use assay_tests::nitro::{OneEdit, World, cbor};
use assay_verifier::attestation::{
    Binding, DebugEnclaves, Document, Error, Freshness, Nonce, PcrSet, Policy, PublicKey, Root,
    Trust, UserData, verify_archived,
};
use proptest::prelude::*;

/// A document, and whether bytes in its place are still accepted.
struct Subject {
    bytes: Vec<u8>,
    policy: Policy,
}

impl Subject {
    /// Pins what the document itself states, so that only its genuineness is in question.
    fn new(bytes: Vec<u8>, root: Root) -> Self {
        let document = Document::parse(&bytes).expect("a good document");
        let pcrs = PcrSet::new(document.unverified_pcrs()).expect("PCR 0, 1 and 2");
        let policy = Policy {
            trust: Trust::new(root),
            images: pcrs.into(),
            debug: DebugEnclaves::AcceptedUnmeasured,
            binding: Binding {
                nonce: Nonce::AnyNonceAccepted,
                user_data: UserData::AnyUserDataAccepted,
                public_key: PublicKey::AnyPublicKeyAccepted,
            },
            freshness: Freshness::default(),
        };
        let subject = Self { bytes, policy };
        assert!(subject.accepts(&subject.bytes));
        subject
    }

    fn accepts(&self, bytes: &[u8]) -> bool {
        Document::parse(bytes)
            .and_then(|document| verify_archived(&document, &self.policy).map(|_| ()))
            .is_ok()
    }
}

/// Both payload forms of our own, and where `ASSAY_SHARED` is present two genuine ones.
fn subjects() -> Vec<Subject> {
    let mut subjects = Vec::new();
    for indefinite in [true, false] {
        let world = World { indefinite, ..World::default() };
        subjects.push(Subject::new(world.document(), world.policy.trust.root.clone()));
    }
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let shared = std::env::var_os("ASSAY_SHARED").map_or(beside, PathBuf::from);
    for name in [
        "20251225_us-east-1_i-0827e799ec9232d44_54ae0f97_indef.bin",
        "20210317_us-east-2_i-078824548edcf6519_234f1201.bin",
    ] {
        match std::fs::read(shared.join("nitro/genuine").join(name)) {
            Ok(bytes) => subjects.push(Subject::new(bytes, Root::aws_g1())),
            Err(error) => eprintln!("skipped: {name}: {error}"),
        }
    }
    subjects
}

/// One bit in every byte, a different one each time.
#[test]
fn no_bit_can_be_flipped() {
    // The ones with the indefinite map, which is what AWS makes today.
    for subject in subjects().into_iter().step_by(2) {
        for at in 0..subject.bytes.len() {
            let mut bytes = subject.bytes.clone();
            bytes[at] ^= 1 << (at % 8);
            assert!(!subject.accepts(&bytes), "byte {at}");
        }
    }
}

#[test]
fn no_document_can_be_cut_or_extended() {
    for subject in subjects() {
        for length in 0..subject.bytes.len() {
            assert!(!subject.accepts(&subject.bytes[..length]), "{length} bytes");
        }
        for tail in [0x00, 0x84, 0xf6, 0xff] {
            assert!(!subject.accepts(&[&subject.bytes[..], &[tail]].concat()));
        }
    }
}

/// Every head of the envelope, and every head of the payload with the payload signed anew.
#[test]
fn no_number_can_be_longer_than_it_needs() {
    let world = World { indefinite: false, ..World::default() };
    let good = world.document();
    for (at, width, major, value) in cbor::heads(&good) {
        for wider in [1, 2, 4, 8].into_iter().filter(|wider| *wider > width) {
            let mut bytes = good.clone();
            bytes.splice(at..=at + width, cbor::head_of_width(major, value, wider));
            let refused = world.verify_bytes(&bytes);
            assert!(matches!(refused, Err(Error::CborNonMinimal { .. })), "{at}: {refused:?}");
        }
    }
    for indefinite in [true, false] {
        let payload = Document::parse(&World { indefinite, ..World::default() }.document())
            .unwrap()
            .unverified_payload()
            .to_vec();
        let heads = cbor::heads(&payload);
        assert!(heads.len() > 50);
        for (at, width, major, value) in heads {
            for wider in [1, 2, 4, 8].into_iter().filter(|wider| *wider > width) {
                let mut world = World { indefinite, ..World::default() };
                world.edit_payload.push(Box::new(move |payload| {
                    payload.splice(at..=at + width, cbor::head_of_width(major, value, wider));
                }));
                let refused = world.verify();
                assert!(matches!(refused, Err(Error::CborNonMinimal { .. })), "{at}: {refused:?}");
            }
        }
    }
}

/// Swapped, left out, doubled or replaced, wherever in the chain. All of it is signed anew.
#[test]
fn no_certificate_can_be_moved() {
    let refused = |edit: OneEdit<Vec<Vec<u8>>>, what: &str| {
        let mut world = World::default();
        world.edit_certificates.push(edit);
        assert!(world.verify().is_err(), "{what}");
    };
    for one in 0..5 {
        for other in 0..5 {
            if one != other {
                let what = format!("{one} and {other} swapped");
                refused(Box::new(move |all| all.swap(one, other)), &what);
                let what = format!("{one} in the place of {other}");
                refused(Box::new(move |all| all[other] = all[one].clone()), &what);
            }
            let what = format!("{one} once more before {other}");
            refused(Box::new(move |all| all.insert(other, all[one].clone())), &what);
        }
        refused(Box::new(move |all| drop(all.remove(one))), &format!("{one} left out"));
        refused(Box::new(move |all| all[one].clear()), &format!("{one} empty"));
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(Document::parse(&bytes).is_err());
    }

    /// Runs of bytes overwritten, removed and inserted: the deeper layers are reached.
    #[test]
    fn mangled_documents_are_refused(
        at in 0_usize..4000,
        length in 0_usize..40,
        with in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let world = World::default();
        let mut bytes = world.document();
        let at = at.min(bytes.len());
        let end = (at + length).min(bytes.len());
        prop_assume!(bytes[at..end] != with[..]);
        bytes.splice(at..end, with);
        prop_assert!(world.verify_bytes(&bytes).is_err());
    }

    /// The same inside certificates whose documents are signed anew: the DER reader is reached.
    #[test]
    fn mangled_certificates_are_refused(
        which in 0_usize..5,
        at in 0_usize..600,
        length in 0_usize..8,
        with in proptest::collection::vec(any::<u8>(), 0..8),
    ) {
        let mut world = World::default();
        let good = world.document();
        world.edit_certificates.push(Box::new(move |all| {
            let certificate = &mut all[which];
            let at = at.min(certificate.len());
            let end = (at + length).min(certificate.len());
            certificate.splice(at..end, with.clone());
        }));
        let bytes = world.document();
        prop_assume!(bytes != good);
        prop_assert!(world.verify_bytes(&bytes).is_err());
    }
}
