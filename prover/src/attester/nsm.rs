//! The Nitro Security Module of an enclave, through `/dev/nsm`.

use std::path::Path;

use assay_verifier::attestation::Root;
use aws_nitro_enclaves_nsm_api::{
    api::{Request as Ask, Response as Answer},
    driver::{nsm_exit, nsm_init, nsm_process_request},
};
use serde_bytes::ByteBuf;

use super::{Attester, Error, Request};

/// The security module. Its documents are signed by the hypervisor, under AWS's root.
///
/// QEMU's `nitro-enclave` machine has the same device, but signs nothing: no verifier accepts its
/// documents.
#[derive(Debug)]
pub struct Nsm {
    descriptor: i32,
    root: Root,
}

impl Nsm {
    /// Whether this program runs in an enclave.
    pub fn is_present() -> bool {
        Path::new("/dev/nsm").exists()
    }

    /// Opens the device.
    pub fn open() -> Result<Self, Error> {
        match nsm_init() {
            descriptor @ 0.. => Ok(Self { descriptor, root: Root::aws_g1() }),
            _ => Err(Error::NsmAbsent),
        }
    }
}

impl Drop for Nsm {
    fn drop(&mut self) {
        nsm_exit(self.descriptor);
    }
}

impl Attester for Nsm {
    fn attest(&self, request: &Request) -> Result<Vec<u8>, Error> {
        request.check()?;
        let Request { public_key, user_data, nonce } = request.clone();
        let ask = Ask::Attestation {
            user_data: user_data.map(ByteBuf::from),
            nonce: nonce.map(ByteBuf::from),
            public_key: public_key.map(ByteBuf::from),
        };
        match nsm_process_request(self.descriptor, ask) {
            Answer::Attestation { document } => Ok(document),
            other => Err(Error::NsmRefused { answer: format!("{other:?}") }),
        }
    }

    fn root(&self) -> &Root {
        &self.root
    }

    fn describe(&self) -> String {
        "AWS Nitro security module at /dev/nsm".into()
    }
}
