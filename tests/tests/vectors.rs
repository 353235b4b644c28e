//! The committed vectors are what the generator makes. `ASSAY_WRITE_VECTORS=1` writes them.

use std::{collections::BTreeSet, fs, path::Path};

use assay_tests::receipts::{cases, vector};

#[test]
fn the_generator_reproduces_the_committed_vectors() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let files = vector::files(&cases::all());
    if std::env::var_os("ASSAY_WRITE_VECTORS").is_some() {
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &files {
            fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let found: BTreeSet<String> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = files.keys().cloned().collect();
    assert_eq!(found, expected);
    for (name, bytes) in &files {
        assert!(fs::read(folder.join(name)).unwrap() == *bytes, "{name} differs");
    }
}
