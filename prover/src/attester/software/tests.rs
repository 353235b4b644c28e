use std::os::unix::fs::PermissionsExt;

use assay_verifier::{
    UnixMillis,
    attestation::{
        Binding, DebugEnclaves, Document, Error as Refusal, Freshness, Mode, Nonce, Pcr, PcrSet,
        Policy, PublicKey, Trust, UserData, verify_archived, verify_live,
    },
};

use super::*;

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn request() -> Request {
    Request {
        public_key: Some(vec![4; 97]),
        user_data: Some(vec![7; 32]),
        nonce: Some(vec![9; 16]),
    }
}

/// Pins everything: the executable, the configuration, key, user data and nonce.
fn policy(root: &Root, configuration: [u8; 32]) -> Policy {
    let code = Pcr::from(<[u8; 48]>::from(Sha384::digest(executable().unwrap())));
    let configuration = Pcr::from(extend([0; 48], &configuration));
    let Request { public_key, user_data, nonce } = request();
    Policy {
        trust: Trust::new(root.clone()),
        images: PcrSet::new([(0, code), (1, code), (2, code), (16, configuration)]).unwrap().into(),
        debug: DebugEnclaves::Refused,
        binding: Binding {
            nonce: Nonce::Exactly(nonce.unwrap()),
            user_data: UserData::Exactly(user_data.unwrap()),
            public_key: PublicKey::Exactly(public_key.unwrap()),
        },
        freshness: Freshness::default(),
    }
}

fn unix(time: Duration) -> UnixMillis {
    UnixMillis::new(millis(time).unwrap()).unwrap()
}

#[test]
fn its_documents_are_accepted_where_its_root_is_named() {
    let directory = directory();
    let attester = Software::open(directory.path(), Some([5; 32])).unwrap();
    let bytes = attester.attest(&request()).unwrap();
    let document = Document::parse(&bytes).unwrap();
    let policy = policy(attester.root(), [5; 32]);
    let live = verify_live(&document, &policy, unix(Clock::default().since_1970())).unwrap();
    let authentic = live.authentic();
    assert_eq!(authentic.mode(), Mode::Production);
    assert_eq!(authentic.region(), Some("development"));
    assert!(authentic.module_id().starts_with(authentic.instance()));
    assert!(authentic.launched_unix_millis().is_some());
    assert!(authentic.root().is_development() && !authentic.root().is_aws());
    assert_eq!(authentic.pcrs().count(), 17);
    assert!(attester.describe().contains("development attester, not AWS"));
    verify_archived(&document, &policy).unwrap();
}

#[test]
fn its_documents_are_refused_where_aws_is_trusted() {
    let directory = directory();
    let attester = Software::open(directory.path(), Some([5; 32])).unwrap();
    let bytes = attester.attest(&request()).unwrap();
    let document = Document::parse(&bytes).unwrap();
    let mut policy = policy(attester.root(), [5; 32]);
    policy.trust = Trust::new(Root::aws_g1());
    let refused = verify_live(&document, &policy, unix(Clock::default().since_1970())).unwrap_err();
    assert!(matches!(refused, Refusal::RootMismatch { .. }), "{refused}");
}

#[test]
fn another_configuration_is_another_register() {
    let directory = directory();
    let attester = Software::open(directory.path(), Some([6; 32])).unwrap();
    let bytes = attester.attest(&request()).unwrap();
    let document = Document::parse(&bytes).unwrap();
    let policy = policy(attester.root(), [5; 32]);
    let refused = verify_live(&document, &policy, unix(Clock::default().since_1970())).unwrap_err();
    assert!(matches!(refused, Refusal::PcrMismatch { index: 16, .. }), "{refused}");
    let attester = Software::open(directory.path(), None).unwrap();
    let bytes = attester.attest(&request()).unwrap();
    let document = Document::parse(&bytes).unwrap();
    let refused = verify_live(&document, &policy, unix(Clock::default().since_1970())).unwrap_err();
    assert!(matches!(refused, Refusal::PcrMissing { index: 16, .. }), "{refused}");
}

#[test]
fn the_chain_is_made_anew_before_its_leaf_lapses() {
    let directory = directory();
    let attester = Software::open(directory.path(), Some([5; 32])).unwrap();
    let policy = policy(attester.root(), [5; 32]);
    let begin = Clock::default().since_1970();
    let mut leaves = Vec::new();
    for minutes in [0, 90, 119, 121, 242, 24 * 60, 500 * 60] {
        let at = begin + Duration::from_secs(minutes * 60);
        let bytes = attester.attest_at(&request(), at).unwrap();
        let document = Document::parse(&bytes).unwrap();
        let live = verify_live(&document, &policy, unix(at)).unwrap();
        leaves.push(live.authentic().leaf_window().0);
    }
    assert_eq!((leaves[0], leaves[0]), (leaves[1], leaves[2]));
    assert!(leaves[2..].is_sorted_by(|earlier, later| earlier < later));
}

#[test]
fn the_root_is_made_once_and_kept_from_others() {
    let directory = directory();
    let first = Software::open(directory.path(), None).unwrap().root().clone();
    assert_eq!(*Software::open(directory.path(), None).unwrap().root(), first);
    let path = directory.path().join("development-root.key");
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    let public = directory.path().join("development-root.der");
    assert_eq!(std::fs::read(&public).unwrap(), first.der());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 2);

    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
    let refused = Software::open(directory.path(), None).err().unwrap();
    assert!(matches!(refused, Error::KeyFileOpen { mode: 0o640, .. }), "{refused}");
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::write(&path, [1; 60]).unwrap();
    let refused = Software::open(directory.path(), None).err().unwrap();
    assert!(matches!(refused, Error::KeyFile { .. }), "{refused}");

    let other = self::directory();
    assert_ne!(*Software::open(other.path(), None).unwrap().root(), first);
}

#[test]
fn what_no_document_can_carry_is_refused() {
    let directory = directory();
    let attester = Software::open(directory.path(), None).unwrap();
    let empty_key = Request { public_key: Some(Vec::new()), ..Request::default() };
    let long_nonce = Request { nonce: Some(vec![0; 1025]), ..Request::default() };
    for (request, field) in [(empty_key, "public_key"), (long_nonce, "nonce")] {
        match attester.attest(&request) {
            Err(Error::RequestLength { field: refused, .. }) => assert_eq!(refused, field),
            other => panic!("{other:?}"),
        }
    }
    assert!(attester.attest(&Request::default()).is_ok());
}

#[test]
fn the_security_module_is_preferred_where_there_is_one() {
    let directory = directory();
    let attester = crate::attester::open(directory.path(), None).unwrap();
    assert_eq!(attester.root().is_aws(), crate::attester::Nsm::is_present());
}
