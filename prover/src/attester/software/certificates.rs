//! The chain: root, regional, zonal, instance, leaf, with the lives and uses that AWS's have.

use std::{str::FromStr as _, time::Duration};

use p384::{
    ecdsa::{DerSignature, SigningKey},
    elliptic_curve::Generate as _,
};
use x509_cert::{
    TbsCertificate,
    builder::{Builder as _, CertificateBuilder, Result as BuilderResult, profile::BuilderProfile},
    der::{DateTime, Encode as _},
    ext::{
        Extension, ToExtension as _,
        pkix::{
            AuthorityKeyIdentifier, BasicConstraints, KeyUsage, KeyUsages, SubjectKeyIdentifier,
        },
    },
    name::Name,
    serial_number::SerialNumber,
    spki::{SubjectPublicKeyInfo, SubjectPublicKeyInfoRef},
    time::{Time, Validity},
};

use super::key_file::RootKey;
use crate::attester::Error;

/// The certificates of one leaf, root first, and the leaf's key. Keys between are not kept.
pub(super) struct Chain {
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) leaf_key: SigningKey,
    from: Duration,
}

impl Chain {
    /// Makes new keys and certificates, valid from `at`.
    pub(super) fn make(
        root: &RootKey,
        instance: &str,
        module_id: &str,
        at: Duration,
    ) -> Result<Self, Error> {
        let aws = |name: &str| format!("CN={name}.{REGION}.aws.nitro-enclaves,O=Assay");
        let number = hex::encode(&new_serial()?[..8]);
        let below = [
            (aws(&number), Role::Authority { below: Some(2) }, REGIONAL),
            (aws(&format!("{number}.zonal")), Role::Authority { below: Some(1) }, ZONAL),
            (aws(instance), Role::Issuing, INSTANCE),
            (format!("CN={module_id}.{REGION}.aws,O=Assay"), Role::Leaf, LEAF),
        ];
        let mut certificates = vec![root.certificate.clone()];
        let (mut issuer, mut signer) = (name(ROOT_NAME)?, root.key.clone());
        for (subject, role, life) in below {
            let subject = name(&subject)?;
            let key = new_key()?;
            let profile = Profile { issuer, subject: subject.clone(), role };
            certificates.push(certificate(profile, &key, &signer, at, life)?);
            (issuer, signer) = (subject, key);
        }
        Ok(Self { certificates, leaf_key: signer, from: at })
    }

    /// Whether the leaf is valid at `at`, and for a while after: whoever reads the document needs
    /// time to check it.
    pub(super) fn covers(&self, at: Duration) -> bool {
        at.checked_sub(self.from).is_some_and(|age| age < LEAF - SPARE)
    }
}

/// A root's certificate for `key`, valid from `at` for thirty years.
pub(super) fn root_certificate(key: &SigningKey, at: Duration) -> Result<Vec<u8>, Error> {
    let subject = name(ROOT_NAME)?;
    let role = Role::Authority { below: None };
    let profile = Profile { issuer: subject.clone(), subject, role };
    certificate(profile, key, key, at, ROOT)
}

/// A key from the system's generator.
pub(super) fn new_key() -> Result<SigningKey, Error> {
    SigningKey::try_generate().map_err(|_| Error::Randomness)
}

/// What a certificate is for: it decides the extensions (FORMAT.md §8.4 and §8.5).
#[derive(Clone, Copy)]
enum Role {
    /// Root, regional and zonal authorities.
    Authority {
        below: Option<u8>,
    },
    /// The instance's authority, which issues leaves and nothing else.
    Issuing,
    Leaf,
}

struct Profile {
    issuer: Name,
    subject: Name,
    role: Role,
}

impl BuilderProfile for Profile {
    fn get_issuer(&self, _: &Name) -> Name {
        self.issuer.clone()
    }

    fn get_subject(&self) -> Name {
        self.subject.clone()
    }

    fn build_extensions(
        &self,
        own: SubjectPublicKeyInfoRef<'_>,
        issuer: SubjectPublicKeyInfoRef<'_>,
        tbs: &TbsCertificate,
    ) -> BuilderResult<Vec<Extension>> {
        let (ca, path_len_constraint, usage) = match self.role {
            Role::Authority { below } => (
                true,
                below,
                KeyUsages::DigitalSignature | KeyUsages::KeyCertSign | KeyUsages::CRLSign,
            ),
            Role::Issuing => (true, Some(0), KeyUsages::KeyCertSign.into()),
            Role::Leaf => (false, None, KeyUsages::DigitalSignature | KeyUsages::NonRepudiation),
        };
        let constraints = BasicConstraints { ca, path_len_constraint };
        let subject = tbs.subject();
        let mut extensions = vec![
            (true, &constraints).to_extension(subject, &[])?,
            (ca, &KeyUsage(usage)).to_extension(subject, &[])?,
        ];
        if ca {
            let key_id = SubjectKeyIdentifier::try_from(own)?;
            extensions.push((false, &key_id).to_extension(subject, &extensions)?);
            let key_id = AuthorityKeyIdentifier::try_from(issuer)?;
            extensions.push((false, &key_id).to_extension(subject, &extensions)?);
        }
        Ok(extensions)
    }
}

fn certificate(
    profile: Profile,
    key: &SigningKey,
    signer: &SigningKey,
    at: Duration,
    life: Duration,
) -> Result<Vec<u8>, Error> {
    let serial = SerialNumber::new(&new_serial()?).map_err(bad)?;
    let key = SubjectPublicKeyInfo::from_key(key.verifying_key()).map_err(bad)?;
    let validity = Validity::new(time(at)?, time(at.checked_add(life).ok_or(Error::Clock)?)?);
    CertificateBuilder::new(profile, serial, validity, key)
        .and_then(|builder| builder.build::<_, DerSignature>(signer))
        .map_err(bad)?
        .to_der()
        .map_err(bad)
}

/// A whole second, as UTCTime up to 2049 and GeneralizedTime from 2050 on.
fn time(at: Duration) -> Result<Time, Error> {
    let seconds = Duration::from_secs(at.as_secs());
    DateTime::from_unix_duration(seconds).map(Time::from).map_err(|_| Error::Clock)
}

fn name(text: &str) -> Result<Name, Error> {
    Name::from_str(text).map_err(bad)
}

/// Sixteen random bytes, of which the first is neither zero nor above 127: a positive number.
fn new_serial() -> Result<[u8; 16], Error> {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).map_err(|_| Error::Randomness)?;
    serial[0] = serial[0] & 0x3f | 0x40;
    Ok(serial)
}

fn bad(error: impl std::fmt::Display) -> Error {
    Error::Certificate { why: error.to_string() }
}

/// Verifiers show it wherever a root is named.
const ROOT_NAME: &str = "CN=assay development attester (not AWS),O=Assay";
const REGION: &str = "development";
const HOUR: Duration = Duration::from_secs(3600);
const ROOT: Duration = Duration::from_secs(30 * 365 * 24 * 3600);
const REGIONAL: Duration = HOUR.saturating_mul(481);
const ZONAL: Duration = HOUR.saturating_mul(145);
const INSTANCE: Duration = HOUR.saturating_mul(24);
const LEAF: Duration = HOUR.saturating_mul(3);
/// AWS's leaves are reused too, up to 8,523 s of their 10,800.
const SPARE: Duration = HOUR;
