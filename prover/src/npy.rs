//! Arrays of numbers as NumPy writes them: versions 1.0 to 3.0, C order, little-endian.

/// How every such file begins.
pub(crate) const MAGIC: &[u8] = b"\x93NUMPY";

/// The numbers of an array, row-major. Errors: not such a file; a type that is no real number.
pub(crate) fn decode(file: &[u8]) -> Result<Vec<f64>, String> {
    const CUT: &str = "the file ends in its header";
    let rest = file.strip_prefix(MAGIC).ok_or("no NumPy file")?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or(CUT)?;
    let (length, rest) = match version[0] {
        1 => {
            let (length, rest) = rest.split_first_chunk::<2>().ok_or(CUT)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk::<4>().ok_or(CUT)?;
            (usize::try_from(u32::from_le_bytes(*length)).map_err(|_| CUT)?, rest)
        }
        other => return Err(format!("NumPy file version {other} is not known")),
    };
    let (header, data) = rest.split_at_checked(length).ok_or(CUT)?;
    let header = std::str::from_utf8(header).map_err(|_| "the header is not text")?;
    let field = |name: &str| {
        let (_, rest) = header.split_once(&format!("'{name}':"))?;
        Some(rest.trim_start())
    };
    if !field("fortran_order").is_some_and(|order| order.starts_with("False")) {
        return Err("the array is not in C order: save numpy.ascontiguousarray of it".to_owned());
    }
    let descr = field("descr").and_then(|text| text.strip_prefix('\'')?.split_once('\''));
    let (descr, _) = descr.ok_or("the header names no element type")?;
    macro_rules! numbers {
        ($type:ty) => {{
            let (chunks, rest) = data.as_chunks();
            if !rest.is_empty() {
                return Err("the data is no whole number of elements".to_owned());
            }
            chunks.iter().map(|chunk| <$type>::from_le_bytes(*chunk) as f64).collect()
        }};
    }
    let numbers: Vec<f64> = match descr {
        "<f4" => numbers!(f32),
        "<f8" => numbers!(f64),
        "<i2" => numbers!(i16),
        "<i4" => numbers!(i32),
        "<i8" => numbers!(i64),
        "|i1" => numbers!(i8),
        "|u1" => numbers!(u8),
        other => return Err(format!("element type {other} is not supported; save float32")),
    };
    match numbers.iter().position(|number| !number.is_finite()) {
        None => Ok(numbers),
        Some(index) => Err(format!("element {index} is not a finite number")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(version: u8, descr: &str, order: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (2,), }}\n");
        let length = u32::try_from(header.len()).unwrap().to_le_bytes();
        let length = if version == 1 { &length[..2] } else { &length[..] };
        [MAGIC, &[version, 0], length, header.as_bytes(), data].concat()
    }

    #[test]
    fn numbers_of_several_types_are_read() {
        let floats = [0.5f32, -2.0].map(f32::to_le_bytes).concat();
        for version in [1, 2, 3] {
            assert_eq!(decode(&file(version, "<f4", "False", &floats)), Ok(vec![0.5, -2.0]));
        }
        assert_eq!(decode(&file(1, "|u1", "False", &[0, 255])), Ok(vec![0.0, 255.0]));
        assert_eq!(decode(&file(1, "|i1", "False", &[0, 255])), Ok(vec![0.0, -1.0]));
        let doubles = [1e300f64, 2.0].map(f64::to_le_bytes).concat();
        assert_eq!(decode(&file(1, "<f8", "False", &doubles)), Ok(vec![1e300, 2.0]));
    }

    #[test]
    fn what_is_no_such_file_is_refused() {
        let nan = f32::NAN.to_le_bytes();
        for bad in [
            file(1, "<f4", "True", &[0; 8]),
            file(1, "<f4", "False", &[0; 7]),
            file(1, "<f4", "False", &nan),
            file(1, ">f4", "False", &[0; 8]),
            file(4, "<f4", "False", &[0; 8]),
            b"\x93NUMPY\x01\x00\xff\xff{".to_vec(),
            vec![],
        ] {
            assert!(decode(&bad).is_err());
        }
    }
}
