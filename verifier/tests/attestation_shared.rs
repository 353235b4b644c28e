//! The documents in `ASSAY_SHARED` (default `../shared` beside the repository), where they are
//! present: AWS-signed ones, and generated ones under a synthetic root. None is copied in here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use assay_verifier::{
    UnixMillis,
    attestation::{
        Binding, DebugEnclaves, Document, Error, Freshness, Mode, Nonce, PcrSet, PcrSets, Policy,
        PublicKey, Root, Trust, UserData, conformance, verify_archived, verify_live,
    },
};

/// None, and a line saying so, where the folder is absent.
fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let root = std::env::var_os("ASSAY_SHARED").map_or(beside, PathBuf::from);
    let path = root.join("nitro").join(path);
    if !path.exists() {
        eprintln!("skipped: {} is absent", path.display());
        return None;
    }
    Some(path)
}

/// Pins exactly what the document states, so that only its genuineness is in question.
fn own_policy(document: &Document<'_>, debug: DebugEnclaves) -> Policy {
    Policy {
        trust: Trust::new(Root::aws_g1()),
        images: PcrSets::from(PcrSet::new(document.unverified_pcrs()).expect("PCR 0, 1 and 2")),
        debug,
        binding: Binding {
            nonce: Nonce::AnyNonceAccepted,
            user_data: UserData::AnyUserDataAccepted,
            public_key: PublicKey::AnyPublicKeyAccepted,
        },
        freshness: Freshness::default(),
    }
}

#[test]
fn generated_cases_agree() {
    let Some(path) = shared("cases.json") else { return };
    let outcomes = conformance::run(&fs::read(path).unwrap()).unwrap();
    let disagreed: Vec<_> = outcomes.iter().filter(|outcome| !outcome.agrees()).collect();
    assert!(disagreed.is_empty(), "{disagreed:#?}");
    assert!(outcomes.len() >= 182);
    if std::env::var_os("ASSAY_SHOW").is_some() {
        for outcome in outcomes {
            println!("{outcome}");
        }
    }
}

#[test]
fn genuine_documents_are_accepted_and_spoilt_ones_refused() {
    let Some(folder) = shared("genuine") else { return };
    let (mut accepted, mut debug, mut refused) = (0, 0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "bin") {
            continue;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let bytes = fs::read(&path).unwrap();
        let spoilt = ["MALFORMED", "BADSIG", "NITROTPM"].iter().any(|word| name.contains(word));
        let document = match Document::parse(&bytes) {
            Ok(document) => document,
            Err(error) => {
                assert!(spoilt, "{name}: {error}");
                refused.push((name, error.code()));
                continue;
            }
        };
        let policy = own_policy(&document, DebugEnclaves::AcceptedUnmeasured);
        let archived = match verify_archived(&document, &policy) {
            Ok(archived) => archived,
            Err(error) => {
                assert!(spoilt, "{name}: {error}");
                refused.push((name, error.code()));
                continue;
            }
        };
        assert!(!spoilt, "{name} was accepted");
        accepted += 1;
        let authentic = archived.authentic();
        let region = authentic.region().unwrap();
        assert!(name.contains(&format!("_{region}_{}_", authentic.instance())), "{name}");
        assert!(authentic.launched_unix_millis().unwrap() <= authentic.timestamp().get(), "{name}");

        let strict = own_policy(&document, DebugEnclaves::Refused);
        let is_debug = name.contains("debug");
        match verify_archived(&document, &strict) {
            Ok(_) => assert!(!is_debug, "{name}"),
            Err(error) => assert_eq!((error, is_debug), (Error::DebugEnclave, true), "{name}"),
        }
        assert_eq!(authentic.mode() == Mode::Debug, is_debug, "{name}");
        debug += u32::from(is_debug);

        let now = UnixMillis::new(1_900_000_000_000).unwrap();
        let live = verify_live(&document, &policy, now).unwrap_err();
        assert!(matches!(live, Error::CertificateExpired { .. }), "{name}: {live}");
    }
    assert_eq!((accepted, debug), (39, 11));
    refused.sort();
    let codes: Vec<_> = refused.iter().map(|(_, code)| *code).collect();
    let expected = [
        "attestation-item-type",
        "attestation-signature-invalid",
        "attestation-signature-invalid",
        "attestation-nitro-tpm",
    ];
    assert_eq!(codes, expected, "{refused:?}");
}
