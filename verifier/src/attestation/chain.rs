//! From the pinned root to the key that signed the document (S26 to S38).

use p384::ecdsa::{Signature, VerifyingKey};
use sha2::{Digest, Sha384};

use super::{
    certificate::Certificate,
    document::Document,
    ecdsa::Es384,
    error::Error,
    extensions::{BasicConstraints, KeyUsage},
    name,
    policy::{Names, Trust},
    sample::{Sample, shorten},
};
use crate::UnixMillis;

/// What an authentic chain says about the document.
pub(super) struct Chain<'a> {
    pub(super) instance: &'a str,
    pub(super) region: Option<&'a str>,
    pub(super) leaf: Certificate<'a>,
}

/// Builds the path in the order of the document, never searching (S26), and checks it: cheap
/// things first, the signatures from the root down last.
pub(super) fn check<'a>(
    document: &Document<'a>,
    trust: &Trust,
    at: UnixMillis,
) -> Result<Chain<'a>, Error> {
    let module_id = document.payload.module_id;
    let instance = name::instance(module_id)
        .ok_or_else(|| Error::NotAnEnclave { module_id: shorten(module_id) })?;
    begins_with_root(document, trust)?;
    no_repetition(document)?;
    let chain = document.unverified_chain()?;
    let (leaf, authorities) = match chain.split_last() {
        Some((leaf, authorities)) if !authorities.is_empty() => (leaf, authorities),
        _ => return Err(Error::CabundleEmpty),
    };
    for certificate in &chain {
        within_validity(certificate, at)?;
        not_denied(certificate, trust)?;
    }
    for (authority, below) in authorities.iter().zip(1_usize..) {
        may_issue(authority, authorities.len().saturating_sub(below))?;
    }
    may_sign_documents(leaf)?;
    for (issuer, certificate) in chain.iter().zip(chain.iter().skip(1)) {
        if certificate.issuer.der != issuer.subject.der {
            return Err(Error::IssuerName { certificate: certificate.position });
        }
    }
    dated_within_leaf(document, leaf)?;
    let region = match trust.names {
        Names::Checked => Some(named(module_id, instance, &chain)?),
        Names::Unchecked => None,
    };
    signed(document, &chain)?;
    Ok(Chain { instance, region, leaf: leaf.clone() })
}

/// S27: the bytes, not only the key or the name.
fn begins_with_root(document: &Document<'_>, trust: &Trust) -> Result<(), Error> {
    let found = document.payload.cabundle.iter().next().ok_or(Error::CabundleEmpty)?;
    if found != trust.root.der() {
        return Err(Error::RootMismatch {
            expected_sha256: trust.root.sha256(),
            found_sha256: sha2::Sha256::digest(found).into(),
        });
    }
    Ok(())
}

/// S36. At most nine certificates: each is compared with each.
fn no_repetition(document: &Document<'_>) -> Result<(), Error> {
    for (again, der) in document.certificates() {
        let earlier = document.certificates().take_while(|(position, _)| *position != again);
        for (first, same) in earlier {
            if same == der {
                return Err(Error::CertificateRepeated { first, again });
            }
        }
    }
    Ok(())
}

/// S28: every certificate, the root included; both ends belong to the validity.
fn within_validity(certificate: &Certificate<'_>, at: UnixMillis) -> Result<(), Error> {
    let Certificate { position, not_before, not_after, .. } = *certificate;
    if not_after < not_before {
        return Err(Error::CertificateWindow { certificate: position, not_before, not_after });
    }
    if !not_before.reached_by(at) {
        return Err(Error::CertificateNotYetValid { certificate: position, not_before, at });
    }
    if not_after.passed_by(at) {
        return Err(Error::CertificateExpired { certificate: position, not_after, at });
    }
    Ok(())
}

/// S34: the caller's own list.
fn not_denied(certificate: &Certificate<'_>, trust: &Trust) -> Result<(), Error> {
    let Certificate { position, serial, ref issuer, .. } = *certificate;
    if trust.denied.iter().any(|denied| denied.is(issuer.der, serial)) {
        return Err(Error::CertificateDenied { certificate: position, serial: Sample::of(serial) });
    }
    Ok(())
}

/// S29 to S31: an authority, with `below` further authorities under it.
fn may_issue(authority: &Certificate<'_>, below: usize) -> Result<(), Error> {
    let certificate = authority.position;
    let constraints = authority.extensions.constraints;
    let BasicConstraints { critical, authority: is_authority, path_length } =
        constraints.ok_or(Error::BasicConstraintsAbsent { certificate })?;
    if !critical {
        return Err(Error::BasicConstraintsNotCritical { certificate });
    }
    if !is_authority {
        return Err(Error::AuthorityFalse { certificate });
    }
    let found = below.try_into().unwrap_or(u64::MAX);
    if let Some(allowed) = path_length.filter(|allowed| *allowed < found) {
        return Err(Error::PathLength { certificate, allowed, found });
    }
    let KeyUsage { digital_signature: _, cert_sign } =
        authority.extensions.usage.ok_or(Error::KeyUsageAbsent { certificate })?;
    if !cert_sign {
        return Err(Error::KeyUsageCertSign { certificate });
    }
    Ok(())
}

/// S32.
fn may_sign_documents(leaf: &Certificate<'_>) -> Result<(), Error> {
    if let Some(BasicConstraints { critical: _, authority, path_length }) =
        leaf.extensions.constraints
    {
        if authority {
            return Err(Error::LeafIsAuthority);
        }
        if let Some(found) = path_length {
            return Err(Error::LeafPathLength { found });
        }
    }
    let certificate = leaf.position;
    let KeyUsage { digital_signature, cert_sign } =
        leaf.extensions.usage.ok_or(Error::KeyUsageAbsent { certificate })?;
    if !digital_signature {
        return Err(Error::LeafDigitalSignature);
    }
    if cert_sign {
        return Err(Error::LeafCertSign);
    }
    Ok(())
}

/// S38: the hypervisor makes a leaf first and the document within its three hours.
fn dated_within_leaf(document: &Document<'_>, leaf: &Certificate<'_>) -> Result<(), Error> {
    let timestamp = document.payload.timestamp;
    let Certificate { not_before, not_after, .. } = *leaf;
    if !not_before.reached_by(timestamp) || not_after.passed_by(timestamp) {
        return Err(Error::TimestampOutsideLeaf { timestamp, not_before, not_after });
    }
    Ok(())
}

/// S37: leaf `<module id>.<region>.aws`, issued by `<instance>.<region>.aws.nitro-enclaves`.
/// Answers the region.
fn named<'a>(module_id: &str, instance: &str, chain: &[Certificate<'a>]) -> Result<&'a str, Error> {
    let mut upwards = chain.iter().rev();
    let (Some(leaf), Some(issuer)) = (upwards.next(), upwards.next()) else {
        return Err(Error::CabundleEmpty);
    };
    let (leaf, issuer) = (leaf.common_name()?, issuer.common_name()?);
    let region = name::region(module_id, leaf).ok_or_else(|| Error::LeafName {
        expected: format!("{}.<region>.aws", shorten(module_id)).into(),
        found: shorten(leaf),
    })?;
    let expected = format!("{instance}.{region}.aws.nitro-enclaves");
    if issuer != expected {
        return Err(Error::InstanceName { expected: shorten(&expected), found: shorten(issuer) });
    }
    Ok(region)
}

/// S33, S35, S7, S8: each certificate by the key above it, the document by the leaf's key.
fn signed(document: &Document<'_>, chain: &[Certificate<'_>]) -> Result<(), Error> {
    let es384 = Es384::new();
    let mut above: Option<VerifyingKey> = None;
    for certificate in chain {
        let position = certificate.position;
        if let Some(issuer) = above {
            let signature = Signature::from_slice(&certificate.signature)
                .map_err(|_| Error::CertificateSignatureForm { certificate: position })?;
            let digest = Sha384::digest(certificate.signed).into();
            if !es384.holds(&issuer, &digest, &signature) {
                return Err(Error::CertificateSignatureInvalid { certificate: position });
            }
        }
        above = Some(key(certificate)?);
    }
    let leaf = above.ok_or(Error::CabundleEmpty)?;
    let signature =
        Signature::from_slice(document.signature).map_err(|_| Error::SignatureScalar)?;
    match es384.holds(&leaf, &document.signed_digest(), &signature) {
        true => Ok(()),
        false => Err(Error::SignatureInvalid),
    }
}

/// On the curve, with coordinates below the field's prime; the form was checked.
fn key(certificate: &Certificate<'_>) -> Result<VerifyingKey, Error> {
    let Certificate { position, key, .. } = *certificate;
    VerifyingKey::from_sec1_bytes(key).map_err(|_| Error::KeyPoint { certificate: position })
}
