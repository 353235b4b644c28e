//! Inputs to choose a quantization by: real numbers from files, or random ones.

use std::{fs, path::Path};

use assay_verifier::{
    ids::Name,
    value::{Dtype, TensorType, Type},
};

use crate::{error::Error, input, npy};

/// A list of reals for each input of a model.
pub type Sample = Vec<Vec<f64>>;

/// Reads samples: JSON (nested lists, or ezkl's `{"input_data": [[…], …]}`), a NumPy file, or a folder
/// of PNGs, black to white over the range. Numbers follow one another, sample after sample. Errors:
/// another length than whole samples; a number outside the range.
pub fn read(path: &Path, shapes: &[Vec<usize>], range: (f64, f64)) -> Result<Vec<Sample>, Error> {
    let refuse = |why: String| Error::Unreadable { path: path.to_owned(), why };
    let samples = if path.is_dir() {
        pictures(path, shapes, range)?
    } else {
        let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
        if bytes.starts_with(npy::MAGIC) {
            let numbers = npy::decode(&bytes).map_err(refuse)?;
            chunks(&[numbers], shapes).map_err(refuse)?
        } else {
            chunks(&lists(&bytes).map_err(refuse)?, shapes).map_err(refuse)?
        }
    };
    for (index, sample) in samples.iter().enumerate() {
        let mut numbers = sample.iter().flatten();
        let beyond = |number: &&f64| !(range.0..=range.1).contains(*number);
        if let Some(number) = numbers.find(beyond) {
            let (low, high) = range;
            return Err(refuse(format!(
                "sample {index} has {number}, the range is {low} to {high}: scale the data, or give --range"
            )));
        }
    }
    Ok(samples)
}

/// The lists of `input_data`, or the whole as one list.
pub fn lists(json: &[u8]) -> Result<Vec<Vec<f64>>, String> {
    let json: serde_json::Value =
        serde_json::from_slice(json).map_err(|error| error.to_string())?;
    let one = |json: &serde_json::Value| {
        let mut numbers = vec![];
        flatten(json, &mut numbers).map(|()| numbers)
    };
    match json.get("input_data") {
        Some(data) => {
            data.as_array().ok_or("input_data must be a list of lists")?.iter().map(one).collect()
        }
        None => Ok(vec![one(&json)?]),
    }
}

/// So many samples of numbers from `low` to `high`, the same ones every time.
pub fn random(shapes: &[Vec<usize>], (low, high): (f64, f64), count: usize) -> Vec<Sample> {
    let mut state = 1u64;
    let mut number = move || {
        // Knuth's MMIX generator; its high bits are good enough for this.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        low + (high - low) * (state >> 33) as f64 / f64::from(1u32 << 31)
    };
    let mut list = |shape: &Vec<usize>| (0..size(shape)).map(|_| number()).collect();
    (0..count).map(|_| shapes.iter().map(&mut list).collect()).collect()
}

/// Of one list for each input, or of lists for the only input, all samples there are.
fn chunks(lists: &[Vec<f64>], shapes: &[Vec<usize>]) -> Result<Vec<Sample>, String> {
    if let [shape] = shapes {
        let mut samples = vec![];
        for list in lists {
            if list.is_empty() || list.len() % size(shape) != 0 {
                let (found, each) = (list.len(), size(shape));
                return Err(format!("{found} numbers are no whole samples of {each}"));
            }
            samples.extend(list.chunks(size(shape)).map(|sample| vec![sample.to_vec()]));
        }
        return Ok(samples);
    }
    let count = lists.first().zip(shapes.first()).map(|(list, shape)| list.len() / size(shape));
    let count = count.filter(|_| lists.len() == shapes.len()).unwrap_or(0);
    if count == 0 || lists.iter().zip(shapes).any(|(list, shape)| list.len() != count * size(shape))
    {
        return Err(format!("expected {} lists of as many whole samples", shapes.len()));
    }
    let sample = |at: usize| {
        let lists = lists.iter().zip(shapes);
        lists.map(|(list, shape)| list[at * size(shape)..(at + 1) * size(shape)].to_vec()).collect()
    };
    Ok((0..count).map(sample).collect())
}

/// The PNGs of a folder in the order of their names. A model that takes a vector of n² numbers is
/// given n rows of n.
fn pictures(
    folder: &Path,
    shapes: &[Vec<usize>],
    (low, high): (f64, f64),
) -> Result<Vec<Sample>, Error> {
    let refuse = |why: String| Error::Unreadable { path: folder.to_owned(), why };
    let [shape] = shapes else {
        return Err(refuse(format!("pictures are one input, the model takes {}", shapes.len())));
    };
    let side = size(shape).isqrt();
    let image = match shape.as_slice() {
        [.., rows, columns] if shape.len() > 2 => [*rows, *columns],
        _ if side * side == size(shape) => [side, side],
        _ => return Err(refuse(format!("no picture becomes a value of shape {shape:?}"))),
    };
    if image[0] * image[1] != size(shape) {
        return Err(refuse(format!("one picture is one grey image, not {shape:?}")));
    }
    let dim = |at: usize| u32::try_from(image[at]).map_err(|error| refuse(error.to_string()));
    // White is 2^7.
    let levels = Type::Tensor(TensorType::new(Dtype::U8, &[1, 1, dim(0)?, dim(1)?], -7)?);
    let entries = fs::read_dir(folder).map_err(|error| refuse(error.to_string()))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|end| end.eq_ignore_ascii_case("png")))
        .collect();
    paths.sort();
    if paths.is_empty() {
        return Err(refuse("no PNG is in it".to_owned()));
    }
    let name = Name::new("input")?;
    let read = |path: &std::path::PathBuf| {
        let bytes = input::read(&name, &levels, path)?;
        let real = |level: &u8| low + (high - low) * f64::from(*level) / 128.0;
        Ok(vec![bytes.iter().map(real).collect()])
    };
    paths.iter().map(read).collect()
}

fn size(shape: &[usize]) -> usize {
    shape.iter().product::<usize>().max(1)
}

/// The numbers of nested lists, in order.
fn flatten(json: &serde_json::Value, into: &mut Vec<f64>) -> Result<(), String> {
    match json {
        serde_json::Value::Array(items) => items.iter().try_for_each(|item| flatten(item, into)),
        other => {
            let real = other.as_f64().filter(|real| real.is_finite());
            into.push(real.ok_or_else(|| format!("expected lists of numbers, found {other}"))?);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_become_whole_samples() {
        let both = lists(br#"{"input_data": [[1, 2, 3, 4], [[5], [6]]]}"#).unwrap();
        assert_eq!(both, [vec![1.0, 2.0, 3.0, 4.0], vec![5.0, 6.0]]);
        let two = chunks(&both, &[vec![1, 2]]).unwrap();
        assert_eq!(two, [[[1.0, 2.0]], [[3.0, 4.0]], [[5.0, 6.0]]]);
        let inputs = chunks(&both, &[vec![1, 2], vec![1]]).unwrap();
        assert_eq!(inputs[1], [vec![3.0, 4.0], vec![6.0]]);
        assert!(chunks(&both, &[vec![1, 4]]).is_err());
        assert!(chunks(&both, &[vec![2], vec![2]]).is_err());
        assert_eq!(lists(b"[[0.5, 1], [2]]").unwrap(), [[0.5, 1.0, 2.0]]);
        assert!(lists(br#"{"input_data": 3}"#).is_err());
        assert!(lists(br#"[1, "x"]"#).is_err());
    }

    #[test]
    fn random_samples_are_the_same_every_time_and_in_range() {
        let samples = random(&[vec![1, 3]], (-2.0, 5.0), 40);
        assert_eq!(samples, random(&[vec![1, 3]], (-2.0, 5.0), 40));
        let numbers = || samples.iter().flatten().flatten();
        assert!(numbers().all(|number| (-2.0..5.0).contains(number)));
        assert!(numbers().any(|number| *number < -1.5) && numbers().any(|number| *number > 4.5));
    }

    #[test]
    fn pictures_are_spread_over_the_range() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits/images");
        let samples = read(&folder, &[vec![1, 64]], (-1.0, 1.0)).unwrap();
        assert!(!samples.is_empty());
        assert!(samples.iter().flatten().flatten().any(|number| *number > 0.5));
        assert!(read(&folder, &[vec![1, 3, 8, 8]], (0.0, 1.0)).is_err());
    }
}
