//! Certificates, each part of them open to change before it is signed.

use super::{INSTANCE, MODULE_ID, der, key, sign};

/// A certificate in the making: every part is already DER.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// `[0] INTEGER`; empty in version 1.
    pub version: Vec<u8>,
    /// INTEGER.
    pub serial: Vec<u8>,
    /// AlgorithmIdentifier in the signed part.
    pub inner_algorithm: Vec<u8>,
    /// Name.
    pub issuer: Vec<u8>,
    /// Time.
    pub not_before: Vec<u8>,
    /// Time.
    pub not_after: Vec<u8>,
    /// Name.
    pub subject: Vec<u8>,
    /// SubjectPublicKeyInfo.
    pub key_info: Vec<u8>,
    /// Extension, each.
    pub extensions: Vec<Vec<u8>>,
    /// AlgorithmIdentifier beside the signature.
    pub outer_algorithm: Vec<u8>,
    /// Applied to r and s, 48 bytes each, before they are wrapped.
    pub edit_signature: fn(&mut Vec<u8>),
    /// Whose key it certifies.
    pub key_name: String,
    /// Whose key signs it.
    pub signer: String,
}

impl Certificate {
    /// Its bytes.
    pub fn sign(&self) -> Vec<u8> {
        let extensions = der::element(0xa3, &der::sequence(&self.extensions));
        let signed = der::sequence(&[
            self.version.clone(),
            self.serial.clone(),
            self.inner_algorithm.clone(),
            self.issuer.clone(),
            der::sequence(&[self.not_before.clone(), self.not_after.clone()]),
            self.subject.clone(),
            self.key_info.clone(),
            if self.extensions.is_empty() { Vec::new() } else { extensions },
        ]);
        let mut signature = sign(&key(&self.signer), &signed);
        (self.edit_signature)(&mut signature);
        let (r, s) = signature.split_at(48);
        let pair = der::sequence(&[der::integer(r), der::integer(s)]);
        der::sequence(&[signed, self.outer_algorithm.clone(), der::bits(&pair)])
    }

    /// Replaces the extension with this identifier by `with`, or removes it.
    pub fn replace_extension(&mut self, id: &[u8], with: Option<Vec<u8>>) {
        let needle = der::oid(id);
        let same = |extension: &Vec<u8>| {
            extension.windows(needle.len()).take(4).any(|window| window == needle)
        };
        let position = self.extensions.iter().position(same).expect("it has that extension");
        match with {
            Some(extension) => self.extensions[position] = extension,
            None => drop(self.extensions.remove(position)),
        }
    }
}

/// The authority number `index` of `count`, issued by the one above it; 0 is the root.
pub fn authority(index: usize, count: usize, above: Option<&Certificate>) -> Certificate {
    let last = index + 1 == count;
    let common_name = match index {
        _ if last && index > 0 => format!("{INSTANCE}.synthetic-1.aws.nitro-enclaves"),
        0 => "assay synthetic root of tests".into(),
        _ => format!("{index}.synthetic-1.aws.nitro-enclaves"),
    };
    let key_name = format!("authority {index}");
    let below = (count - 1 - index) as u8;
    // AWS's root has no path length; the others have exactly what they need.
    let constraints = match index {
        0 => vec![0x30, 3, 1, 1, 0xff],
        _ => vec![0x30, 6, 1, 1, 0xff, 2, 1, below],
    };
    let usage = if last && index > 0 { vec![3, 2, 2, 0x04] } else { vec![3, 2, 1, 0x86] };
    let (not_before, not_after) = match index {
        0 => ("191028132805Z", "20501028142805Z"),
        _ => ("260901080000Z", "260902080000Z"),
    };
    let (issuer, signer) = match above {
        Some(above) => (above.subject.clone(), above.key_name.clone()),
        None => (name(&common_name), key_name.clone()),
    };
    Certificate {
        version: VERSION_3.to_vec(),
        serial: der::integer(&[0x5a, index as u8 + 1]),
        inner_algorithm: algorithm(),
        issuer,
        not_before: der::time(not_before),
        not_after: der::time(not_after),
        subject: name(&common_name),
        key_info: key_info(&key_name),
        extensions: vec![
            der::extension(BASIC_CONSTRAINTS, true, &constraints),
            der::extension(KEY_USAGE, true, &usage),
            der::extension(SUBJECT_KEY_ID, false, &der::element(0x04, &[index as u8; 20])),
        ],
        outer_algorithm: algorithm(),
        edit_signature: |_| {},
        key_name,
        signer,
    }
}

/// The leaf under `above`, valid for three hours from 12:00:03.
pub fn leaf(above: &Certificate) -> Certificate {
    Certificate {
        version: VERSION_3.to_vec(),
        serial: der::integer(&[0x5a, 0xff]),
        inner_algorithm: algorithm(),
        issuer: above.subject.clone(),
        not_before: der::time("260901120000Z"),
        not_after: der::time("260901150003Z"),
        subject: name(&format!("{MODULE_ID}.synthetic-1.aws")),
        key_info: key_info("leaf"),
        extensions: vec![
            der::extension(BASIC_CONSTRAINTS, true, &[0x30, 0]),
            der::extension(KEY_USAGE, false, &[3, 2, 6, 0xc0]),
        ],
        outer_algorithm: algorithm(),
        edit_signature: |_| {},
        key_name: "leaf".into(),
        signer: above.key_name.clone(),
    }
}

/// O=Assay, CN=…
pub fn name(common_name: &str) -> Vec<u8> {
    der::name(&[(der::ORGANIZATION, "Assay"), (der::COMMON_NAME, common_name)])
}

/// The SubjectPublicKeyInfo of a named key.
pub fn key_info(key_name: &str) -> Vec<u8> {
    let point = key(key_name).verifying_key().to_sec1_point(false);
    key_info_of(point.as_bytes())
}

/// A SubjectPublicKeyInfo of P-384, whatever the point.
pub fn key_info_of(point: &[u8]) -> Vec<u8> {
    let curve = [der::oid(EC_PUBLIC_KEY), der::oid(SECP384R1)];
    der::sequence(&[der::sequence(&curve), der::bits(point)])
}

/// ecdsa-with-SHA384.
pub fn algorithm() -> Vec<u8> {
    der::sequence(&[der::oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03])])
}

/// 2.5.29.19.
pub const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// 2.5.29.15.
pub const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
/// 2.5.29.14.
pub const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 0x0e];
const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const SECP384R1: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
const VERSION_3: [u8; 5] = [0xa0, 3, 2, 1, 2];
