//! Labelled examples, as two NumPy files: `NAME-images.npy` and `NAME-labels.npy`.

use std::{fs, path::Path};

use crate::error::Error;

/// Examples of bytes, each with its class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    examples: Array,
    labels: Vec<u8>,
}

impl Dataset {
    /// Reads the split `name` of a folder. Errors: a file that is no array of bytes, or as many
    /// labels as there are not examples.
    pub fn read(folder: &Path, name: &str) -> Result<Self, Error> {
        let examples = Array::read(&folder.join(format!("{name}-images.npy")))?;
        let path = folder.join(format!("{name}-labels.npy"));
        let labels = Array::read(&path)?;
        if labels.shape.len() != 1 || labels.shape.first() != examples.shape.first() {
            let why = format!(
                "labels of shape {:?} for examples of shape {:?}",
                labels.shape, examples.shape
            );
            return Err(Error::Unreadable { path, why });
        }
        Ok(Self { examples, labels: labels.bytes })
    }

    /// Number of examples.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Each example's bytes, row-major, and its class.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], u8)> {
        let size: usize = self.examples.shape.iter().skip(1).product();
        self.examples.bytes.chunks_exact(size.max(1)).zip(self.labels.iter().copied())
    }
}

/// An array of unsigned bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Array {
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Array {
    fn read(path: &Path) -> Result<Self, Error> {
        let unreadable = |why: String| Error::Unreadable { path: path.to_owned(), why };
        let bytes = fs::read(path).map_err(|error| unreadable(error.to_string()))?;
        Self::decode(&bytes).map_err(|why| unreadable(why.to_owned()))
    }

    /// Version 1.0 of the format, with the header that NumPy writes for `uint8` in C order.
    fn decode(file: &[u8]) -> Result<Self, &'static str> {
        let rest = file.strip_prefix(b"\x93NUMPY\x01\x00").ok_or("no NumPy file of version 1.0")?;
        let (length, rest) = rest.split_first_chunk::<2>().ok_or(CUT)?;
        let (header, bytes) =
            rest.split_at_checked(u16::from_le_bytes(*length).into()).ok_or(CUT)?;
        let shape = std::str::from_utf8(header)
            .ok()
            .and_then(|header| {
                header
                    .trim_end()
                    .strip_prefix("{'descr': '|u1', 'fortran_order': False, 'shape': (")?
                    .strip_suffix("), }")
            })
            .ok_or("no array of unsigned bytes in C order")?
            .split(',')
            .map(str::trim)
            .filter(|dim| !dim.is_empty())
            .map(|dim| dim.parse().map_err(|_| "a dimension is no number"))
            .collect::<Result<Vec<usize>, _>>()?;
        let elements = shape.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        if elements != Some(bytes.len()) {
            return Err("other than as many bytes as the shape says");
        }
        Ok(Self { shape, bytes: bytes.to_vec() })
    }
}

const CUT: &str = "the file ends in its header";

#[cfg(test)]
mod tests {
    use super::*;

    fn digits() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits/data")
    }

    fn file(header: &str, bytes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &length, header.as_bytes(), bytes].concat()
    }

    #[test]
    fn the_digits_are_read() {
        let test = Dataset::read(&digits(), "test").unwrap();
        assert_eq!(test.len(), 359);
        assert_eq!(test.iter().count(), 359);
        assert!(test.iter().all(|(levels, label)| levels.len() == 64 && label < 10));
        assert!(test.iter().flat_map(|(levels, _)| levels).all(|level| *level <= 16));
        assert!(!test.is_empty());
    }

    #[test]
    fn no_test_image_was_trained_on() {
        let train = Dataset::read(&digits(), "train").unwrap();
        let trained: std::collections::BTreeSet<_> =
            train.iter().map(|(levels, _)| levels).collect();
        let test = Dataset::read(&digits(), "test").unwrap();
        assert_eq!(test.iter().filter(|(levels, _)| trained.contains(levels)).count(), 0);
        assert_eq!(train.len() + test.len(), 1797);
    }

    #[test]
    fn arrays_are_read_as_numpy_writes_them() {
        let good = "{'descr': '|u1', 'fortran_order': False, 'shape': (2, 3), }   \n";
        let found = Array::decode(&file(good, &[1, 2, 3, 4, 5, 6])).unwrap();
        assert_eq!(found, Array { shape: vec![2, 3], bytes: vec![1, 2, 3, 4, 5, 6] });
        let one = "{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n";
        assert_eq!(Array::decode(&file(one, &[7, 8])).unwrap().shape, [2]);
    }

    #[test]
    fn what_is_no_array_of_bytes_is_refused() {
        let header = |of: &str, order: &str, shape: &str| {
            format!("{{'descr': '{of}', 'fortran_order': {order}, 'shape': {shape}, }}\n")
        };
        let bad = [
            file(&header("<f4", "False", "(1,)"), &[0; 4]),
            file(&header("|u1", "True", "(1,)"), &[0]),
            file(&header("|u1", "False", "(2,)"), &[0]),
            file(&header("|u1", "False", "(1,)"), &[0, 0]),
            file(&header("|u1", "False", "(-1,)"), &[]),
            file(&header("|u1", "False", "(18446744073709551615, 2)"), &[]),
            b"\x93NUMPY\x02\x00".to_vec(),
            b"\x93NUMPY\x01\x00\xff".to_vec(),
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            vec![],
        ];
        for bytes in bad {
            assert!(Array::decode(&bytes).is_err(), "{bytes:?}");
        }
    }
}
