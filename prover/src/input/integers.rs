//! A tensor from integers in nested lists, as they are read: nothing is kept but the elements, and the first that
//! does not belong ends it.

use std::fmt;

use assay_verifier::value::TensorType;
use serde::{
    Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The elements so far.
pub(crate) struct Integers<'a> {
    tensor: &'a TensorType,
    bytes: Vec<u8>,
    count: usize,
    /// What did not belong.
    refused: Option<String>,
}

impl<'a> Integers<'a> {
    /// None yet, of this type.
    pub(crate) const fn new(tensor: &'a TensorType) -> Self {
        Self { tensor, bytes: Vec::new(), count: 0, refused: None }
    }

    /// The tensor's bytes, once reading came to `read`. Errors: an element that does not belong, too few of them,
    /// or text that is no JSON.
    pub(crate) fn ended<E: fmt::Display>(self, read: Result<(), E>) -> Result<Vec<u8>, String> {
        let Self { tensor, bytes, count, refused } = self;
        match (refused, read) {
            (Some(why), _) => Err(why),
            (None, Err(error)) => Err(error.to_string()),
            (None, Ok(())) if count != tensor.elements() => {
                let expected = tensor.elements();
                Err(format!("{tensor} has {expected} elements, found {count}"))
            }
            (None, Ok(())) => Ok(bytes),
        }
    }

    /// Whether something did not belong.
    #[cfg(feature = "service")]
    pub(crate) const fn refused(&self) -> bool {
        self.refused.is_some()
    }

    fn refuse<T, E: Error>(&mut self, why: String) -> Result<T, E> {
        let error = E::custom(&why);
        self.refused = Some(why);
        Err(error)
    }

    fn take<E: Error>(&mut self, integer: i64) -> Result<(), E> {
        let tensor = self.tensor;
        let Some((low, high)) = tensor.dtype().range() else {
            return self.refuse(format!("{tensor} is not made of integers"));
        };
        if !(low..=high).contains(&integer) {
            return self.refuse(format!("expected {low} to {high}, found {integer}"));
        }
        if self.count >= tensor.elements() {
            return self.refuse(format!("{tensor} has {} elements, found more", tensor.elements()));
        }
        self.count += 1;
        // In range, so the low bytes of the 64-bit two's complement are the element.
        self.bytes.extend(integer.to_le_bytes().iter().take(tensor.dtype().width()));
        Ok(())
    }

    fn other<T, E: Error>(&mut self, found: &str) -> Result<T, E> {
        self.refuse(format!("expected integers in lists, found {found}"))
    }
}

/// One value: an integer, or a list of such values.
impl<'de> DeserializeSeed<'de> for &mut Integers<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for &mut Integers<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("integers in lists")
    }

    fn visit_i64<E: Error>(self, integer: i64) -> Result<(), E> {
        self.take(integer)
    }

    fn visit_u64<E: Error>(self, integer: u64) -> Result<(), E> {
        match i64::try_from(integer) {
            Ok(integer) => self.take(integer),
            Err(_) => self.other(&integer.to_string()),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.other(&number.to_string())
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.other(&flag.to_string())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        self.other("text")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.other("null")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        while from.next_element_seed(&mut *self)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        // An object that does not end is no JSON before it is anything else.
        from.next_key::<IgnoredAny>()?;
        self.other("an object")
    }
}

#[cfg(test)]
mod tests {
    use assay_verifier::value::Dtype;

    use super::*;

    #[test]
    fn the_first_that_does_not_belong_ends_it() {
        let tensor = TensorType::new(Dtype::I16, &[2, 2], 0).unwrap();
        let read = |text: &str| {
            let mut integers = Integers::new(&tensor);
            let mut from = serde_json::Deserializer::from_str(text);
            let read = integers.deserialize(&mut from);
            let consumed = from.into_iter::<IgnoredAny>().byte_offset();
            (integers.ended(read), consumed)
        };
        let whole = Ok(vec![1, 0, 255, 255, 0, 128, 255, 127]);
        for text in
            ["[1,-1,-32768,32767]", "[[1,-1],[-32768,32767]]", "[[[1]],[],-1,[-32768,[32767]]]"]
        {
            assert_eq!(read(text).0, whole, "{text}");
        }
        for (text, why, most) in [
            ("[1, 2, 3]", "has 4 elements, found 3", 9),
            ("[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", "has 4 elements, found more", 16),
            ("[32768, 2, 3, 4]", "-32768 to 32767, found 32768", 7),
            ("[1.5, 2, 3, 4]", "found 1.5", 5),
            ("[18446744073709551615, 1]", "found 18446744073709551615", 22),
            ("[{\"a\": 0}, {\"a\": 0}]", "found an object", 6),
            ("[\"1\", 2]", "found text", 5),
            ("[null, 2]", "found null", 6),
        ] {
            let (found, consumed) = read(text);
            let found = found.unwrap_err();
            assert!(
                found.contains(why) && consumed <= most + 2,
                "{text}: {found} after {consumed}"
            );
        }
    }
}
