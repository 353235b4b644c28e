use super::{super::specimen::byte_level, *};

/// A tokenizer of characters as SentencePiece makes them, with a token for each byte.
pub(in super::super) fn byte_fallback() -> Vec<u8> {
    let mut vocabulary = serde_json::Map::new();
    vocabulary.insert("<unk>".to_owned(), 0.into());
    for byte in 0..=u8::MAX {
        vocabulary.insert(format!("<0x{byte:02X}>"), (u32::from(byte) + 1).into());
    }
    for (id, letter) in (257_u32..).zip("\u{2581}abcé".chars()) {
        vocabulary.insert(letter.to_string(), id.into());
    }
    let json = serde_json::json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u{2581}"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u{2581}"}]},
        "pre_tokenizer": null, "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": null, "unk_token": "<unk>", "continuing_subword_prefix": null,
            "end_of_word_suffix": null, "fuse_unk": true, "byte_fallback": true, "ignore_merges": false,
            "vocab": vocabulary, "merges": []},
    });
    json.to_string().into_bytes()
}

#[test]
fn texts_come_back_and_special_tokens_have_no_text() {
    let tokenizer = Tokenizer::read(&byte_level(&["<|end|>"])).unwrap();
    let tokens = tokenizer.encode("In the é<|end|>", true).unwrap();
    assert_eq!(tokens, [73, 110, 258, 32, 0xc3, 0xa9, 259]);
    assert_eq!(tokenizer.decode(&tokens).unwrap(), "In the é");
    assert_eq!(tokenizer.token("<|end|>"), Some(259));
}

#[test]
fn a_token_says_its_bytes() {
    let tokenizer = Tokenizer::read(&byte_level(&["<|end|>"])).unwrap();
    for byte in 0..=u8::MAX {
        assert_eq!(tokenizer.bytes(byte.into()), [byte]);
    }
    assert_eq!(tokenizer.bytes(258), b" the");
    assert_eq!(tokenizer.bytes(259), b"<|end|>");
    let tokenizer = Tokenizer::read(&byte_fallback()).unwrap();
    assert_eq!(tokenizer.bytes(11), [10]);
    assert_eq!(tokenizer.bytes(257), b" ");
}

#[test]
fn what_is_no_tokenizer_is_refused() {
    for bytes in [b"".as_slice(), b"{}", b"\xff"] {
        assert_eq!(Tokenizer::read(bytes).err().unwrap().code(), "llm-tokenizer");
    }
}
