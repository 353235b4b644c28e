//! Vectors as files: a text header, a blank line, the receipt's bytes.

use std::{collections::BTreeMap, fmt::Write as _};

use assay_verifier::{
    Expected,
    ids::{Name, Nonce},
};

/// One receipt under one policy, and what must come of it.
pub struct Vector {
    /// Name of the file, without its ending.
    pub name: &'static str,
    /// What is wrong, for people; everything else is valid.
    pub note: &'static str,
    /// `accepted`, or the code of the refusal.
    pub expect: &'static str,
    /// The clock in milliseconds; `None` for archived.
    pub now_ms: Option<u64>,
    /// The policy's text.
    pub policy: String,
    /// What the caller brings.
    pub values: BTreeMap<String, Vec<u8>>,
    /// The nonce that the caller made.
    pub nonce: Option<Vec<u8>>,
    /// The receipt.
    pub receipt: Vec<u8>,
}

impl Vector {
    /// What the caller knows by itself.
    pub fn expected(&self) -> Expected {
        let named = |(name, bytes): (&String, &Vec<u8>)| {
            (Name::new(name).expect("a name inside the grammar"), bytes.clone())
        };
        let nonce = self.nonce.as_deref().map(|nonce| Nonce::new(nonce).expect("16 to 64 bytes"));
        Expected { nonce, values: self.values.iter().map(named).collect() }
    }

    /// The file. Policies are files of their own, `policy`.
    pub fn to_file(&self, policy: &str) -> Vec<u8> {
        let mut head = format!("expect: {}\n", self.expect);
        match self.now_ms {
            Some(now) => writeln!(head, "now_ms: {now}"),
            None => writeln!(head, "archived: true"),
        }
        .expect("memory");
        writeln!(head, "policy: {policy}").expect("memory");
        for (name, bytes) in &self.values {
            writeln!(head, "value {name}: {}", hex::encode(bytes)).expect("memory");
        }
        if let Some(nonce) = &self.nonce {
            writeln!(head, "nonce: {}", hex::encode(nonce)).expect("memory");
        }
        writeln!(head, "note: {}\n", self.note).expect("memory");
        [head.as_bytes(), &self.receipt].concat()
    }
}

/// Name of the folder of vectors, below the repository's root.
pub const FOLDER: &str = "tests/vectors";

/// The files of all vectors, policies included, by name. Vectors with one policy share its file.
pub fn files(vectors: &[Vector]) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut policies: BTreeMap<&str, String> = BTreeMap::new();
    for vector in vectors {
        let policy = policies.entry(&vector.policy).or_insert_with(|| match vector.name {
            "accepted" => "policy.json".to_owned(),
            name => format!("{name}.policy.json"),
        });
        files.insert(format!("{}.txt", vector.name), vector.to_file(policy));
        files.insert(policy.clone(), vector.policy.clone().into_bytes());
    }
    files
}
