//! From a file that somebody has to the value that is committed to (FORMAT.md §2.6).

mod integers;

use std::{fs, io::Cursor, path::Path};

use assay_verifier::{
    ids::Name,
    value::{Dtype, TensorType, Type},
};

use serde::de::DeserializeSeed as _;

pub(crate) use integers::Integers;

use crate::error::Error;

/// Widest and highest picture that is read.
const MAX_SIDE: u32 = 4096;

/// Reads a file as a value of type `kind`: for a tensor a picture or JSON, else the bytes.
///
/// A picture stands for numbers from 0, black, to 1, white: it becomes a `u8` tensor of one image
/// whose scale is 0 to -7, so that white is 2^-scale.
pub fn read(name: &Name, kind: &Type, path: &Path) -> Result<Vec<u8>, Error> {
    let bytes = fs::read(path)
        .map_err(|error| Error::Unreadable { path: path.to_owned(), why: error.to_string() })?;
    decode(name, kind, bytes)
}

/// The same, from the file's bytes.
pub fn decode(name: &Name, kind: &Type, bytes: Vec<u8>) -> Result<Vec<u8>, Error> {
    let refuse = |why: String| Error::Input { name: name.clone(), why };
    let Type::Tensor(tensor) = kind else { return Ok(bytes) };
    if bytes.starts_with(b"\x89PNG") {
        let white = white(tensor).ok_or_else(|| {
            refuse(format!("no picture becomes {tensor}; give it as JSON, a list of integers"))
        })?;
        let picture = Picture::decode(&bytes).map_err(refuse)?;
        let integers = picture.levels(tensor, white).map_err(refuse)?;
        return tensor.bytes_of(&integers).map_err(|error| refuse(error.to_string()));
    }
    let mut integers = Integers::new(tensor);
    let mut from = serde_json::Deserializer::from_slice(&bytes);
    let read = integers.deserialize(&mut from).and_then(|()| from.end());
    let neither = |error: serde_json::Error| format!("it is neither PNG nor JSON: {error}");
    integers.ended(read.map_err(neither)).map_err(refuse)
}

/// Whether a picture becomes such a tensor.
#[cfg(feature = "service")]
pub(crate) fn takes_pictures(tensor: &TensorType) -> bool {
    white(tensor).is_some()
}

/// The level of white, where a picture becomes such a tensor.
fn white(tensor: &TensorType) -> Option<u32> {
    let exponent =
        u32::from(tensor.scale().checked_neg()?.try_into().ok().filter(|e: &u8| *e < 8)?);
    (tensor.dtype() == Dtype::U8).then_some(1 << exponent)
}

/// A picture as luma, 0 black to 255 white, row by row.
struct Picture {
    width: usize,
    height: usize,
    luma: Vec<u8>,
}

impl Picture {
    /// Decodes a PNG of any colour type. Transparency is laid over black.
    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut decoder = png::Decoder::new(Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
        let info = reader.info();
        if info.width > MAX_SIDE || info.height > MAX_SIDE {
            let (width, height) = (info.width, info.height);
            return Err(format!(
                "a picture has at most {MAX_SIDE} × {MAX_SIDE} pixels, found {width} × {height}"
            ));
        }
        let size = reader.output_buffer_size().ok_or("the picture is too large")?;
        let mut pixels = vec![0; size];
        let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
        let over_black = |value: u64, alpha: u8| (value * u64::from(alpha) + 127) / 255;
        let grey = |pixel: &[u8]| -> u64 {
            let colour = |r: u8, g: u8, b: u8| {
                (299 * u64::from(r) + 587 * u64::from(g) + 114 * u64::from(b) + 500) / 1000
            };
            match *pixel {
                [grey] => u64::from(grey),
                [grey, alpha] => over_black(u64::from(grey), alpha),
                [r, g, b] => colour(r, g, b),
                [r, g, b, alpha] => over_black(colour(r, g, b), alpha),
                _ => 0,
            }
        };
        let samples = frame.color_type.samples();
        let rows = pixels.chunks(frame.line_size);
        let luma = rows
            .flat_map(|row| row.chunks_exact(samples))
            .map(|pixel| u8::try_from(grey(pixel)).unwrap_or(u8::MAX))
            .collect::<Vec<_>>();
        let side = |length: u32| usize::try_from(length).map_err(|error| error.to_string());
        let (width, height) = (side(frame.width)?, side(frame.height)?);
        if luma.len() != width * height {
            return Err("the picture ends too early".to_owned());
        }
        Ok(Self { width, height, luma })
    }

    /// Resamples to the tensor's last two dimensions by exact area averages, then to levels
    /// 0 to `white`, half up. All in integers: every platform gives the same.
    fn levels(&self, tensor: &TensorType, white: u32) -> Result<Vec<i64>, String> {
        let [leading @ .., rows, columns] = tensor.shape() else {
            return Err(format!("a picture becomes rows and columns, not {tensor}"));
        };
        if leading.iter().any(|dim| *dim != 1) {
            return Err(format!("one picture becomes one grey image, not {tensor}"));
        }
        let (down, across) = (spans(self.height, *rows), spans(self.width, *columns));
        // In units of (1/rows) × (1/columns) of a pixel, a cell has height × width of them.
        let area = (self.width * self.height) as u64;
        let mut out = Vec::new();
        for row in &down {
            for column in &across {
                let mut sum = 0u64;
                for (y, tall) in row {
                    for (x, wide) in column {
                        let luma = self.luma.get(y * self.width + x).copied().unwrap_or(0);
                        sum += u64::from(luma) * tall * wide;
                    }
                }
                let level = (2 * u64::from(white) * sum + 255 * area) / (2 * 255 * area);
                out.push(i64::try_from(level).map_err(|error| error.to_string())?);
            }
        }
        Ok(out)
    }
}

/// For each of `cells` cells along a side of `pixels` pixels: the pixels it covers, and how many
/// `1/cells` of each.
fn spans(pixels: usize, cells: u32) -> Vec<Vec<(usize, u64)>> {
    let (pixels, cells) = (pixels as u64, u64::from(cells));
    (0..cells)
        .map(|cell| {
            let (from, to) = (cell * pixels, (cell + 1) * pixels);
            (from / cells..to.div_ceil(cells))
                .map(|pixel| {
                    let begin = from.max(pixel * cells);
                    let end = to.min((pixel + 1) * cells);
                    (pixel as usize, end - begin)
                })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(rows: u32, columns: u32) -> TensorType {
        TensorType::new(Dtype::U8, &[1, 1, rows, columns], -4).unwrap()
    }

    #[test]
    fn a_picture_of_the_right_size_keeps_its_levels() {
        let levels: Vec<i64> = (0..64).map(|i| i % 17).collect();
        let luma = levels.iter().map(|level| ((level * 255 + 8) / 16) as u8).collect();
        let picture = Picture { width: 8, height: 8, luma };
        assert_eq!(picture.levels(&tensor(8, 8), 16).unwrap(), levels);
    }

    #[test]
    fn larger_and_odd_sizes_are_averaged_by_area() {
        let white = Picture { width: 13, height: 5, luma: vec![255; 65] };
        assert_eq!(white.levels(&tensor(8, 8), 16).unwrap(), vec![16; 64]);
        // 3 pixels to 2 cells: each takes one whole pixel and half of the middle one.
        let three = Picture { width: 3, height: 1, luma: vec![255, 0, 0] };
        let level = |sum: u64, area: u64| ((2 * 16 * sum + 255 * area) / (2 * 255 * area)) as i64;
        assert_eq!(three.levels(&tensor(1, 2), 16).unwrap(), [level(255 * 2, 3), 0]);
    }

    #[test]
    fn every_pixel_has_its_whole_weight() {
        for (pixels, cells) in [(8, 8), (28, 8), (13, 8), (3, 8), (1, 8), (4096, 8)] {
            let total: u64 = spans(pixels, cells).iter().flatten().map(|(_, weight)| weight).sum();
            assert_eq!(total, pixels as u64 * u64::from(cells), "{pixels} {cells}");
        }
    }
}
