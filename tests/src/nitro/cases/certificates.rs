//! S26 to S38: the chain.

use assay_verifier::attestation::{Denied, Root};

use super::{
    super::{
        INSTANCE, MODULE_ID, World,
        certificate::{
            BASIC_CONSTRAINTS, Certificate, KEY_USAGE, SUBJECT_KEY_ID, key_info_of, name,
        },
        der, key,
    },
    Case, case,
    payload::ORDER,
};

const ROOT: usize = 0;
const REGIONAL: usize = 1;
const ZONAL: usize = 2;
const ISSUING: usize = 3;
const LEAF: usize = 4;

pub(super) fn cases() -> Vec<Case> {
    [path(), windows(), uses(), keys(), encodings(), names()].into_iter().flatten().collect()
}

fn path() -> Vec<Case> {
    vec![
        case(26, "another issuer's name, rightly signed", "attestation-issuer-name", |w| {
            w.chain[LEAF].issuer = name("somebody else");
        }),
        case(26, "an authority left out", "attestation-issuer-name", |w| {
            w.edit_certificates.push(Box::new(|all| drop(all.remove(ZONAL))));
        }),
        case(27, "a root with the same name and key", "attestation-root-mismatch", |w| {
            w.chain[ROOT].serial = der::integer(&[1]);
        }),
        case(27, "one bit of the root's signature", "attestation-root-mismatch", |w| {
            w.edit_certificates.push(Box::new(|all| {
                let last = all[ROOT].len() - 1;
                all[ROOT][last] ^= 1;
            }));
        }),
        case(27, "a synthetic root where AWS is trusted", "attestation-root-mismatch", |w| {
            w.policy.trust.root = Root::aws_g1();
        }),
        case(
            33,
            "a leaf that nobody above signed",
            "attestation-certificate-signature-invalid",
            |w| {
                w.chain[LEAF].signer = "authority 1".into();
            },
        ),
        case(
            33,
            "an authority that signed itself",
            "attestation-certificate-signature-invalid",
            |w| {
                w.chain[ISSUING].signer = w.chain[ISSUING].key_name.clone();
            },
        ),
        case(33, "version 1", "attestation-certificate-version", |w| {
            w.chain[LEAF].version.clear();
            w.chain[LEAF].extensions.clear();
        }),
        case(33, "version 4", "attestation-certificate-version", |w| {
            w.chain[LEAF].version[4] = 3;
        }),
        case(33, "an unknown critical extension", "attestation-critical-extension", |w| {
            w.chain[ZONAL].extensions.push(der::extension(&[0x55, 0x1d, 0x1e], true, &[0x30, 0]));
        }),
        case(33, "an extension twice", "attestation-extension-duplicate", |w| {
            let copy = w.chain[LEAF].extensions[0].clone();
            w.chain[LEAF].extensions.push(copy);
        }),
        case(34, "a denied certificate", "attestation-certificate-denied", |w| {
            let issuer = &w.chain[ZONAL].issuer;
            w.policy.trust.denied.push(Denied::new(issuer, &[0, 0x5a, 3]));
        }),
        case(36, "nine certificates above the leaf", "attestation-cabundle-count", |w| {
            *w = World::with_authorities(9);
        }),
        case(36, "a certificate twice", "attestation-certificate-repeated", |w| {
            w.edit_certificates.push(Box::new(|all| all.insert(ISSUING, all[ISSUING].clone())));
        }),
        case(36, "the leaf among the authorities", "attestation-certificate-repeated", |w| {
            w.edit_certificates.push(Box::new(|all| all.insert(LEAF, all[LEAF].clone())));
        }),
    ]
}

fn windows() -> Vec<Case> {
    vec![
        case(28, "a leaf that begins too late", "attestation-certificate-not-yet-valid", |w| {
            w.chain[LEAF].not_before = der::time("260901120006Z");
        }),
        case(28, "a leaf that has lapsed", "attestation-certificate-expired", |w| {
            w.chain[LEAF].not_after = der::time("260901120005Z");
        }),
        case(28, "an authority that has lapsed", "attestation-certificate-expired", |w| {
            w.chain[REGIONAL].not_after = der::time("260901100000Z");
        }),
        case(28, "a root that has lapsed", "attestation-certificate-expired", |w| {
            w.chain[ROOT].not_after = der::time("260901100000Z");
            w.policy.trust.root = Root::named(&w.chain[ROOT].sign()).expect("well-formed");
        }),
        case(28, "a leaf that ends before it begins", "attestation-certificate-window", |w| {
            w.chain[LEAF].not_before = der::time("260901115959Z");
            w.chain[LEAF].not_after = der::time("260901115958Z");
        }),
        case(38, "a document older than its leaf", "attestation-timestamp-outside-leaf", |w| {
            w.chain[LEAF].not_before = der::time("260901120004Z");
        }),
        case(38, "a document younger than its leaf", "attestation-timestamp-outside-leaf", |w| {
            w.chain[LEAF].not_after = der::time("260901120003Z");
            w.now -= 2500;
        }),
    ]
}

fn uses() -> Vec<Case> {
    vec![
        case(29, "no basic constraints", "attestation-basic-constraints-absent", |w| {
            w.chain[ISSUING].replace_extension(BASIC_CONSTRAINTS, None);
        }),
        case(29, "constraints not critical", "attestation-basic-constraints-not-critical", |w| {
            constraints(&mut w.chain[ISSUING], false, &[0x30, 6, 1, 1, 0xff, 2, 1, 0]);
        }),
        case(29, "no authority", "attestation-authority-false", |w| {
            constraints(&mut w.chain[ISSUING], true, &[0x30, 0]);
        }),
        case(30, "a path length exceeded", "attestation-path-length", |w| {
            constraints(&mut w.chain[REGIONAL], true, &[0x30, 6, 1, 1, 0xff, 2, 1, 1]);
        }),
        case(31, "an authority without key usage", "attestation-key-usage-absent", |w| {
            w.chain[ISSUING].replace_extension(KEY_USAGE, None);
        }),
        case(31, "an authority that may not certify", "attestation-key-usage-cert-sign", |w| {
            usage(&mut w.chain[ISSUING], &[3, 2, 7, 0x80]);
        }),
        case(32, "a leaf that is an authority", "attestation-leaf-is-authority", |w| {
            constraints(&mut w.chain[LEAF], true, &[0x30, 3, 1, 1, 0xff]);
        }),
        case(32, "a leaf with a path length", "attestation-leaf-path-length", |w| {
            constraints(&mut w.chain[LEAF], true, &[0x30, 3, 2, 1, 0]);
        }),
        case(32, "a leaf without key usage", "attestation-key-usage-absent", |w| {
            w.chain[LEAF].replace_extension(KEY_USAGE, None);
        }),
        case(32, "a leaf that may not sign", "attestation-leaf-digital-signature", |w| {
            usage(&mut w.chain[LEAF], &[3, 2, 6, 0x40]);
        }),
        case(32, "a leaf that may certify", "attestation-leaf-cert-sign", |w| {
            usage(&mut w.chain[LEAF], &[3, 2, 2, 0x84]);
        }),
    ]
}

fn keys() -> Vec<Case> {
    let sha256 = || der::sequence(&[der::oid(&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])]);
    vec![
        case(35, "another algorithm inside", "attestation-signature-algorithm", |w| {
            w.chain[LEAF].inner_algorithm = sha256();
        }),
        case(35, "another algorithm outside", "attestation-signature-algorithm", |w| {
            w.chain[LEAF].outer_algorithm = sha256();
        }),
        case(35, "a compressed point", "attestation-key-form", |w| {
            let point = key("leaf").verifying_key().to_sec1_point(true);
            w.chain[LEAF].key_info = key_info_of(point.as_bytes());
        }),
        case(35, "another curve", "attestation-key-form", |w| {
            let curve = w.chain[ISSUING].key_info.iter().position(|byte| *byte == 0x22);
            w.chain[ISSUING].key_info[curve.expect("the last byte of secp384r1")] = 0x23;
        }),
        case(35, "a point off the curve", "attestation-key-point", |w| {
            let last = w.chain[LEAF].key_info.len() - 1;
            w.chain[LEAF].key_info[last] ^= 1;
        }),
        case(35, "a coordinate above the prime", "attestation-key-point", |w| {
            let point = [&[4][..], &[0xff; 96]].concat();
            w.chain[LEAF].key_info = key_info_of(&point);
        }),
        case(35, "s is zero in a certificate", "attestation-certificate-signature-form", |w| {
            w.chain[LEAF].edit_signature = |signature| signature[48..].fill(0);
        }),
        case(35, "s is the group order", "attestation-certificate-signature-form", |w| {
            w.chain[LEAF].edit_signature = |signature| signature[48..].copy_from_slice(&ORDER);
        }),
        case(35, "s has 49 bytes", "attestation-certificate-signature-form", |w| {
            w.chain[LEAF].edit_signature = |signature| signature.push(1);
        }),
    ]
}

fn encodings() -> Vec<Case> {
    vec![
        case(36, "a byte after the leaf", "attestation-certificate-trailing", |w| {
            w.edit_certificates.push(Box::new(|all| all[LEAF].push(0)));
        }),
        case(36, "half a leaf", "attestation-der-truncated", |w| {
            w.edit_certificates.push(Box::new(|all| all[LEAF].truncate(300)));
        }),
        case(36, "a length in three bytes", "attestation-der-length", |w| {
            w.edit_certificates.push(Box::new(|all| {
                all[LEAF].splice(1..2, [0x83, 0]);
            }));
        }),
        case(36, "a negative serial number", "attestation-der-integer", |w| {
            w.chain[LEAF].serial = vec![2, 1, 0x80];
        }),
        case(36, "a serial number that is no integer", "attestation-der-tag", |w| {
            w.chain[LEAF].serial = vec![4, 1, 1];
        }),
        case(36, "a date without z", "attestation-der-time", |w| {
            w.chain[LEAF].not_before = der::element(0x17, b"2609011200000");
        }),
        case(36, "a date of 2026 as generalized time", "attestation-der-time", |w| {
            w.chain[LEAF].not_before = der::time("20260901120000Z");
        }),
        case(36, "a third date", "attestation-der-trailing", |w| {
            let copy = w.chain[LEAF].not_after.clone();
            w.chain[LEAF].not_after.extend(copy);
        }),
        case(36, "false is written", "attestation-der-value", |w| {
            constraints(&mut w.chain[LEAF], true, &[0x30, 3, 1, 1, 0]);
        }),
        case(36, "a bit list with a bit too many", "attestation-der-value", |w| {
            usage(&mut w.chain[LEAF], &[3, 2, 5, 0xc0]);
        }),
        case(36, "a common name that is not utf-8", "attestation-der-value", |w| {
            let last = w.chain[LEAF].subject.len() - 1;
            w.chain[LEAF].subject[last] = 0xff;
        }),
    ]
}

fn names() -> Vec<Case> {
    vec![
        case(37, "a leaf of another module", "attestation-leaf-name", |w| {
            w.chain[LEAF].subject = name("i-1-enc0.synthetic-1.aws");
        }),
        case(37, "a document of another module", "attestation-leaf-name", |w| {
            w.module_id = format!("{INSTANCE}-enc01a05cd72a000002");
        }),
        case(37, "a leaf of another region than its issuer", "attestation-instance-name", |w| {
            w.chain[LEAF].subject = name(&format!("{MODULE_ID}.synthetic-2.aws"));
        }),
        case(37, "another instance's authority", "attestation-instance-name", |w| {
            let other = name("i-1.synthetic-1.aws.nitro-enclaves");
            w.chain[ISSUING].subject = other.clone();
            w.chain[LEAF].issuer = other;
        }),
        case(37, "two common names", "attestation-common-name-count", |w| {
            let common_name = format!("{MODULE_ID}.synthetic-1.aws");
            let part = (der::COMMON_NAME, common_name.as_str());
            w.chain[LEAF].subject = der::name(&[part, part]);
        }),
        case(37, "no common name", "attestation-common-name-count", |w| {
            w.chain[LEAF].subject = der::name(&[(der::ORGANIZATION, "Assay")]);
        }),
        case(33, "subject key id, critical", "attestation-critical-extension", |w| {
            let critical = der::extension(SUBJECT_KEY_ID, true, &[4, 1, 1]);
            w.chain[ISSUING].replace_extension(SUBJECT_KEY_ID, Some(critical));
        }),
    ]
}

fn constraints(certificate: &mut Certificate, critical: bool, value: &[u8]) {
    let extension = der::extension(BASIC_CONSTRAINTS, critical, value);
    certificate.replace_extension(BASIC_CONSTRAINTS, Some(extension));
}

fn usage(certificate: &mut Certificate, value: &[u8]) {
    certificate.replace_extension(KEY_USAGE, Some(der::extension(KEY_USAGE, true, value)));
}
