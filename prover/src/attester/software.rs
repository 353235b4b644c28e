//! The development attester: documents of the same shape as AWS's, under a root of its own.
//!
//! It vouches for nothing but that whoever can read its key file made the document. A policy must
//! name its root by its bytes to accept it, and every report then says "development attester".

mod certificates;
mod document;
mod key_file;

use std::{
    path::Path,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use assay_verifier::attestation::Root;
use sha2::{Digest, Sha256, Sha384};

use self::{certificates::Chain, document::Statement, key_file::RootKey};
use super::{Attester, Error, Request};
use crate::clock::Clock;

/// The development attester of one installation.
///
/// Its registers: 0, 1 and 2 are each the SHA-384 of the running executable's file, as
/// `sha384sum` prints it; 4 is SHA-384(48 zero bytes ‖ instance id), as AWS's is; 16, where a
/// configuration digest was given, is SHA-384(48 zero bytes ‖ digest); the others up to 15 are
/// zero. Nothing measures libraries, the kernel or the machine.
pub struct Software {
    root_key: RootKey,
    root: Root,
    registers: Vec<(u8, [u8; 48])>,
    instance: String,
    module_id: String,
    /// The certificates below the root; made anew before the leaf lapses.
    chain: Mutex<Chain>,
    clock: Clock,
}

impl Software {
    /// Opens the attester of `directory`, making its root at the first time.
    pub fn open(directory: &Path, configuration: Option<[u8; 32]>) -> Result<Self, Error> {
        Self::open_at(directory, configuration, Clock::default())
    }

    /// The same by another clock.
    pub fn open_at(
        directory: &Path,
        configuration: Option<[u8; 32]>,
        clock: Clock,
    ) -> Result<Self, Error> {
        let root_key = RootKey::open_or_make(directory, clock.since_1970())?;
        let root = Root::named(&root_key.certificate)
            .map_err(|error| Error::Certificate { why: error.to_string() })?;
        let installation = hex::encode(Sha256::digest(&root_key.certificate));
        let instance = format!("i-{}", installation.get(..17).unwrap_or_default());
        let launched = clock.since_1970();
        let module_id = format!("{instance}-enc{:012x}0000", millis(launched)? & 0xffff_ffff_ffff);
        let registers = registers(&executable()?, &instance, configuration);
        let chain = Mutex::new(Chain::make(&root_key, &instance, &module_id, launched)?);
        Ok(Self { root_key, root, registers, instance, module_id, chain, clock })
    }

    /// A document as if it were `at`: the chain is made anew where its leaf does not cover that.
    fn attest_at(&self, request: &Request, at: Duration) -> Result<Vec<u8>, Error> {
        request.check()?;
        let mut chain = self.chain.lock().unwrap_or_else(PoisonError::into_inner);
        if !chain.covers(at) {
            *chain = Chain::make(&self.root_key, &self.instance, &self.module_id, at)?;
        }
        let statement = Statement {
            module_id: &self.module_id,
            timestamp_ms: millis(at)?,
            registers: &self.registers,
            certificates: &chain.certificates,
            request,
        };
        Ok(statement.sign(&chain.leaf_key))
    }
}

impl Attester for Software {
    fn attest(&self, request: &Request) -> Result<Vec<u8>, Error> {
        self.attest_at(request, self.clock.since_1970())
    }

    fn root(&self) -> &Root {
        &self.root
    }

    fn describe(&self) -> String {
        format!(
            "development attester, not AWS; root {} (sha-256 {})",
            self.root.subject_common_name(),
            hex::encode(self.root.sha256())
        )
    }
}

/// The bytes of the running program: the file it was started from, even if that was replaced.
fn executable() -> Result<Vec<u8>, Error> {
    let link = Path::new("/proc/self/exe");
    let path = match link.exists() {
        true => link.to_path_buf(),
        false => std::env::current_exe()
            .map_err(|error| Error::File { path: "the running program".into(), error })?,
    };
    std::fs::read(&path).map_err(|error| Error::File { path, error })
}

fn registers(
    executable: &[u8],
    instance: &str,
    configuration: Option<[u8; 32]>,
) -> Vec<(u8, [u8; 48])> {
    let code: [u8; 48] = Sha384::digest(executable).into();
    let mut registers: Vec<_> = (0..16).map(|index| (index, [0; 48])).collect();
    for (index, register) in &mut registers {
        *register = match index {
            0..=2 => code,
            4 => extend([0; 48], instance.as_bytes()),
            _ => continue,
        };
    }
    if let Some(digest) = configuration {
        registers.push((16, extend([0; 48], &digest)));
    }
    registers
}

/// A register's next value: SHA-384(value ‖ data).
fn extend(register: [u8; 48], data: &[u8]) -> [u8; 48] {
    Sha384::new().chain_update(register).chain_update(data).finalize().into()
}

fn millis(time: Duration) -> Result<u64, Error> {
    u64::try_from(time.as_millis()).map_err(|_| Error::Clock)
}

#[cfg(test)]
mod tests;
