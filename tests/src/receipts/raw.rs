//! Changes to bytes: decode, change, encode, with no regard for what the format allows.

use ciborium::Value;

/// Decodes CBOR.
pub fn decode(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).expect("CBOR")
}

/// Encodes CBOR, maps in the order they are in.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("memory");
    bytes
}

/// A receipt whose fields were changed by `edit`.
pub fn receipt(bytes: &[u8], edit: impl FnOnce(&mut Vec<(Value, Value)>)) -> Vec<u8> {
    let mut value = decode(bytes);
    edit(value.as_map_mut().expect("a receipt is a map"));
    encode(&value)
}

/// A receipt whose list `name` was changed by `edit`.
pub fn list(bytes: &[u8], name: &str, edit: impl FnOnce(&mut Vec<Value>)) -> Vec<u8> {
    receipt(bytes, |fields| edit(field(fields, name).as_array_mut().expect("a list")))
}

/// A receipt whose operation was changed by `edit`, evidence left as it was.
pub fn operation(bytes: &[u8], edit: impl FnOnce(&mut Vec<(Value, Value)>)) -> Vec<u8> {
    receipt(bytes, |fields| {
        let operation = field(fields, "operation");
        let mut inner = decode(operation.as_bytes().expect("a byte string"));
        edit(inner.as_map_mut().expect("an operation is a map"));
        *operation = Value::Bytes(encode(&inner));
    })
}

/// A receipt one row of whose operation's list `name` was changed by `edit`.
pub fn row(
    bytes: &[u8],
    name: &str,
    index: usize,
    edit: impl FnOnce(&mut Vec<(Value, Value)>),
) -> Vec<u8> {
    operation(bytes, |fields| {
        let rows = field(fields, name).as_array_mut().expect("a list");
        edit(rows[index].as_map_mut().expect("a row is a map"));
    })
}

/// A field of a map.
pub fn field<'m>(fields: &'m mut [(Value, Value)], name: &str) -> &'m mut Value {
    let found = fields.iter_mut().find(|(key, _)| key.as_text() == Some(name));
    &mut found.unwrap_or_else(|| panic!("no field {name}")).1
}
