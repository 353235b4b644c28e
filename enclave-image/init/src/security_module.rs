//! The Nitro security module: randomness, and the registers.

use aws_nitro_enclaves_nsm_api::{
    api::{ErrorCode, Request, Response},
    driver::{nsm_exit, nsm_init, nsm_process_request},
};

use crate::Error;

/// An open `/dev/nsm`.
pub(crate) struct SecurityModule(i32);

/// The register that says what the enclave was configured with.
const CONFIGURATION: u16 = 16;
/// Registers 0 to 15 are the hypervisor's, the rest are ours; all are locked.
const REGISTERS: u16 = 32;
/// Bytes, twice what the generator's key has.
const ENTROPY: usize = 64;

impl SecurityModule {
    pub(crate) fn open() -> Result<Self, Error> {
        match nsm_init() {
            descriptor @ 0.. => Ok(Self(descriptor)),
            _ => Err(Error::new("/dev/nsm", "it cannot be opened")),
        }
    }

    /// At least 64 random bytes.
    pub(crate) fn random(&self) -> Result<Vec<u8>, Error> {
        match nsm_process_request(self.0, Request::GetRandom) {
            Response::GetRandom { random } if random.len() >= ENTROPY => Ok(random),
            other => Err(refused("random bytes", &other)),
        }
    }

    /// Extends PCR 16, which must be untouched, with the digest, and locks all registers.
    pub(crate) fn seal(&self, digest: &[u8; 32]) -> Result<(), Error> {
        match nsm_process_request(self.0, Request::DescribePCR { index: CONFIGURATION }) {
            Response::DescribePCR { lock: false, data } if data.iter().all(|byte| *byte == 0) => {}
            other => return Err(refused("PCR 16 before it is extended", &other)),
        }
        let extend = || Request::ExtendPCR { index: CONFIGURATION, data: digest.to_vec() };
        match nsm_process_request(self.0, extend()) {
            Response::ExtendPCR { .. } => {}
            other => return Err(refused("PCR 16", &other)),
        }
        match nsm_process_request(self.0, Request::LockPCRs { range: REGISTERS }) {
            Response::LockPCRs => {}
            other => return Err(refused("locking the registers", &other)),
        }
        match nsm_process_request(self.0, Request::DescribePCR { index: CONFIGURATION }) {
            Response::DescribePCR { lock: true, .. } => {}
            other => return Err(refused("PCR 16 after it was locked", &other)),
        }
        // Not only what the module says of itself, but what it does.
        match nsm_process_request(self.0, extend()) {
            Response::Error(ErrorCode::ReadOnlyIndex) => Ok(()),
            other => Err(refused("extending PCR 16 once more, which has to fail", &other)),
        }
    }
}

impl Drop for SecurityModule {
    fn drop(&mut self) {
        nsm_exit(self.0);
    }
}

fn refused(what: &str, answer: &Response) -> Error {
    Error::new(what, format!("the security module says {answer:?}"))
}
