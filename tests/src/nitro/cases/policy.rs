//! S41 to S44: good documents held against policies they do not meet.

use assay_verifier::attestation::{
    DebugEnclaves, Freshness, Nonce, Pcr, PcrSet, PcrSets, PublicKey, UserData,
};

use super::{super::World, Case, case};

pub(super) fn cases() -> Vec<Case> {
    [registers(), freshness(), binding()].into_iter().flatten().collect()
}

fn registers() -> Vec<Case> {
    let mut cases = vec![
        case(41, "a pinned register is absent", "attestation-pcr-missing", |w| {
            pin(w, 16, Pcr::ZERO);
        }),
        case(41, "an unsigned image where PCR 8 is pinned", "attestation-pcr-mismatch", |w| {
            pin(w, 8, Pcr::from([8; 48]));
        }),
        case(41, "half of one set and half of another", "attestation-pcr-mismatch", |w| {
            let good = set(w);
            let with = |other: u8| {
                let pins = good.iter().map(|(index, pcr)| match index == other {
                    true => (index, Pcr::from([7; 48])),
                    false => (index, pcr),
                });
                PcrSet::new(pins).expect("three registers")
            };
            w.policy.images = PcrSets::new(vec![with(0), with(1), with(2)]).expect("three sets");
        }),
        case(42, "a debug enclave", "attestation-debug-enclave", |w| w.debug()),
        case(
            42,
            "a debug enclave and a policy that pins zeros",
            "attestation-debug-enclave",
            |w| {
                w.debug();
                let zeros = (0..3).map(|index| (index, Pcr::ZERO));
                w.policy.images = PcrSet::new(zeros).expect("three registers").into();
            },
        ),
        // What is permitted is debug mode, not another image.
        case(41, "a debug enclave, permitted, and real pins", "attestation-pcr-mismatch", |w| {
            w.debug();
            w.policy.debug = DebugEnclaves::AcceptedUnmeasured;
        }),
    ];
    for index in 0..3 {
        cases.push(case(41, "one pinned register differs", "attestation-pcr-mismatch", |w| {
            pin(w, index, Pcr::from([7; 48]));
        }));
        cases.push(case(42, "one register of the code is zero", "attestation-pcr-zero", |w| {
            w.pcrs[usize::from(index)].1 = vec![0; 48];
            w.policy.debug = DebugEnclaves::AcceptedUnmeasured;
            pin(w, index, Pcr::ZERO);
        }));
    }
    cases
}

fn freshness() -> Vec<Case> {
    vec![
        case(43, "another nonce", "attestation-nonce-mismatch", |w| {
            w.policy.binding.nonce = Nonce::Exactly(b"the client's nonces".to_vec());
        }),
        case(43, "the beginning of the nonce", "attestation-nonce-mismatch", |w| {
            w.policy.binding.nonce = Nonce::Exactly(b"the client's".to_vec());
        }),
        case(43, "no nonce", "attestation-nonce-absent", |w| w.nonce = None),
        case(43, "the nonce as user data", "attestation-nonce-absent", |w| {
            w.user_data = w.nonce.take();
            w.policy.binding.user_data = UserData::AnyUserDataAccepted;
        }),
        case(43, "one millisecond too old", "attestation-timestamp-too-old", |w| {
            w.policy.freshness = Freshness { max_age_ms: Some(1999), future_skew_ms: 0 };
        }),
        case(43, "one millisecond too far ahead", "attestation-timestamp-in-future", |w| {
            w.now -= 3000;
            w.policy.freshness = Freshness { max_age_ms: Some(0), future_skew_ms: 999 };
        }),
        case(43, "neither nonce nor maximum age", "attestation-freshness-not-demanded", |w| {
            w.policy.binding.nonce = Nonce::AnyNonceAccepted;
            w.policy.freshness.max_age_ms = None;
        }),
        case(43, "an empty nonce and no maximum age", "attestation-freshness-not-demanded", |w| {
            w.nonce = Some(Vec::new());
            w.policy.binding.nonce = Nonce::Exactly(Vec::new());
            w.policy.freshness.max_age_ms = None;
        }),
    ]
}

fn binding() -> Vec<Case> {
    vec![
        case(44, "no public key", "attestation-public-key-absent", |w| w.public_key = None),
        case(44, "no public key where one must be", "attestation-public-key-absent", |w| {
            w.public_key = None;
            w.policy.binding.public_key = PublicKey::Present;
        }),
        case(44, "another public key", "attestation-public-key-mismatch", |w| {
            w.public_key = Some(vec![5; 97]);
        }),
        case(44, "a public key where none may be", "attestation-public-key-present", |w| {
            w.policy.binding.public_key = PublicKey::Absent;
        }),
        case(44, "no user data", "attestation-user-data-absent", |w| w.user_data = None),
        case(44, "other user data", "attestation-user-data-mismatch", |w| {
            w.user_data = Some(b"user date".to_vec());
        }),
    ]
}

/// The policy's one set.
fn set(world: &World) -> PcrSet {
    world.policy.images.iter().next().expect("never empty").clone()
}

fn pin(world: &mut World, index: u8, value: Pcr) {
    let others = set(world);
    let pins = others.iter().filter(|(other, _)| *other != index).chain([(index, value)]);
    world.policy.images = PcrSet::new(pins).expect("no register twice").into();
}

impl World {
    /// Makes it the document of an enclave in debug mode: nothing was measured.
    pub fn debug(&mut self) {
        for index in 0..3 {
            self.pcrs[index].1 = vec![0; 48];
        }
    }
}
