//! S1 to S25: envelope, payload and their CBOR.

use super::{
    super::{World, cbor},
    Case, case,
};

pub(super) fn cases() -> Vec<Case> {
    [envelope(), fields(), optional_fields(), forms()].into_iter().flatten().collect()
}

fn envelope() -> Vec<Case> {
    vec![
        case(1, "a fifth part", "attestation-envelope-count", |w| {
            w.edit_envelope.push(Box::new(|parts| parts.push(cbor::unsigned(0))));
        }),
        case(1, "a map instead of an array", "attestation-item-type", |w| {
            w.edit_document.push(Box::new(|document| document[0] = 0xa4));
        }),
        case(2, "tag 17, cose_mac0", "attestation-envelope-tag", |w| {
            w.edit_document.push(Box::new(|document| document.insert(0, 0xd1)));
        }),
        case(3, "algorithm es256", "attestation-protected-header", |w| {
            part(w, 0, cbor::bytes(&[0xa1, 0x01, 0x26]));
        }),
        case(4, "a key id in the unprotected header", "attestation-unprotected-header", |w| {
            part(w, 1, vec![0xa1, 0x04, 0x41, b'k']);
        }),
        case(5, "an empty payload", "attestation-payload-length", |w| {
            part(w, 2, cbor::bytes(&[]));
        }),
        case(5, "a detached payload", "attestation-item-type", |w| part(w, 2, vec![0xf6])),
        case(5, "a payload of 16385 bytes", "attestation-payload-length", |w| {
            w.edit_payload.push(Box::new(|payload| payload.resize(16_385, 0)));
        }),
        case(5, "more bytes than any document has", "attestation-document-length", |w| {
            w.edit_document.push(Box::new(|document| document.resize(17_000, 0)));
        }),
        case(6, "a signature of 95 bytes", "attestation-signature-length", |w| {
            w.edit_signature.push(Box::new(|signature| signature.truncate(95)));
        }),
        case(7, "one bit of the signature", "attestation-signature-invalid", |w| {
            w.edit_signature.push(Box::new(|signature| signature[20] ^= 1));
        }),
        case(7, "another context", "attestation-signature-invalid", |w| w.context = "Signature"),
        case(7, "one bit of the signed nonce", "attestation-signature-invalid", |w| {
            w.edit_signed_payload.push(Box::new(|payload| {
                let last = payload.len() - 2;
                payload[last] ^= 1;
            }));
        }),
        case(8, "r is zero", "attestation-signature-scalar", |w| {
            w.edit_signature.push(Box::new(|signature| signature[..48].fill(0)));
        }),
        case(8, "s is the group order", "attestation-signature-scalar", |w| {
            w.edit_signature.push(Box::new(|signature| signature[48..].copy_from_slice(&ORDER)));
        }),
        case(21, "a byte after the envelope", "attestation-envelope-trailing", |w| {
            w.edit_document.push(Box::new(|document| document.push(0)));
        }),
        case(23, "an indefinite envelope", "attestation-cbor-indefinite", |w| {
            w.edit_document.push(Box::new(|document| {
                document[0] = 0x9f;
                document.push(0xff);
            }));
        }),
        case(23, "an indefinite unprotected header", "attestation-cbor-indefinite", |w| {
            part(w, 1, vec![0xbf, 0xff]);
        }),
        case(23, "the signature's length in two bytes", "attestation-cbor-non-minimal", |w| {
            w.edit_envelope.push(Box::new(|parts| {
                parts[3].splice(..2, [0x59, 0, 96]);
            }));
        }),
        case(23, "a signature in pieces", "attestation-cbor-chunked", |w| {
            w.edit_envelope.push(Box::new(|parts| {
                parts[3].insert(0, 0x5f);
                parts[3].push(0xff);
            }));
        }),
        case(23, "no bytes at all", "attestation-cbor-truncated", |w| {
            w.edit_document.push(Box::new(Vec::clear));
        }),
    ]
}

fn fields() -> Vec<Case> {
    let mut cases = vec![
        case(11, "an empty module id", "attestation-module-id-empty", |w| w.module_id.clear()),
        case(11, "the module id as bytes", "attestation-item-type", |w| {
            value(w, "module_id", cbor::bytes(b"i-0-enc0"));
        }),
        case(12, "digest sha256", "attestation-digest-name", |w| {
            value(w, "digest", cbor::text("SHA256"));
        }),
        case(12, "digest as bytes", "attestation-item-type", |w| {
            value(w, "digest", cbor::bytes(b"SHA384"));
        }),
        case(13, "the timestamp in seconds", "attestation-timestamp-range", |w| {
            w.timestamp /= 1000;
        }),
        case(13, "the timestamp in microseconds", "attestation-timestamp-range", |w| {
            w.timestamp *= 1000;
        }),
        case(13, "timestamp zero", "attestation-timestamp-range", |w| w.timestamp = 0),
        case(13, "a negative timestamp", "attestation-item-type", |w| {
            value(w, "timestamp", vec![0x20]);
        }),
        case(14, "no registers", "attestation-pcr-count", |w| w.pcrs.clear()),
        case(14, "33 registers", "attestation-pcr-count", |w| {
            w.pcrs = (0..33).map(|index| (index, vec![1; 48])).collect();
        }),
        case(14, "register 32", "attestation-pcr-index", |w| w.pcrs.push((32, vec![0; 48]))),
        case(14, "register 256", "attestation-pcr-index", |w| w.pcrs.push((256, vec![0; 48]))),
        case(14, "a register of 32 bytes", "attestation-pcr-length", |w| {
            w.pcrs[0].1.truncate(32);
        }),
        case(14, "a register's number as text", "attestation-item-type", |w| {
            let pcr = [vec![0xa1], cbor::text("0"), cbor::bytes(&[1; 48])].concat();
            value(w, "pcrs", pcr);
        }),
        case(14, "a register's value as text", "attestation-item-type", |w| {
            let pcr = [vec![0xa1, 0], cbor::text(&"1".repeat(48))].concat();
            value(w, "pcrs", pcr);
        }),
        case(15, "an empty cabundle", "attestation-cabundle-empty", |w| {
            value(w, "cabundle", vec![0x80]);
        }),
        case(15, "an authority of 1025 bytes", "attestation-certificate-length", |w| {
            w.edit_certificates.push(Box::new(|all| all[1].resize(1025, 0)));
        }),
        case(15, "an authority of no bytes", "attestation-certificate-length", |w| {
            w.edit_certificates.push(Box::new(|all| all[1].clear()));
        }),
        case(15, "an authority as text", "attestation-item-type", |w| {
            value(w, "cabundle", [vec![0x81], cbor::text("x")].concat());
        }),
        case(16, "a leaf of 1025 bytes", "attestation-certificate-length", |w| {
            w.edit_certificates.push(Box::new(|all| all[4].resize(1025, 0)));
        }),
        case(16, "the leaf as text", "attestation-item-type", |w| {
            value(w, "certificate", cbor::text("x"));
        }),
        case(24, "an unknown field", "attestation-field-unknown", |w| {
            add(w, "platform", cbor::text("aws"));
        }),
        case(25, "registers of an ec2 instance", "attestation-nitro-tpm", |w| {
            rename(w, "pcrs", "nitrotpm_pcrs");
        }),
        case(25, "registers of an ec2 instance besides", "attestation-nitro-tpm", |w| {
            add(w, "nitrotpm_pcrs", vec![0xa0]);
        }),
        case(25, "a module id of an ec2 instance", "attestation-not-an-enclave", |w| {
            w.module_id = "i-0123456789abcdef0-tpm0000000000000000".into();
            let name = format!("{}.synthetic-1.aws", w.module_id);
            w.chain[4].subject = super::super::certificate::name(&name);
        }),
    ];
    for field in ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"] {
        cases.push(case(9, "a mandatory field is absent", "attestation-field-missing", |w| {
            remove(w, field);
        }));
        cases.push(case(10, "a mandatory field is null", "attestation-field-null", |w| {
            value(w, field, vec![0xf6]);
        }));
    }
    cases
}

fn optional_fields() -> Vec<Case> {
    let mut cases = vec![
        case(9, "a key as bytes", "attestation-item-type", |w| {
            w.edit_fields.push(Box::new(|fields| fields[3].0 = cbor::bytes(b"pcrs")));
        }),
        case(9, "an array instead of the map", "attestation-item-type", |w| {
            w.edit_payload.push(Box::new(|payload| *payload = vec![0x80]));
        }),
        case(17, "an empty public key", "attestation-public-key-length", |w| {
            w.public_key = Some(Vec::new());
        }),
        case(17, "a public key of 1025 bytes", "attestation-public-key-length", |w| {
            w.public_key = Some(vec![4; 1025]);
        }),
        case(18, "user data of 1025 bytes", "attestation-user-data-length", |w| {
            w.user_data = Some(vec![4; 1025]);
        }),
        case(18, "a nonce of 1025 bytes", "attestation-nonce-length", |w| {
            w.nonce = Some(vec![4; 1025]);
        }),
    ];
    for (rule, field) in [(17, "public_key"), (18, "user_data"), (18, "nonce")] {
        cases.push(case(rule, "an optional field as text", "attestation-item-type", |w| {
            value(w, field, cbor::text("x"));
        }));
        cases.push(case(20, "an optional field twice", "attestation-field-duplicate", |w| {
            add(w, field, vec![0xf6]);
        }));
    }
    for field in ["module_id", "digest", "timestamp", "pcrs", "certificate", "cabundle"] {
        cases.push(case(20, "a mandatory field twice", "attestation-field-duplicate", |w| {
            w.edit_fields.push(Box::new(move |fields| {
                let key = cbor::text(field);
                let copy = fields.iter().find(|(name, _)| *name == key).cloned();
                fields.push(copy.expect("it has that field"));
            }));
        }));
    }
    cases
}

fn forms() -> Vec<Case> {
    vec![
        case(19, "indefinite registers", "attestation-cbor-indefinite", |w| {
            open(w, "pcrs", 0xbf);
        }),
        case(19, "an indefinite cabundle", "attestation-cbor-indefinite", |w| {
            open(w, "cabundle", 0x9f);
        }),
        case(20, "register 2 twice", "attestation-pcr-duplicate", |w| {
            let copy = w.pcrs[2].clone();
            w.pcrs.push(copy);
        }),
        case(21, "a byte after the payload map", "attestation-payload-trailing", |w| {
            w.edit_payload.push(Box::new(|payload| payload.push(0)));
        }),
        case(21, "a payload map that counts one too few", "attestation-payload-trailing", |w| {
            w.indefinite = false;
            w.edit_payload.push(Box::new(|payload| payload[0] = 0xa8));
        }),
        case(22, "a payload map that counts one too many", "attestation-cbor-truncated", |w| {
            w.indefinite = false;
            w.edit_payload.push(Box::new(|payload| payload[0] = 0xaa));
        }),
        case(22, "no break", "attestation-cbor-truncated", |w| {
            w.edit_payload.push(Box::new(|payload| payload.truncate(payload.len() - 1)));
        }),
        case(22, "a break instead of a value", "attestation-cbor-break", |w| {
            value(w, "nonce", vec![0xff]);
        }),
        case(22, "a string in pieces", "attestation-cbor-chunked", |w| {
            value(w, "module_id", [vec![0x7f], cbor::text("i-0-enc0"), vec![0xff]].concat());
        }),
        case(22, "2^32 certificates announced", "attestation-cbor-count", |w| {
            value(w, "cabundle", cbor::head(cbor::ARRAY, 1 << 32));
        }),
        case(22, "a register's number in two bytes", "attestation-cbor-non-minimal", |w| {
            value(w, "pcrs", [vec![0xa1, 0x18, 0x00], cbor::bytes(&[1; 48])].concat());
        }),
        case(22, "reserved information 28", "attestation-cbor-reserved", |w| {
            value(w, "nonce", vec![0x5c]);
        }),
        case(22, "text that is not utf-8", "attestation-cbor-utf8", |w| {
            value(w, "module_id", vec![0x62, 0xc3, 0x28]);
        }),
        case(13, "a tagged timestamp", "attestation-item-type", |w| {
            value(w, "timestamp", [vec![0xc1], cbor::unsigned(w.timestamp)].concat());
        }),
        case(13, "a timestamp as a float", "attestation-item-type", |w| {
            value(w, "timestamp", vec![0xfb, 0x42, 0x7a, 0, 0, 0, 0, 0, 0]);
        }),
        case(17, "undefined", "attestation-item-type", |w| value(w, "public_key", vec![0xf7])),
    ]
}

fn part(world: &mut World, index: usize, with: Vec<u8>) {
    world.edit_envelope.push(Box::new(move |parts| parts[index] = with.clone()));
}

fn value(world: &mut World, field: &'static str, with: Vec<u8>) {
    world.edit_fields.push(Box::new(move |fields| {
        let key = cbor::text(field);
        for (_, value) in fields.iter_mut().filter(|(name, _)| *name == key) {
            value.clone_from(&with);
        }
    }));
}

fn add(world: &mut World, field: &'static str, value: Vec<u8>) {
    world.edit_fields.push(Box::new(move |fields| fields.push((cbor::text(field), value.clone()))));
}

fn remove(world: &mut World, field: &'static str) {
    world
        .edit_fields
        .push(Box::new(move |fields| fields.retain(|(name, _)| *name != cbor::text(field))));
}

fn rename(world: &mut World, field: &'static str, to: &'static str) {
    world.edit_fields.push(Box::new(move |fields| {
        for (name, _) in fields.iter_mut().filter(|(name, _)| *name == cbor::text(field)) {
            *name = cbor::text(to);
        }
    }));
}

/// Writes a container of definite length as one of indefinite length.
fn open(world: &mut World, field: &'static str, initial: u8) {
    world.edit_fields.push(Box::new(move |fields| {
        let key = cbor::text(field);
        for (_, value) in fields.iter_mut().filter(|(name, _)| *name == key) {
            value[0] = initial;
            value.push(0xff);
        }
    }));
}

/// n of P-384 (FIPS 186-4, D.1.2.4).
pub(super) const ORDER: [u8; 48] = [
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xc7, 0x63, 0x4d, 0x81, 0xf4, 0x37, 0x2d, 0xdf,
    0x58, 0x1a, 0x0d, 0xb2, 0x48, 0xb0, 0xa7, 0x7a, 0xec, 0xec, 0x19, 0x6a, 0xcc, 0xc5, 0x29, 0x73,
];
