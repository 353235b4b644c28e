//! Values: tensors and byte strings, their types and their encodings (FORMAT.md §2).

mod json;

use core::fmt;

use ciborium::Value as Cbor;

use crate::{Error, cbor};

/// Element type of a tensor. All are little-endian, signed ones two's complement. FORMAT.md §2.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Dtype {
    /// IEEE 754 binary32, finite.
    F32,
    /// Signed, 8 bits.
    I8,
    /// Signed, 16 bits.
    I16,
    /// Signed, 32 bits.
    I32,
    /// Unsigned, 8 bits.
    U8,
}

impl Dtype {
    const ALL: [Self; 5] = [Self::F32, Self::I8, Self::I16, Self::I32, Self::U8];

    /// The name in the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::I8 => "i8",
            Self::I16 => "i16",
            Self::I32 => "i32",
            Self::U8 => "u8",
        }
    }

    /// Bytes per element.
    pub const fn width(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 => 2,
            Self::F32 | Self::I32 => 4,
        }
    }

    /// Bits of a slot in a packed field element; only signed integers are packed. FORMAT.md §2.5.
    pub const fn slot_bits(self) -> Option<u32> {
        match self {
            Self::I8 => Some(8),
            Self::I16 => Some(16),
            Self::I32 => Some(32),
            Self::F32 | Self::U8 => None,
        }
    }

    /// Smallest and largest integer; `None` for floating point.
    pub const fn range(self) -> Option<(i64, i64)> {
        match self {
            Self::F32 => None,
            Self::I8 => Some((-0x80, 0x7f)),
            Self::I16 => Some((-0x8000, 0x7fff)),
            Self::I32 => Some((-0x8000_0000, 0x7fff_ffff)),
            Self::U8 => Some((0, 0xff)),
        }
    }
}

impl TryFrom<String> for Dtype {
    type Error = String;

    /// From the name alone: an enum of `serde` would take `{"i8": null}` too.
    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|dtype| dtype.name() == name);
        known.ok_or_else(|| format!("an element type is f32, i8, i16, i32 or u8, found {name:?}"))
    }
}

/// Type of a tensor. The number an integer element stands for is `integer * 2^scale`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct TensorType {
    dtype: Dtype,
    shape: Vec<u32>,
    scale: i8,
}

impl TensorType {
    /// Most dimensions of a shape.
    pub const MAX_RANK: usize = 8;
    /// Most elements of a tensor: 2^24, 64 MiB of `f32`.
    pub const MAX_ELEMENTS: u32 = 1 << 24;
    /// Largest scale exponent, either sign.
    pub const MAX_SCALE: i8 = 64;

    /// Accepts 1 to 8 dimensions of at least 1, at most 2^24 elements, a scale from -64 to 64 that
    /// is 0 for `f32`. FORMAT.md §2.1.
    pub fn new(dtype: Dtype, shape: &[u32], scale: i8) -> Result<Self, Error> {
        let refuse = |why: &'static str| {
            Err(Error::TypeInvalid {
                found: format!("{} {shape:?} scale {scale}", dtype.name()),
                why,
            })
        };
        if shape.is_empty() || shape.len() > Self::MAX_RANK {
            return refuse("a shape has 1 to 8 dimensions");
        }
        if shape.contains(&0) {
            return refuse("every dimension is at least 1");
        }
        let elements = shape.iter().try_fold(1u32, |product, dim| product.checked_mul(*dim));
        if elements.is_none_or(|count| count > Self::MAX_ELEMENTS) {
            return refuse("a tensor has at most 2^24 elements");
        }
        if !(-Self::MAX_SCALE..=Self::MAX_SCALE).contains(&scale) {
            return refuse("a scale is from -64 to 64");
        }
        if dtype == Dtype::F32 && scale != 0 {
            return refuse("floating point has scale 0");
        }
        Ok(Self { dtype, shape: shape.to_vec(), scale })
    }

    /// Element type.
    pub const fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Dimensions, outermost first.
    pub fn shape(&self) -> &[u32] {
        &self.shape
    }

    /// Scale exponent: an integer element stands for `integer * 2^scale`.
    pub const fn scale(&self) -> i8 {
        self.scale
    }

    /// Number of elements.
    pub fn elements(&self) -> usize {
        let product = self.shape.iter().fold(1u32, |product, dim| product.saturating_mul(*dim));
        usize::try_from(product).expect("2^24 fits a usize")
    }

    /// Number of bytes of a value of this type.
    pub fn byte_length(&self) -> usize {
        self.elements().saturating_mul(self.dtype.width())
    }

    /// The integers of a value, row-major. Errors: wrong length, or a type that is not integer.
    pub fn integers(&self, bytes: &[u8]) -> Result<Vec<i64>, Error> {
        // Its iterator does not say how many it has, and a vector that grows takes twice as much.
        let each = self.iterate(bytes)?;
        let mut integers = Vec::with_capacity(self.elements());
        integers.extend(each);
        Ok(integers)
    }

    /// The same, one by one: a value may have millions.
    pub(crate) fn iterate<'b>(
        &self,
        bytes: &'b [u8],
    ) -> Result<impl Iterator<Item = i64> + use<'b>, Error> {
        self.check_length(bytes)?;
        let read: fn(&[u8]) -> Option<i64> = match self.dtype {
            Dtype::F32 => return Err(Error::ValueNotInteger { found: self.to_string() }),
            Dtype::I8 => |chunk| Some(i64::from(i8::from_le_bytes(chunk.try_into().ok()?))),
            Dtype::I16 => |chunk| Some(i64::from(i16::from_le_bytes(chunk.try_into().ok()?))),
            Dtype::I32 => |chunk| Some(i64::from(i32::from_le_bytes(chunk.try_into().ok()?))),
            Dtype::U8 => |chunk| Some(i64::from(u8::from_le_bytes(chunk.try_into().ok()?))),
        };
        // Every chunk has the width of an element.
        Ok(bytes.chunks_exact(self.dtype.width()).filter_map(read))
    }

    /// The bytes of a tensor with these integers, row-major. Errors: a count or an integer that
    /// the type does not have.
    pub fn bytes_of(&self, integers: &[i64]) -> Result<Vec<u8>, Error> {
        let Some((low, high)) = self.dtype.range() else {
            return Err(Error::ValueNotInteger { found: self.to_string() });
        };
        if integers.len() != self.elements() {
            return Err(Error::ValueLength {
                of: self.to_string(),
                expected: self.elements(),
                found: integers.len(),
            });
        }
        let mut bytes = Vec::with_capacity(self.byte_length());
        for integer in integers {
            if !(low..=high).contains(integer) {
                return Err(Error::ValueRange { of: self.to_string(), found: *integer });
            }
            // In range, so the low bytes of the 64-bit two's complement are the element.
            bytes.extend(integer.to_le_bytes().iter().take(self.dtype.width()));
        }
        Ok(bytes)
    }

    fn check_length(&self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.len() != self.byte_length() {
            return Err(Error::ValueLength {
                of: self.to_string(),
                expected: self.byte_length(),
                found: bytes.len(),
            });
        }
        Ok(())
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.dtype.name(), self.shape)?;
        if self.scale != 0 {
            write!(f, " × 2^{}", self.scale)?;
        }
        Ok(())
    }
}

/// What a value is. FORMAT.md §2.1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// Bytes of any length, with their media type (RFC 6838), such as `application/json`.
    Bytes(String),
    /// A tensor.
    Tensor(TensorType),
}

impl Type {
    /// Longest media type, in bytes (RFC 6838 §4.2: 127 on each side of the slash).
    const MAX_MEDIA: usize = 255;

    /// A byte string's type. Accepts `type/subtype` of RFC 6838 without parameters, lower case.
    pub fn bytes(media: &str) -> Result<Self, Error> {
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-' | '+');
        let named = |part: &str| !part.is_empty() && part.chars().all(allowed);
        let valid =
            media.split_once('/').is_some_and(|(kind, subtype)| named(kind) && named(subtype));
        if !valid || media.len() > Self::MAX_MEDIA {
            let found = media.chars().take(Self::MAX_MEDIA).collect();
            return Err(Error::TypeInvalid {
                found,
                why: "a media type is type/subtype in lower case",
            });
        }
        Ok(Self::Bytes(media.to_owned()))
    }

    /// The tensor type, where it is one.
    pub const fn tensor(&self) -> Option<&TensorType> {
        match self {
            Self::Bytes(_) => None,
            Self::Tensor(tensor) => Some(tensor),
        }
    }

    /// Refuses bytes that are no value of this type: a wrong length, or a float that is not finite.
    pub fn check(&self, bytes: &[u8]) -> Result<(), Error> {
        let Self::Tensor(tensor) = self else { return Ok(()) };
        tensor.check_length(bytes)?;
        if tensor.dtype == Dtype::F32 {
            for (index, chunk) in bytes.chunks_exact(4).enumerate() {
                let finite =
                    chunk.try_into().is_ok_and(|four| f32::from_le_bytes(four).is_finite());
                if !finite {
                    return Err(Error::ValueNotFinite { index });
                }
            }
        }
        Ok(())
    }

    /// Type descriptor: `["tensor", dtype, shape, scale]` or `["bytes", media type]`. FORMAT.md §2.1.
    pub(crate) fn to_cbor(&self) -> Cbor {
        match self {
            Self::Bytes(media) => cbor::array([cbor::text("bytes"), cbor::text(media)]),
            Self::Tensor(tensor) => cbor::array([
                cbor::text("tensor"),
                cbor::text(tensor.dtype.name()),
                cbor::array(tensor.shape.iter().map(|dim| cbor::uint(u64::from(*dim)))),
                cbor::int(i64::from(tensor.scale)),
            ]),
        }
    }

    /// Reads a type descriptor.
    pub(crate) fn from_cbor(item: cbor::Item<'_>) -> Result<Self, Error> {
        const EXPECTED: &str = r#"["tensor", dtype, shape, scale] or ["bytes", media type]"#;
        let mut items = item.list()?;
        let parts =
            |count: usize| Error::TypeInvalid { found: format!("{count} parts"), why: EXPECTED };
        let kind = items.next().map(cbor::Item::text).transpose()?;
        match kind {
            Some("bytes") => {
                let [media] = items.exactly().map_err(parts)?;
                Self::bytes(media.text()?)
            }
            Some("tensor") => {
                let [dtype, shape, scale] = items.exactly().map_err(parts)?;
                let name = dtype.text()?;
                let dtype =
                    Dtype::ALL.into_iter().find(|dtype| dtype.name() == name).ok_or_else(|| {
                        Error::TypeInvalid {
                            found: name.chars().take(64).collect(),
                            why: "an element type is f32, i8, i16, i32 or u8",
                        }
                    })?;
                let dimensions = shape.list()?;
                if dimensions.len() > TensorType::MAX_RANK {
                    return Err(Error::TypeInvalid {
                        found: format!("a shape of {} dimensions", dimensions.len()),
                        why: "a shape has 1 to 8 dimensions",
                    });
                }
                let shape: Vec<u32> = dimensions.map(cbor::Item::u32).collect::<Result<_, _>>()?;
                let scale = scale.int()?;
                let scale = i8::try_from(scale).map_err(|_| Error::TypeInvalid {
                    found: scale.to_string(),
                    why: "a scale is from -64 to 64",
                })?;
                TensorType::new(dtype, &shape, scale).map(Self::Tensor)
            }
            _ => Err(Error::TypeInvalid {
                found: kind.unwrap_or_default().chars().take(64).collect(),
                why: EXPECTED,
            }),
        }
    }

    /// The bytes of the type descriptor, as they are hashed.
    pub(crate) fn descriptor(&self) -> Vec<u8> {
        cbor::encode(&self.to_cbor())
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(media) => write!(f, "bytes {media}"),
            Self::Tensor(tensor) => tensor.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_out_of_bounds_are_refused() {
        let bad: [(&[u32], i8); 7] = [
            (&[], 0),
            (&[0], 0),
            (&[3, 0], 0),
            (&[1; 9], 0),
            (&[1 << 12, 1 << 13], 0),
            (&[u32::MAX, 2], 0),
            (&[1], 65),
        ];
        for (shape, scale) in bad {
            assert!(TensorType::new(Dtype::I8, shape, scale).is_err(), "{shape:?} {scale}");
        }
        assert!(TensorType::new(Dtype::F32, &[1], 1).is_err());
        assert!(TensorType::new(Dtype::I8, &[1 << 24], -64).is_ok());
    }

    #[test]
    fn integers_and_bytes_are_inverse() {
        for dtype in [Dtype::I8, Dtype::I16, Dtype::I32, Dtype::U8] {
            let tensor = TensorType::new(dtype, &[2, 2], 0).unwrap();
            let (low, high) = dtype.range().unwrap();
            let integers = [low, high, 0, 1];
            let bytes = tensor.bytes_of(&integers).unwrap();
            assert_eq!(tensor.integers(&bytes).unwrap(), integers);
            for out in [low - 1, high + 1] {
                assert!(matches!(tensor.bytes_of(&[out, 0, 0, 0]), Err(Error::ValueRange { .. })));
            }
            assert!(matches!(tensor.bytes_of(&[0; 3]), Err(Error::ValueLength { .. })));
            assert!(matches!(tensor.integers(&bytes[1..]), Err(Error::ValueLength { .. })));
        }
    }

    #[test]
    fn floats_are_finite_and_not_integers() {
        let tensor = TensorType::new(Dtype::F32, &[2], 0).unwrap();
        let kind = Type::Tensor(tensor.clone());
        let bytes = |a: f32, b: f32| [a.to_le_bytes(), b.to_le_bytes()].concat();
        assert_eq!(kind.check(&bytes(1.0, -2.5)), Ok(()));
        assert_eq!(kind.check(&bytes(1.0, f32::NAN)), Err(Error::ValueNotFinite { index: 1 }));
        assert_eq!(kind.check(&bytes(f32::INFINITY, 0.0)), Err(Error::ValueNotFinite { index: 0 }));
        assert!(matches!(tensor.integers(&bytes(0.0, 0.0)), Err(Error::ValueNotInteger { .. })));
    }

    #[test]
    fn descriptors_read_back() {
        for kind in [
            Type::Tensor(TensorType::new(Dtype::I8, &[1, 32], -4).unwrap()),
            Type::bytes("application/json").unwrap(),
        ] {
            let bytes = kind.descriptor();
            let item = cbor::decode(&bytes, "type", 256).unwrap();
            assert_eq!(Type::from_cbor(item).unwrap(), kind);
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<Type>(&json).unwrap(), kind);
        }
        for media in ["", "text", "text/", "/x", "Text/plain", "text/plain; charset=utf-8"] {
            assert!(Type::bytes(media).is_err(), "{media}");
        }
    }
}
