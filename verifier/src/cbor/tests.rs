use super::*;

fn read(hex_text: &str) -> Result<(), Error> {
    decode(&hex::decode(hex_text).unwrap(), "thing", 1 << 16).map(|_| ())
}

#[test]
fn one_encoding_per_value() {
    assert!(read("a2616101616202").is_ok());
    let not_deterministic = [
        ("1800", 0, "integer header longer than needed"),
        ("190001", 0, "integer header longer than needed"),
        ("1a0000ffff", 0, "integer header longer than needed"),
        ("1b00000000ffffffff", 0, "integer header longer than needed"),
        ("3817", 0, "negative header longer than needed"),
        ("9f01ff", 0, "array of indefinite length"),
        ("bf616101ff", 0, "map of indefinite length"),
        ("5f4101ff", 0, "byte string in chunks"),
        ("7f6161ff", 0, "text string in chunks"),
        ("82005801ff", 2, "byte string header longer than needed"),
        ("980101", 0, "array header longer than needed"),
        ("b801616101", 0, "map header longer than needed"),
    ];
    for (input, at, why) in not_deterministic {
        assert_eq!(read(input), Err(Error::CborNotDeterministic { what: "thing", at }), "{why}");
    }
    for input in ["1818", "190100", "1a00010000", "1b0000000100000000", "3818", "f4", "f5", "f6"] {
        assert_eq!(read(input), Ok(()), "{input}");
    }
}

#[test]
fn map_keys_ascend_strictly() {
    assert_eq!(read("a2616101616102"), Err(Error::CborKeyRepeated { what: "thing" }));
    assert_eq!(read("a2616201616102"), Err(Error::CborKeysUnsorted { what: "thing" }));
    // Shorter keys first: "b" before "aa".
    assert!(read("a261620162616102").is_ok());
    assert_eq!(read("81a2616201616102"), Err(Error::CborKeysUnsorted { what: "thing" }));
}

#[test]
fn floats_tags_and_other_simple_values_are_refused() {
    for input in
        ["f90000", "f93c00", "fb3ff0000000000000", "c100", "c24101", "d81800", "f7", "e0", "f8ff"]
    {
        assert_eq!(read(input), Err(Error::CborItemKind { what: "thing" }), "{input}");
    }
}

#[test]
fn trailing_truncated_deep_and_large_inputs_are_refused() {
    assert_eq!(read("0000"), Err(Error::CborTrailing { what: "thing", found: 1 }));
    for input in ["8201", "", "62ff41", "62", "1c", "1f", "ff", "a16161", "9b1000000000000000"] {
        assert!(matches!(read(input), Err(Error::CborMalformed { .. })), "{input}");
    }
    assert_eq!(read(&format!("{}00", "81".repeat(MAX_DEPTH))), Ok(()));
    for depth in [MAX_DEPTH + 1, 40_000] {
        let deep = decode(&[vec![0x81; depth], vec![0]].concat(), "thing", 1 << 16).err();
        assert!(matches!(deep, Some(Error::CborMalformed { .. })), "{depth}");
    }
    let too_large = decode(&[0; 5], "thing", 4).err();
    assert_eq!(too_large, Some(Error::CborTooLarge { what: "thing", limit: 4, found: 5 }));
}

#[test]
fn integers_have_their_values() {
    let int = |hex_text: &str| {
        let bytes = hex::decode(hex_text).unwrap();
        decode(&bytes, "thing", 16)?.int()
    };
    assert_eq!(int("00"), Ok(0));
    assert_eq!(int("20"), Ok(-1));
    assert_eq!(int("1b7fffffffffffffff"), Ok(i64::MAX));
    assert_eq!(int("3b7fffffffffffffff"), Ok(i64::MIN));
    for beyond in ["1b8000000000000000", "3b8000000000000000", "3bffffffffffffffff"] {
        assert!(matches!(int(beyond), Err(Error::FieldType { .. })), "{beyond}");
    }
}

/// The reader that `ciborium` is, made strict by writing again what it read.
fn by_ciborium(input: &[u8]) -> bool {
    fn allowed(value: &Value) -> bool {
        match value {
            Value::Array(items) => items.iter().all(allowed),
            Value::Map(entries) => {
                let keys: Vec<_> = entries.iter().map(|(key, _)| encode(key)).collect();
                keys.windows(2).all(|pair| pair[0] < pair[1])
                    && entries.iter().all(|(key, item)| allowed(key) && allowed(item))
            }
            Value::Float(_) | Value::Tag(..) => false,
            _ => true,
        }
    }
    let mut rest = input;
    let read: Result<Value, _> = ciborium::de::from_reader(&mut rest);
    read.is_ok_and(|value| rest.is_empty() && allowed(&value) && encode(&value) == input)
}

fn any_value() -> impl proptest::strategy::Strategy<Value = Value> {
    use proptest::prelude::*;
    let leaf = prop_oneof![
        any::<i64>().prop_map(int),
        any::<u64>().prop_map(uint),
        any::<bool>().prop_map(Value::Bool),
        Just(Value::Null),
        "\\PC{0,30}".prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..40).prop_map(Value::Array),
            prop::collection::btree_map("[a-z]{0,30}", inner, 0..8)
                .prop_map(|entries| map(entries.iter().map(|(key, item)| (&**key, item.clone())))),
        ]
    })
}

/// The value that the reader sees.
fn seen(item: Item<'_>) -> Value {
    if item.is_null() {
        return Value::Null;
    }
    if item.is_bool() {
        return Value::Bool(item.bool().unwrap());
    }
    if item.is_text() {
        return text(item.text().unwrap());
    }
    if let Ok(found) = item.bytes() {
        return bytes(found);
    }
    if let Ok(items) = item.list() {
        return array(items.map(seen));
    }
    if let Ok(entries) = item.entries(64, "few") {
        return Value::Map(entries.into_iter().map(|(k, item)| (text(k), seen(item))).collect());
    }
    item.int().map_or_else(|_| ciborium::de::from_reader(item.encoded()).unwrap(), int)
}

proptest::proptest! {
    #[test]
    fn arbitrary_bytes_are_read_as_a_strict_ciborium_reads_them(
        input in proptest::collection::vec(0u8.., 0..24)
    ) {
        assert_eq!(decode(&input, "thing", 64).is_ok(), by_ciborium(&input));
    }

    #[test]
    fn what_was_written_reads_back(value in any_value()) {
        let encoded = encode(&value);
        assert!(by_ciborium(&encoded));
        assert_eq!(seen(decode(&encoded, "thing", 1 << 20).unwrap()), value);
    }

    #[test]
    fn what_was_written_and_changed_is_read_as_a_strict_ciborium_reads_it(
        value in any_value(), at in 0usize..4096, byte in 0u8..
    ) {
        let mut encoded = encode(&value);
        let at = at % encoded.len();
        encoded[at] = byte;
        assert_eq!(decode(&encoded, "thing", 1 << 20).is_ok(), by_ciborium(&encoded));
    }
}
