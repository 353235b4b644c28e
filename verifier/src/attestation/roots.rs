//! Whom a chain may end at. Only AWS's root is compiled in.

use sha2::{Digest, Sha256};

use super::{
    certificate::{Certificate, Position},
    error::Error,
};

/// A trusted root certificate: its bytes, compared as such (S27).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    der: Box<[u8]>,
    common_name: Box<str>,
}

impl Root {
    /// The root of AWS Nitro Enclaves, generation 1, of the commercial partition.
    ///
    /// China and GovCloud have roots of their own: they must be [named](Self::named).
    pub fn aws_g1() -> Self {
        Self { der: (*AWS_G1).into(), common_name: "aws.nitro-enclaves".into() }
    }

    /// Another root, by its DER bytes: a development attester's, another partition's.
    ///
    /// It must be a certificate of the form that AWS's chains have; whether it is a good root is
    /// the caller's word. Its signature by itself is not checked, since its bytes are pinned.
    pub fn named(der: &[u8]) -> Result<Self, Error> {
        let certificate = Certificate::parse(der, Position::Cabundle(0))?;
        let common_name = certificate.common_name()?.into();
        Ok(Self { der: der.into(), common_name })
    }

    /// Whether it is AWS's own.
    pub fn is_aws(&self) -> bool {
        *self.der == *AWS_G1
    }

    /// Whether its subject says that it is of a development attester.
    pub fn is_development(&self) -> bool {
        self.common_name.to_ascii_lowercase().contains("development")
    }

    /// The certificate.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// SHA-256 of the certificate.
    pub fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.der).into()
    }

    /// The common name of its subject: its own word unless it is AWS's.
    pub fn subject_common_name(&self) -> &str {
        &self.common_name
    }
}

/// <https://aws-nitro-enclaves.amazonaws.com/AWS_NitroEnclaves_Root-G1.zip>, as DER.
const AWS_G1: &[u8; 533] = include_bytes!("aws_nitro_root_g1.der");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_the_one_aws_publishes() {
        let root = Root::aws_g1();
        assert_eq!(
            hex::encode(root.sha256()),
            "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"
        );
        assert_eq!(Root::named(root.der()), Ok(root.clone()));
        assert!(root.is_aws() && !root.is_development());
    }
}
