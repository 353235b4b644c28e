//! An exchange with a language model (FORMAT.md §11): request and response are the caller's to bring.

use assay_verifier::{
    ids::{ModelDigest, Salt},
    operation::{Function, Method, Methods, Setting, Step},
    receipt::{Opening, Receipt},
    value::Type,
};

use super::{Fixture, Value, name};

/// What the client sent.
pub const REQUEST: &[u8] =
    br#"{"model":"prose","messages":[{"role":"user","content":"Hi"}],"stream":true}"#;

/// What it received, up to the receipt.
pub const RESPONSE: &[u8] =
    b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello\"}}]}\n\n";

impl Fixture {
    /// A stream that a model answered with, attested.
    pub fn exchange() -> Self {
        let words = [("device", "cpu"), ("dtype", "f32"), ("method", "POST"), ("seed", "7")];
        let words = words.map(|(key, word)| (name(key), Setting::Text(word.to_owned())));
        let path = (name("path"), Setting::Text("/v1/chat/completions".to_owned()));
        let numbers = [("batch", 1), ("max_tokens", 16), ("status", 200), ("threads", 2)];
        let numbers = numbers.map(|(key, number)| (name(key), Setting::Int(number)));
        Self {
            name: name("llm-prose"),
            outcome: name("stop"),
            steps: vec![Step {
                name: name("exchange"),
                function: Function::Model(ModelDigest::new([0x11; 32])),
                settings: words.into_iter().chain(numbers).chain([path]).collect(),
                inputs: vec![0],
                outputs: vec![1],
                methods: Methods::of(&[Method::Tee]),
                card: None,
            }],
            values: vec![
                bytes("request", "application/json", REQUEST),
                bytes("response", "text/event-stream", RESPONSE),
            ],
            disclosed: vec![0, 1],
            ..Self::default()
        }
    }

    /// The receipt with the salts, and without the bytes.
    pub fn detached(&self) -> Receipt {
        let mut receipt = self.receipt();
        for value in &self.disclosed {
            receipt.redact(*value);
            receipt.open(Opening { bytes: None, ..self.opening(*value) });
        }
        receipt
    }
}

fn bytes(called: &str, media: &str, bytes: &[u8]) -> Value {
    let mut salt = [0x5b; 31];
    salt[..called.len()].copy_from_slice(called.as_bytes());
    let kind = Type::bytes(media).expect("a media type");
    Value { name: name(called), kind, salt: Salt::new(salt), bytes: bytes.to_vec() }
}
