//! Whatever a receipt, a document or a policy says, what is said of it has no character that a terminal or a page would obey.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::sync::LazyLock;

use assay_tests::{
    nitro::World,
    receipts::{Fixture, NOW, raw},
};
use assay_verifier::{
    Clock, UnixMillis,
    attestation::{Document, report::Inspection, verify_archived},
    explain,
    inspect::inspect,
    policy::Policy,
};
use ciborium::Value as Cbor;
use proptest::prelude::*;

struct Honest {
    receipt: Vec<u8>,
    policy: String,
}

static HONEST: LazyLock<Honest> = LazyLock::new(|| {
    let fixture = Fixture::default();
    Honest { receipt: fixture.bytes(), policy: fixture.policy().to_string() }
});

/// Controls but the line feed, which a report's own JSON has; bidirectional and other format characters.
fn shows(text: &str) {
    let hidden = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
                | '\u{e0000}'..='\u{e007f}')
    };
    let at = text.chars().position(hidden);
    assert!(at.is_none(), "{:?}", text.chars().skip(at.unwrap_or(0)).take(20).collect::<String>());
}

fn said_of(receipt: &[u8]) {
    let fixture = Fixture::default();
    let policy = Policy::from_json(HONEST.policy.as_bytes()).unwrap();
    let clock = Clock::Live(UnixMillis::new(NOW).unwrap());
    let report = explain(receipt, &policy, clock, &fixture.expected());
    assert!(report.code.is_some(), "it was changed");
    shows(&report.to_json());
    // What JSON writes as an escape is the character again once it is read.
    for check in &report.checks {
        let texts = [Some(&check.says), check.expected.as_ref(), check.found.as_ref()];
        texts.into_iter().flatten().for_each(|text| shows(text));
        check.subject.iter().for_each(|text| shows(text));
    }
    match inspect(receipt) {
        Ok(view) => shows(&view.to_json()),
        Err(error) => shows(&error.to_string()),
    }
}

/// Every place of a receipt where text may stand.
fn with(place: usize, evil: &str) -> Vec<u8> {
    let honest = &HONEST.receipt;
    let text = || Cbor::Text(evil.to_owned());
    let settings = |edit: &dyn Fn(&mut (Cbor, Cbor))| {
        raw::row(honest, "steps", 0, |step| {
            edit(&mut raw::field(step, "settings").as_map_mut().unwrap()[0]);
        })
    };
    match place {
        0 => raw::receipt(honest, |fields| fields.push((text(), Cbor::Null))),
        1 => raw::operation(honest, |fields| *raw::field(fields, "name") = text()),
        2 => raw::operation(honest, |fields| *raw::field(fields, "outcome") = text()),
        3 => raw::row(honest, "values", 0, |value| *raw::field(value, "name") = text()),
        4 => raw::row(honest, "values", 0, |value| *raw::field(value, "algorithm") = text()),
        5 => raw::row(honest, "values", 0, |value| {
            raw::field(value, "type").as_array_mut().unwrap()[1] = text();
        }),
        6 => raw::row(honest, "values", 0, |value| {
            *raw::field(value, "type") = Cbor::Array(vec![Cbor::Text("bytes".into()), text()]);
        }),
        7 => raw::row(honest, "steps", 0, |step| *raw::field(step, "name") = text()),
        8 => raw::row(honest, "steps", 2, |step| {
            raw::field(step, "function").as_array_mut().unwrap()[1] = text();
        }),
        9 => settings(&|setting| setting.0 = text()),
        10 => settings(&|setting| setting.1 = text()),
        11 => raw::list(honest, "evidence", |evidence| {
            *raw::field(evidence[0].as_map_mut().unwrap(), "kind") = text();
        }),
        _ => raw::list(honest, "cards", |cards| {
            let mut card = raw::decode(cards[0].as_bytes().unwrap());
            *raw::field(card.as_map_mut().unwrap(), "compiler") = text();
            cards[0] = Cbor::Bytes(raw::encode(&card));
        }),
    }
}

/// Text with something to hide, wherever chance puts it.
fn evil() -> impl Strategy<Value = String> {
    let hidden = prop_oneof![
        Just('\x1b'),
        Just('\r'),
        Just('\x08'),
        Just('\u{9b}'),
        Just('\u{202e}'),
        Just('\u{2066}'),
        Just('\u{200b}'),
        Just('\u{feff}'),
        Just('\u{2028}'),
        any::<char>(),
    ];
    let plain = prop_oneof![Just("[2A"), Just("[J"), Just("accepted"), Just("a"), Just("")];
    let parts = prop::collection::vec((hidden, plain), 1..6);
    parts.prop_map(|parts| parts.into_iter().map(|(c, text)| format!("{c}{text}")).collect())
}

#[test]
fn what_is_in_the_places_is_read() {
    // The places are those of the format: a harmless word in each is refused for itself, or is another plan.
    for place in 0..=12 {
        said_of(&with(place, "harmless"));
    }
}

proptest! {
    #[test]
    fn nothing_of_a_receipt_is_obeyed(place in 0usize..=12, evil in evil()) {
        said_of(&with(place, &evil));
    }

    #[test]
    fn nothing_of_a_policy_is_obeyed(evil in evil(), field in 0usize..4) {
        let mut policy: serde_json::Value = serde_json::from_str(&HONEST.policy).unwrap();
        match field {
            0 => policy[evil.as_str()] = true.into(),
            1 => policy["operation"] = evil.as_str().into(),
            2 => policy["nonce"] = evil.as_str().into(),
            _ => policy["releases"][0]["images"]["image-0"]["pcrs"]["0"] = evil.as_str().into(),
        }
        // Chance may write a name that is one.
        if let Err(error) = Policy::from_json(policy.to_string().as_bytes()) {
            shows(&error.to_string());
        }
    }

    #[test]
    fn nothing_of_a_document_is_obeyed(evil in evil()) {
        let world = World { module_id: evil, ..World::default() };
        let bytes = world.document();
        match Inspection::of(&bytes) {
            Ok(inspection) => shows(&inspection.to_json()),
            Err(error) => shows(&error.to_string()),
        }
        let outcome = Document::parse(&bytes)
            .and_then(|document| verify_archived(&document, &world.policy).map(|_| ()));
        if let Err(error) = outcome {
            shows(&error.to_string());
            shows(error.hint());
        }
    }
}
