//! Documents that must be accepted, in every form that AWS's take or may take.

use assay_verifier::attestation::{Nonce, PcrSet, PublicKey, UserData};

use super::{World, certificate::Certificate, der};

/// Each under a policy that it meets.
pub fn all() -> Vec<(String, World)> {
    let mut all = vec![
        ("as today".into(), World::default()),
        (
            "a payload map of definite length".into(),
            World { indefinite: false, ..World::default() },
        ),
        ("tag 18".into(), with(|w| w.edit_document.push(Box::new(|bytes| bytes.insert(0, 0xd2))))),
        ("the other s".into(), with(|w| w.edit_signature.push(Box::new(negate_s)))),
        ("the other s in a certificate".into(), with(|w| w.chain[4].edit_signature = negate_s)),
        ("no optional field".into(), with(without_options)),
        (
            "optional fields absent".into(),
            with(|w| {
                without_options(w);
                w.edit_fields.push(Box::new(|fields| fields.truncate(6)));
            }),
        ),
        (
            "fields in reverse".into(),
            with(|w| {
                w.edit_fields.push(Box::new(|fields| fields.reverse()));
            }),
        ),
        (
            "a locked register, and three that are not there".into(),
            with(|w| {
                w.pcrs.push((31, vec![9; 48]));
                w.pcrs.retain(|(index, _)| ![5, 6, 7].contains(index));
            }),
        ),
        (
            "a debug enclave, permitted".into(),
            with(|w| {
                w.debug();
                let zeros = (0..3).map(|index| (index, [0; 48].into()));
                w.policy.images = PcrSet::new(zeros).expect("three registers").into();
                w.policy.debug = assay_verifier::attestation::DebugEnclaves::AcceptedUnmeasured;
            }),
        ),
        ("the largest there can be".into(), largest()),
    ];
    for count in 2..=8 {
        all.push((format!("{count} authorities"), World::with_authorities(count)));
    }
    all
}

/// As much work as a document can be that is accepted: eight authorities, every certificate of 1024
/// bytes but the root, 32 registers, all fields full.
pub fn largest() -> World {
    let mut world = World {
        public_key: Some(vec![4; 1024]),
        user_data: Some(vec![5; 1024]),
        nonce: Some(vec![6; 1024]),
        ..World::with_authorities(8)
    };
    world.pcrs = (0..32).map(|index| (index, vec![index as u8 + 1; 48])).collect();
    for certificate in world.chain.iter_mut().skip(1) {
        pad(certificate, 1024);
    }
    let pins = world.pcrs.iter().map(|(index, value)| (*index as u8, super::pcr(value)));
    world.policy.images = PcrSet::new(pins).expect("32 registers").into();
    world.policy.binding.public_key = PublicKey::Present;
    world.policy.binding.user_data = UserData::Exactly(vec![5; 1024]);
    world.policy.binding.nonce = Nonce::Exactly(vec![6; 1024]);
    world
}

/// s becomes n - s: the other signature of the same message.
pub fn negate_s(signature: &mut Vec<u8>) {
    let both = p384::ecdsa::Signature::from_slice(signature).expect("r and s");
    let (r, s) = (both.r(), -*both.s());
    signature.truncate(48);
    signature.copy_from_slice(&r.to_bytes());
    signature.extend_from_slice(&s.to_bytes());
}

/// Grows it by an extension that nobody knows and that is not critical, to `length` bytes or up to
/// two fewer: r and s vary in length.
fn pad(certificate: &mut Certificate, length: usize) {
    let filler = |count| der::extension(&[0x55, 0x1d, 0x63], false, &vec![0; count]);
    let bare = certificate.sign().len();
    let mut count = length.saturating_sub(bare);
    certificate.extensions.push(filler(count));
    while certificate.sign().len() > length {
        count -= 1;
        *certificate.extensions.last_mut().expect("the filler") = filler(count);
    }
}

fn without_options(world: &mut World) {
    (world.public_key, world.user_data, world.nonce) = (None, None, None);
    world.policy.binding.public_key = PublicKey::Absent;
    world.policy.binding.user_data = UserData::AnyUserDataAccepted;
    world.policy.binding.nonce = Nonce::AnyNonceAccepted;
}

fn with(change: impl FnOnce(&mut World)) -> World {
    let mut world = World::default();
    change(&mut world);
    world
}
