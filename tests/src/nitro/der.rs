//! A DER writer.

/// An element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = match length {
        0..0x80 => vec![tag, length as u8],
        0x80..0x100 => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    bytes.extend_from_slice(content);
    bytes
}

/// SEQUENCE.
pub fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

/// INTEGER, not negative, from big-endian bytes.
pub fn integer(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let rest = &bytes[zeros..];
    match rest.first() {
        None => element(0x02, &[0]),
        Some(0x80..) => element(0x02, &[&[0], rest].concat()),
        Some(_) => element(0x02, rest),
    }
}

/// OBJECT IDENTIFIER, from its content.
pub fn oid(content: &[u8]) -> Vec<u8> {
    element(0x06, content)
}

/// BIT STRING without unused bits.
pub fn bits(content: &[u8]) -> Vec<u8> {
    element(0x03, &[&[0], content].concat())
}

/// UTCTime or, where it has four digits of year, GeneralizedTime.
pub fn time(text: &str) -> Vec<u8> {
    element(if text.len() == 13 { 0x17 } else { 0x18 }, text.as_bytes())
}

/// A name of UTF8Strings: C, O, OU, CN, as far as given.
pub fn name(parts: &[(u8, &str)]) -> Vec<u8> {
    let parts: Vec<_> = parts
        .iter()
        .map(|(kind, text)| {
            let attribute = sequence(&[oid(&[0x55, 0x04, *kind]), element(0x0c, text.as_bytes())]);
            element(0x31, &attribute)
        })
        .collect();
    sequence(&parts)
}

/// An extension.
pub fn extension(id: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let mut parts = vec![oid(id)];
    if critical {
        parts.push(element(0x01, &[0xff]));
    }
    parts.push(element(0x04, value));
    sequence(&parts)
}

/// The attribute CN.
pub const COMMON_NAME: u8 = 3;
/// The attribute O.
pub const ORGANIZATION: u8 = 10;
