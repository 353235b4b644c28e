//! A CBOR writer, and a walk over what it wrote.

/// Major type 0.
pub const UNSIGNED: u8 = 0;
/// Major type 2.
pub const BYTES: u8 = 2;
/// Major type 3.
pub const TEXT: u8 = 3;
/// Major type 4.
pub const ARRAY: u8 = 4;
/// Major type 5.
pub const MAP: u8 = 5;

/// A head in its shortest form.
pub fn head(major: u8, value: u64) -> Vec<u8> {
    let width = match value {
        0..24 => 0,
        24..0x100 => 1,
        0x100..0x1_0000 => 2,
        0x1_0000..0x1_0000_0000 => 4,
        _ => 8,
    };
    head_of_width(major, value, width)
}

/// A head whose number takes `width` bytes: 0, 1, 2, 4 or 8.
pub fn head_of_width(major: u8, value: u64, width: usize) -> Vec<u8> {
    let info = match width {
        0 => value as u8,
        _ => 24 + width.trailing_zeros() as u8,
    };
    let mut bytes = vec![major << 5 | info];
    bytes.extend_from_slice(&value.to_be_bytes()[8 - width..]);
    bytes
}

/// An unsigned integer.
pub fn unsigned(value: u64) -> Vec<u8> {
    head(UNSIGNED, value)
}

/// A byte string.
pub fn bytes(content: &[u8]) -> Vec<u8> {
    [&head(BYTES, content.len() as u64), content].concat()
}

/// A text string.
pub fn text(content: &str) -> Vec<u8> {
    [&head(TEXT, content.len() as u64), content.as_bytes()].concat()
}

/// A byte string, or null.
pub fn optional(content: Option<&[u8]>) -> Vec<u8> {
    content.map_or(vec![0xf6], bytes)
}

/// An array or map that announces `count`.
pub fn container(major: u8, count: usize, items: &[Vec<u8>]) -> Vec<u8> {
    [head(major, count as u64), items.concat()].concat()
}

/// The heads of well-formed, complete CBOR: offset, width of the number, major type, number.
/// Byte strings are stepped over.
pub fn heads(bytes: &[u8]) -> Vec<(usize, usize, u8, u64)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let (major, info) = (bytes[at] >> 5, bytes[at] & 0x1f);
        let width = match info {
            24..=27 => 1 << (info - 24),
            _ => 0,
        };
        let number = bytes[at + 1..at + 1 + width]
            .iter()
            .fold(0, |value, byte| value << 8 | u64::from(*byte));
        let value = if width == 0 { u64::from(info) } else { number };
        if major < 7 && info != 31 {
            found.push((at, width, major, value));
        }
        at += 1 + width;
        if matches!(major, BYTES | TEXT) {
            at += value as usize;
        }
    }
    found
}
