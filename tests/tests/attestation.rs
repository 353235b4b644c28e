//! Every rule of FORMAT.md §8, on documents of our own making: the good ones are accepted, each
//! bad one is refused for its own reason.

use std::collections::BTreeSet;

use assay_tests::nitro::{MODULE_ID, TIMESTAMP, World, cases, certificate::name, der, good};
use assay_verifier::{
    UnixMillis,
    attestation::{
        DebugEnclaves, Denied, Document, Error, Freshness, Mode, Names, PcrSet, PcrSets, UserData,
        verify_archived, verify_live,
    },
};

fn accepted(world: &World) {
    assert_eq!(world.verify(), Ok(()));
}

#[test]
fn every_case_is_refused_for_its_own_reason() {
    for cases::Case { rule, name, code, world } in cases::all() {
        let error = world.verify().expect_err(name);
        assert_eq!(error.code(), code, "S{rule}, {name}: {error}");
        assert_eq!(error.rule().number(), rule, "{name}: {error}");
        assert!(!error.to_string().is_empty() && !error.hint().is_empty());
    }
}

/// S39 and S40 refuse nothing; S45 is a matter of types. They have tests of their own below.
#[test]
fn every_rule_and_every_code_has_a_case() {
    let rules: BTreeSet<u8> = cases::all().iter().map(|case| case.rule).collect();
    let expected: BTreeSet<u8> = (1..=44).filter(|rule| ![39, 40].contains(rule)).collect();
    assert_eq!(rules, expected);

    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../verifier/src/attestation/error/name.rs");
    let source = std::fs::read_to_string(source).unwrap();
    let codes: BTreeSet<&str> =
        source.split('"').filter(|text| text.starts_with("attestation-")).collect();
    let tested: BTreeSet<&str> = cases::all().iter().map(|case| case.code).collect();
    assert_eq!(tested, codes);
}

#[test]
fn every_good_document_is_accepted() {
    for (name, world) in good::all() {
        assert_eq!(world.verify(), Ok(()), "{name}");
    }
    let largest = good::largest().document().len();
    assert!((13_000..16_384).contains(&largest), "{largest}");
}

#[test]
fn empty_user_data_is_some() {
    let mut world = World { user_data: Some(Vec::new()), ..World::default() };
    world.policy.binding.user_data = UserData::Exactly(Vec::new());
    accepted(&world);
}

#[test]
fn one_to_eight_authorities_are_accepted() {
    // Two to eight are among the good ones. A root that issues the leaf itself cannot carry the instance's name as well.
    let mut world = World::with_authorities(1);
    assert!(matches!(world.verify(), Err(Error::InstanceName { .. })));
    world.policy.trust.names = Names::Unchecked;
    accepted(&world);
}

#[test]
fn names_are_not_compared_where_the_policy_says_so() {
    let mut world = World::default();
    world.chain[4].subject = name("whoever");
    world.policy.trust.names = Names::Unchecked;
    let bytes = world.document();
    let document = Document::parse(&bytes).unwrap();
    let now = UnixMillis::new(world.now).unwrap();
    let live = verify_live(&document, &world.policy, now).unwrap();
    assert_eq!(live.authentic().region(), None);
}

#[test]
fn a_policy_names_several_images() {
    let mut world = World::default();
    let good: PcrSet = world.policy.images.iter().next().unwrap().clone();
    let other = PcrSet::new(good.iter().map(|(index, _)| (index, [7; 48].into()))).unwrap();
    world.policy.images = PcrSets::new(vec![other.clone(), other, good]).unwrap();
    let bytes = world.document();
    let document = Document::parse(&bytes).unwrap();
    assert_eq!(verify_archived(&document, &world.policy).unwrap().matched_set(), 2);
}

#[test]
fn another_certificate_of_the_denied_issuer_is_accepted() {
    let mut world = World::default();
    let issuer = world.chain[2].issuer.clone();
    world.policy.trust.denied.push(Denied::new(&issuer, &[1]));
    world.policy.trust.denied.push(Denied::new(b"", &[0x5a, 3]));
    accepted(&world);
}

#[test]
fn debug_enclaves_are_accepted_with_permission_only() {
    let mut world = World::default();
    world.debug();
    let zeros = (0..3).map(|index| (index, [0; 48].into()));
    world.policy.images = PcrSet::new(zeros).unwrap().into();
    assert_eq!(world.verify(), Err(Error::DebugEnclave));
    world.policy.debug = DebugEnclaves::AcceptedUnmeasured;
    accepted(&world);
}

#[test]
fn age_and_skew_include_their_ends() {
    let mut world = World::default();
    world.policy.freshness = Freshness { max_age_ms: Some(2000), future_skew_ms: 0 };
    accepted(&world);
    world.now -= 3000;
    world.policy.freshness = Freshness { max_age_ms: Some(0), future_skew_ms: 1000 };
    accepted(&world);
    world.policy.freshness.max_age_ms = None;
    accepted(&world);
}

#[test]
fn what_a_document_says_is_told_to_its_reader() {
    let world = World::default();
    let bytes = world.document();
    let document = Document::parse(&bytes).unwrap();
    let now = UnixMillis::new(world.now).unwrap();
    let live = verify_live(&document, &world.policy, now).unwrap();
    let authentic = live.authentic();
    assert_eq!(authentic.module_id(), MODULE_ID);
    assert_eq!(authentic.instance(), "i-0123456789abcdef0");
    assert_eq!(authentic.region(), Some("synthetic-1"));
    assert_eq!(authentic.launched_unix_millis(), Some(1_788_264_000_000));
    assert_eq!((authentic.timestamp().get(), authentic.at()), (TIMESTAMP, now));
    let (from, to) = authentic.leaf_window();
    assert_eq!(from.to_string(), "2026-09-01T12:00:00Z");
    assert_eq!(to.to_string(), "2026-09-01T15:00:03Z");
    assert_eq!((authentic.mode(), authentic.pcrs().count()), (Mode::Production, 16));
    assert_eq!(authentic.public_key(), Some(&[4; 97][..]));
    assert_eq!(authentic.user_data(), Some(&b"user data"[..]));
    assert_eq!(authentic.nonce(), Some(&b"the client's nonce"[..]));
    assert_eq!(authentic.root().subject_common_name(), "assay synthetic root of tests");
    assert!(!authentic.root().is_aws());
    assert_eq!(live.matched_set(), 0);
}

/// S45: what is long past is refused live and accepted archived; the types tell them apart.
#[test]
fn a_lapsed_document_is_accepted_as_archived_only() {
    let mut world = World::default();
    world.now += 4 * 3_600_000;
    world.policy.freshness.max_age_ms = Some(u64::MAX);
    assert!(matches!(world.verify(), Err(Error::CertificateExpired { .. })));
    let bytes = world.document();
    let document = Document::parse(&bytes).unwrap();
    let archived = verify_archived(&document, &world.policy).unwrap();
    assert_eq!(archived.authentic().at().get(), TIMESTAMP);
}

/// The clock around both ends of every certificate, by a second and by a millisecond.
#[test]
fn windows_include_their_ends() {
    let mut world = World::default();
    world.policy.freshness = Freshness { max_age_ms: Some(u64::MAX), future_skew_ms: u64::MAX };
    let second = |at: u64| der::time(&format!("2609011{:05}Z", 20_000 + at));
    for certificate in 0..=4 {
        let spare = (
            world.chain[certificate].not_before.clone(),
            world.chain[certificate].not_after.clone(),
        );
        world.chain[certificate].not_before = second(1);
        world.chain[certificate].not_after = second(9);
        if certificate == 0 {
            let root = world.chain[0].sign();
            world.policy.trust.root = assay_verifier::attestation::Root::named(&root).unwrap();
        }
        let bytes = world.document();
        // 12:00:00.000, of the second that TIMESTAMP is 3.5 s into.
        let noon = TIMESTAMP - 3500;
        for (millis, expected) in [
            (0, Some("attestation-certificate-not-yet-valid")),
            (999, Some("attestation-certificate-not-yet-valid")),
            (1000, None),
            (2000, None),
            (8000, None),
            (9000, None),
            (9001, Some("attestation-certificate-expired")),
            (10_000, Some("attestation-certificate-expired")),
        ] {
            world.now = noon + millis;
            let code = world.verify_bytes(&bytes).err().map(|error| error.code());
            assert_eq!(code, expected, "certificate {certificate} at {millis} ms");
        }
        let chain = &mut world.chain[certificate];
        (chain.not_before, chain.not_after) = spare;
        if certificate == 0 {
            let root = world.chain[0].sign();
            world.policy.trust.root = assay_verifier::attestation::Root::named(&root).unwrap();
        }
    }
}
