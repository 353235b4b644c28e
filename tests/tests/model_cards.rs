//! Every model's card names the files that lie beside it, and no others, by their SHA-256.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use sha2::{Digest as _, Sha256};

/// What makes the artefacts, and what refers to them, is not itself one.
const NOT_ARTEFACTS: [&str; 4] = ["md", "py", "sh", "toml"];
/// All models together (the issue that asked for them says so).
const MOST_BYTES: u64 = 4 << 20;

#[test]
fn cards_name_every_artefact_by_its_digest() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut bytes = 0;
    for entry in fs::read_dir(models).unwrap() {
        let model = entry.unwrap().path();
        let card = fs::read_to_string(model.join("CARD.md")).unwrap();
        let stated: BTreeMap<&str, &str> = card
            .lines()
            .filter_map(|line| line.split_once("  "))
            .filter(|(digest, _)| {
                digest.len() == 64 && digest.bytes().all(|b| b.is_ascii_hexdigit())
            })
            .map(|(digest, path)| (path, digest))
            .collect();
        let files = artefacts(&model);
        let names: BTreeSet<_> =
            files.iter().map(|file| file.strip_prefix(&model).unwrap().to_str().unwrap()).collect();
        assert_eq!(stated.keys().copied().collect::<BTreeSet<_>>(), names, "{}", model.display());
        for (path, digest) in stated {
            let file = fs::read(model.join(path)).unwrap();
            bytes += file.len() as u64;
            assert_eq!(hex::encode(Sha256::digest(&file)), digest, "{path}");
        }
    }
    assert!(bytes <= MOST_BYTES, "{bytes}");
}

/// Files of a model's folder and the folders in it, but for its texts and programs.
fn artefacts(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if path.is_dir() {
            files.extend(artefacts(&path));
        } else if !NOT_ARTEFACTS.contains(&extension) && !follows(&path) {
            files.push(path);
        }
    }
    files
}

/// What training needs, and the quantization manifest, which is made from the model and pinned by
/// the operation and the key card.
fn follows(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name == "requirements.txt" || name.contains("manifest")
}
