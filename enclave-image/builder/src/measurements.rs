//! `measurements.json`: what an image measures, and what it was made from.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::{Context as _, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::{cpio, pack::sha256};

/// Registers, parts, inputs.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Measurements {
    /// PCR0, PCR1, PCR2, and PCR8 of a signed image: 48 bytes in hexadecimal.
    pub(crate) registers: BTreeMap<String, String>,
    /// The kernel's command line.
    pub(crate) cmdline: String,
    /// What the image consists of. Parts may lie in other parts.
    pub(crate) parts: BTreeMap<String, Part>,
    /// What it was made from, in order of kind and name.
    pub(crate) inputs: Vec<Input>,
}

/// A part of the image.
#[derive(Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    /// Bytes.
    pub(crate) bytes: u64,
    /// SHA-256 of the file, or of the folder's archive.
    pub(crate) sha256: String,
}

/// Something that the image was made from.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// `source`, `toolchain`, `package`, `lock`…
    pub(crate) kind: String,
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// SHA-256 in hexadecimal.
    pub(crate) sha256: String,
}

impl Measurements {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let named = || path.display().to_string();
        let text = fs::read_to_string(path).with_context(named)?;
        serde_json::from_str(&text).with_context(named)
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }
}

impl fmt::Display for Measurements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.registers {
            writeln!(f, "{name} {value}")?;
        }
        for (name, part) in &self.parts {
            let mebibytes = part.bytes as f64 / f64::from(1 << 20);
            writeln!(f, "{name:<16} {mebibytes:>8.2} MiB  {}", part.sha256)?;
        }
        Ok(())
    }
}

impl Part {
    /// Of a file, or of a folder's archive.
    pub(crate) fn of(path: &Path) -> Result<Self> {
        let bytes = if path.is_dir() {
            cpio::pack(path)?
        } else {
            fs::read(path).with_context(|| path.display().to_string())?
        };
        Ok(Self { bytes: u64::try_from(bytes.len())?, sha256: sha256(&bytes) })
    }
}

impl Input {
    /// Reads lines of kind, name, version and SHA-256.
    pub(crate) fn read(path: &Path) -> Result<Vec<Self>> {
        let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut inputs = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let place = || format!("{}:{number}: expected four fields", path.display());
            let fields: Vec<_> = line.split('\t').map(str::to_owned).collect();
            let [kind, name, version, sha256] =
                <[String; 4]>::try_from(fields).ok().with_context(place)?;
            let digest = hex::decode(&sha256).is_ok_and(|bytes| bytes.len() == 32);
            ensure!(digest, "{}:{number}: `{sha256}` is no SHA-256", path.display());
            inputs.push(Self { kind, name, version, sha256 });
        }
        inputs.sort();
        inputs.dedup();
        Ok(inputs)
    }
}
