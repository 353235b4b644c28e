//! Lies in bytes: not the format, or not what was committed to.

use ciborium::Value;

use super::Row;
use crate::receipts::raw;

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(super) const ROWS: &[Row] = &[
    ("bytes_empty", "cbor-malformed", "no bytes", |case| case.bytes = Some(Vec::new())),
    ("bytes_truncated", "cbor-malformed", "the last byte is missing", |case| {
        let mut bytes = case.honest();
        bytes.pop();
        case.bytes = Some(bytes);
    }),
    ("bytes_trailing", "cbor-trailing", "a byte too many", |case| {
        let mut bytes = case.honest();
        bytes.push(0);
        case.bytes = Some(bytes);
    }),
    ("bytes_not_cbor", "cbor-malformed", "JSON text", |case| {
        case.bytes = Some(b"{\"operation\": true}".to_vec());
    }),
    ("bytes_not_a_map", "field-type", "a number", |case| case.bytes = Some(vec![0])),
    ("bytes_setting_with_escapes", "field-type", "a setting that moves the cursor", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 0, |step| {
            let settings = raw::field(step, "settings").as_map_mut().expect("a map");
            settings[0].1 = text("1\x1b[2A\x1b[Jaccepted");
        }));
    }),
    ("bytes_setting_too_long", "field-type", "a setting of 257 characters", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 0, |step| {
            let settings = raw::field(step, "settings").as_map_mut().expect("a map");
            settings[0].1 = text(&"1".repeat(257));
        }));
    }),
    ("bytes_settings_too_many", "field-type", "65 settings of one step", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 0, |step| {
            let settings = raw::field(step, "settings").as_map_mut().expect("a map");
            *settings = (0..65).map(|n| (text(&format!("s{n:02}")), Value::Null)).collect();
        }));
    }),
    (
        "bytes_compiler_right_to_left",
        "field-type",
        "a card with a name that is read backwards",
        |case| {
            case.fixture.card.compiler = "assay-zkml/0 \u{202e}deifirev".to_owned();
            super::keys::pin(case);
        },
    ),
    ("bytes_openings_too_many", "set-too-long", "1,025 openings of four values", |case| {
        case.bytes = Some(raw::list(&case.honest(), "openings", |openings| {
            *openings = vec![Value::Null; 1025];
        }));
    }),
    ("bytes_evidence_too_many", "set-too-long", "2,049 pieces of evidence", |case| {
        case.bytes = Some(raw::list(&case.honest(), "evidence", |evidence| {
            *evidence = vec![Value::Null; 2049];
        }));
    }),
    ("bytes_float", "cbor-item-kind", "a floating-point item in an opening", |case| {
        case.bytes = Some(raw::list(&case.honest(), "openings", |openings| {
            *raw::field(openings[0].as_map_mut().expect("a map"), "value") = Value::Float(0.0);
        }));
    }),
    ("bytes_header_too_long", "cbor-not-deterministic", "the map's size in two bytes", |case| {
        let bytes = case.honest();
        case.bytes = Some([&[0xb8, 4], &bytes[1..]].concat());
    }),
    ("bytes_indefinite_map", "cbor-not-deterministic", "a map of indefinite length", |case| {
        let bytes = case.honest();
        case.bytes = Some([&[0xbf], &bytes[1..], &[0xff]].concat());
    }),
    ("bytes_key_twice", "cbor-key-repeated", "two operations", |case| {
        case.bytes = Some(raw::receipt(&case.honest(), |fields| {
            let twice = fields.last().expect("a field").clone();
            fields.push(twice);
        }));
    }),
    ("bytes_keys_unsorted", "cbor-keys-unsorted", "the fields in reverse", |case| {
        case.bytes = Some(raw::receipt(&case.honest(), |fields| fields.reverse()));
    }),
    ("bytes_field_missing", "field-missing", "no list of evidence", |case| {
        case.bytes = Some(raw::receipt(&case.honest(), |fields| {
            fields.retain(|(key, _)| key.as_text() != Some("evidence"));
        }));
    }),
    ("bytes_field_unknown", "field-unknown", "a field that nobody checks", |case| {
        case.bytes = Some(raw::receipt(&case.honest(), |fields| {
            fields.push((text("signatures"), Value::Null));
        }));
    }),
    ("bytes_evidence_order", "set-not-ascending", "the evidence in reverse", |case| {
        case.bytes = Some(raw::list(&case.honest(), "evidence", |list| list.reverse()));
    }),
    ("bytes_evidence_twice", "set-not-ascending", "the same evidence again", |case| {
        case.bytes = Some(raw::list(&case.honest(), "evidence", |list| list.push(list[1].clone())));
    }),
    ("bytes_evidence_kind", "evidence-kind-unknown", "evidence of another kind", |case| {
        case.bytes = Some(raw::list(&case.honest(), "evidence", |list| {
            *raw::field(list[0].as_map_mut().expect("a map"), "kind") = text("promise");
        }));
    }),
    ("bytes_operation_version", "version-unknown", "version 1", |case| {
        case.bytes = Some(raw::operation(&case.honest(), |fields| {
            *raw::field(fields, "version") = Value::Integer(1.into());
        }));
    }),
    ("bytes_run_too_short", "field-length", "a run id of 15 bytes", |case| {
        case.bytes = Some(raw::operation(&case.honest(), |fields| {
            *raw::field(fields, "run") = Value::Bytes(vec![7; 15]);
        }));
    }),
    ("bytes_run_changed", "session-signature", "another run id", |case| {
        case.bytes = Some(raw::operation(&case.honest(), |fields| {
            *raw::field(fields, "run") = Value::Bytes(vec![8; 16]);
        }));
    }),
    ("bytes_nonce_too_short", "nonce-length", "a nonce of 15 bytes", |case| {
        case.bytes = Some(raw::operation(&case.honest(), |fields| {
            let nonce = raw::field(fields, "nonce").as_array_mut().expect("a list");
            nonce[1] = Value::Bytes(vec![0xaa; 15]);
        }));
    }),
    ("bytes_name", "name-invalid", "a name with a capital letter", |case| {
        case.bytes = Some(raw::operation(&case.honest(), |fields| {
            *raw::field(fields, "name") = text("Digits");
        }));
    }),
    ("bytes_name_twice", "name-repeated", "two values of one name", |case| {
        case.bytes = Some(raw::row(&case.honest(), "values", 1, |value| {
            *raw::field(value, "name") = text("image");
        }));
    }),
    ("bytes_type", "type-invalid", "a dimension of 0", |case| {
        case.bytes = Some(raw::row(&case.honest(), "values", 3, |value| {
            raw::field(value, "type").as_array_mut().expect("a list")[2] =
                Value::Array(vec![Value::Integer(0.into())]);
        }));
    }),
    ("bytes_algorithm", "commitment-algorithm", "SHA-256 where a proof needs Poseidon", |case| {
        case.bytes = Some(raw::row(&case.honest(), "values", 2, |value| {
            *raw::field(value, "algorithm") = text("sha-256");
        }));
    }),
    ("bytes_algorithm_unknown", "commitment-algorithm-unknown", "MD5", |case| {
        case.bytes = Some(raw::row(&case.honest(), "values", 2, |value| {
            *raw::field(value, "algorithm") = text("md5");
        }));
    }),
    ("bytes_field_element", "field-element-not-canonical", "a commitment not below r", |case| {
        case.bytes = Some(raw::row(&case.honest(), "values", 2, |value| {
            *raw::field(value, "commitment") = Value::Bytes(vec![0xff; 32]);
        }));
    }),
    ("bytes_poseidon_type", "commitment-type", "an unsigned value in a proved step", |case| {
        case.bytes = Some(raw::row(&case.honest(), "values", 2, |value| {
            raw::field(value, "type").as_array_mut().expect("a list")[1] = text("u8");
        }));
    }),
    ("bytes_wired_backwards", "wiring", "a step takes what only a later one gives", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 0, |step| {
            *raw::field(step, "inputs") = Value::Array(vec![Value::Integer(3.into())]);
        }));
    }),
    ("bytes_wired_outside", "wiring", "a step takes value 9 of 4", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 0, |step| {
            *raw::field(step, "inputs") = Value::Array(vec![Value::Integer(9.into())]);
        }));
    }),
    ("bytes_given_twice", "wiring", "two steps give one value", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 2, |step| {
            *raw::field(step, "outputs") = Value::Array(vec![Value::Integer(2.into())]);
        }));
    }),
    ("bytes_value_unused", "value-unused", "an input that no step takes", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 0, |step| {
            *raw::field(step, "inputs") = Value::Array(vec![Value::Integer(4.into())]);
        }));
        case.bytes = Some(raw::operation(case.bytes.as_ref().expect("made above"), |fields| {
            let values = raw::field(fields, "values").as_array_mut().expect("a list");
            let mut other = values[0].clone();
            *raw::field(other.as_map_mut().expect("a map"), "name") = text("other");
            values.push(other);
        }));
    }),
    ("bytes_step_gives_nothing", "step-invalid", "a step without outputs", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 2, |step| {
            *raw::field(step, "outputs") = Value::Array(Vec::new());
        }));
    }),
    ("bytes_card_without_zk", "step-invalid", "a card where no proof is promised", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 1, |step| {
            *raw::field(step, "methods") = Value::Array(vec![text("tee")]);
        }));
    }),
    ("bytes_methods_order", "field-type", "methods in the wrong order", |case| {
        case.bytes = Some(raw::row(&case.honest(), "steps", 1, |step| {
            *raw::field(step, "methods") = Value::Array(vec![text("zk"), text("tee")]);
        }));
    }),
    ("opening_changed", "opening-mismatch", "another digit is disclosed", |case| {
        let mut opening = case.fixture.opening(3);
        opening.bytes = Some(1i32.to_le_bytes().to_vec());
        let mut receipt = case.fixture.receipt();
        receipt.redact(3);
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
    ("opening_logits_changed", "opening-mismatch", "other logits, under Poseidon", |case| {
        let mut opening = case.fixture.opening(2);
        opening.bytes.as_mut().expect("disclosed")[0] ^= 1;
        let mut receipt = case.fixture.receipt();
        receipt.redact(2);
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
    ("opening_salt_changed", "opening-mismatch", "another salt", |case| {
        let mut opening = case.fixture.opening(3);
        opening.salt = assay_verifier::ids::Salt::new([1; 31]);
        let mut receipt = case.fixture.receipt();
        receipt.redact(3);
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
    ("opening_of_another_value", "value-length", "the image's opening for the logits", |case| {
        let mut opening = case.fixture.opening(0);
        opening.value = 2;
        let mut receipt = case.fixture.receipt();
        receipt.redact(2);
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
    ("opening_twice", "opening-repeated", "two openings of the digit", |case| {
        let mut opening = case.fixture.opening(3);
        opening.bytes = None;
        let mut receipt = case.fixture.receipt();
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
    ("opening_of_no_value", "opening-unknown", "an opening of value 9", |case| {
        let mut opening = case.fixture.opening(3);
        opening.value = 9;
        let mut receipt = case.fixture.receipt();
        receipt.open(opening);
        case.bytes = Some(receipt.to_bytes());
    }),
    ("opening_of_input_missing", "opening-missing", "the caller's input is not opened", |case| {
        case.fixture.disclosed = vec![2, 3];
    }),
    ("result_not_disclosed", "evidence-missing", "the digit is not opened", |case| {
        case.fixture.disclosed = vec![0, 2];
    }),
];
