//! The document, in the form that AWS's have since 2025: an indefinite payload map.

use p384::ecdsa::{Signature, SigningKey, signature::Signer as _};

use crate::attester::Request;

/// What a document states.
pub(super) struct Statement<'a> {
    pub(super) module_id: &'a str,
    pub(super) timestamp_ms: u64,
    pub(super) registers: &'a [(u8, [u8; 48])],
    /// Root first, leaf last.
    pub(super) certificates: &'a [Vec<u8>],
    pub(super) request: &'a Request,
}

impl Statement<'_> {
    /// COSE_Sign1, untagged, ES384.
    pub(super) fn sign(&self, key: &SigningKey) -> Vec<u8> {
        let payload = self.payload();
        let mut signed = Cbor::default();
        signed.head(ARRAY, 4).text("Signature1").bytes(PROTECTED).bytes(&[]).bytes(&payload);
        let signature: Signature = key.sign(&signed.0);
        let mut document = Cbor::default();
        document.head(ARRAY, 4).bytes(PROTECTED).head(MAP, 0).bytes(&payload);
        document.bytes(&signature.to_bytes());
        document.0
    }

    fn payload(&self) -> Vec<u8> {
        let Request { public_key, user_data, nonce } = self.request;
        let (leaf, above) = match self.certificates.split_last() {
            Some((leaf, above)) => (leaf.as_slice(), above),
            None => (&[][..], &[][..]),
        };
        let mut map = Cbor(vec![0xbf]);
        map.text("module_id").text(self.module_id);
        map.text("digest").text("SHA384");
        map.text("timestamp").head(UNSIGNED, self.timestamp_ms);
        map.text("pcrs").head(MAP, self.registers.len() as u64);
        for (index, register) in self.registers {
            map.head(UNSIGNED, u64::from(*index)).bytes(register);
        }
        map.text("certificate").bytes(leaf);
        map.text("cabundle").head(ARRAY, above.len() as u64);
        for certificate in above {
            map.bytes(certificate);
        }
        map.text("public_key").optional(public_key.as_deref());
        map.text("user_data").optional(user_data.as_deref());
        map.text("nonce").optional(nonce.as_deref());
        map.0.push(0xff);
        map.0
    }
}

/// A CBOR writer for what occurs here; shortest heads.
#[derive(Default)]
struct Cbor(Vec<u8>);

impl Cbor {
    fn head(&mut self, major: u8, value: u64) -> &mut Self {
        let bytes = value.to_be_bytes();
        let (info, tail) = match value {
            0..24 => (bytes[7], &bytes[8..]),
            24..0x100 => (24, &bytes[7..]),
            0x100..0x1_0000 => (25, &bytes[6..]),
            0x1_0000..0x1_0000_0000 => (26, &bytes[4..]),
            _ => (27, &bytes[..]),
        };
        self.0.push(major << 5 | info);
        self.0.extend_from_slice(tail);
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.head(BYTES, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.head(TEXT, text.len() as u64);
        self.0.extend_from_slice(text.as_bytes());
        self
    }

    fn optional(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => {
                self.0.push(NULL);
                self
            }
        }
    }
}

const UNSIGNED: u8 = 0;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const MAP: u8 = 5;
const NULL: u8 = 0xf6;
/// {1: -35}: ES384.
const PROTECTED: &[u8] = &[0xa1, 0x01, 0x38, 0x22];
