//! The fuzz targets over their committed seeds, over what the fuzzers once found, and over
//! mutations that are the same each time. `ASSAY_WRITE_SEEDS=1` writes the seeds.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

// The targets' own source: its crate needs the nightly compiler and is no part of the workspace.
#[expect(unreachable_pub, reason = "it is a library there")]
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use assay_tests::seeds;

type Target = fn(&[u8]);

const TARGETS: [(&str, Target, usize); 6] = [
    // How many mutations of each seed: signatures and pairings take their time.
    ("attestation", targets::attestation, 200),
    ("batch", targets::batch, 20),
    ("cose", targets::cose, 400),
    ("der", targets::der, 400),
    ("policy_json", targets::policy_json, 400),
    ("receipt", targets::receipt, 40),
];

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz").join(kind).join(target)
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    let named = entries.map(|entry| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(&path).unwrap())
    });
    named.collect()
}

#[test]
fn the_generator_reproduces_the_committed_seeds() {
    let mut expected: BTreeMap<&str, BTreeMap<String, Vec<u8>>> = BTreeMap::new();
    for seeds::Seed { target, name, bytes } in seeds::all() {
        assert!(!bytes.is_empty(), "{target}: {name}");
        expected.entry(target).or_default().insert(name, bytes);
    }
    assert_eq!(expected.keys().copied().collect::<Vec<_>>(), TARGETS.map(|(target, ..)| target));
    for (target, seeds) in expected {
        let folder = folder("seeds", target);
        if std::env::var_os("ASSAY_WRITE_SEEDS").is_some() {
            fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in &seeds {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
        assert!(files(&folder) == seeds, "{target}: run again with ASSAY_WRITE_SEEDS=1");
    }
}

#[test]
fn seeds_regressions_and_their_mutations_hold() {
    for (target, run, mutations) in TARGETS {
        let seeds = files(&folder("seeds", target));
        assert!(!seeds.is_empty(), "{target} has no seeds");
        let mut random = Random(0x5eed);
        for seed in seeds.values() {
            run(seed);
            for _ in 0..mutations / seeds.len() {
                run(&random.mutated(seed));
            }
        }
        files(&folder("regressions", target)).values().for_each(|bytes| run(bytes));
    }
}

/// xorshift64: the same mutations on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// One to three places changed: a bit, a byte, a run left out, doubled or moved.
    fn mutated(&mut self, seed: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            let end = (at + 1 + self.below(8)).min(bytes.len());
            match self.below(5) {
                0 => bytes[at] ^= 1 << self.below(8),
                1 => {
                    bytes[at] =
                        [0, 1, 0x7f, 0x80, 0xff, 0x58, 0x59, 0x9f, 0xbf, 0xf6][self.below(10)]
                }
                2 => drop(bytes.drain(at..end)),
                3 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
                _ => bytes.truncate(at.max(1)),
            }
        }
        bytes
    }
}
