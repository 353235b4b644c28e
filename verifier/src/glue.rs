//! Glue: cheap deterministic integer functions that the verifier executes itself (FORMAT.md §7).
//!
//! Never a float: every function is stated in integers, so that no two machines differ.

mod arrange;
mod round;
mod softmax;

use crate::{
    Error,
    ids::Name,
    operation::{Setting, Settings},
    value::{Dtype, TensorType, Type},
    work::{Work, does},
};

/// A function of the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glue {
    /// Index of the greatest element; the lowest index among equals. FORMAT.md §7.1.
    Argmax,
    /// Tensors one after the other along `axis`. FORMAT.md §7.2.
    Concat,
    /// The same numbers on another scale, in another element type. FORMAT.md §7.3.
    Rescale,
    /// Probabilities along the last dimension, in units of 2^-30. FORMAT.md §7.4.
    Softmax,
    /// 1 where an element is at least `at`, else 0. FORMAT.md §7.5.
    Threshold,
    /// Indices of the `k` greatest elements, greatest first. FORMAT.md §7.6.
    TopK,
}

impl Glue {
    /// All functions, in alphabetical order of their names.
    pub const ALL: [Self; 6] =
        [Self::Argmax, Self::Concat, Self::Rescale, Self::Softmax, Self::Threshold, Self::TopK];

    /// The name in the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Argmax => "argmax",
            Self::Concat => "concat",
            Self::Rescale => "rescale",
            Self::Softmax => "softmax",
            Self::Threshold => "threshold",
            Self::TopK => "top-k",
        }
    }

    /// The name, as operations carry it.
    pub fn id(self) -> Name {
        Name::new(self.name()).expect("every function's name is in the grammar")
    }

    /// The function of this name.
    pub fn named(name: &Name) -> Result<Self, Error> {
        let mut all = Self::ALL.into_iter();
        let found = all.find(|glue| glue.name() == name.as_str());
        found.ok_or_else(|| Error::GlueUnknown { found: name.clone() })
    }

    /// Type of the output for inputs of these types. Errors: types or settings that the function
    /// does not take.
    pub fn output_type(self, settings: &Settings, inputs: &[&Type]) -> Result<Type, Error> {
        Ok(Type::Tensor(Call::read(self, settings, inputs)?.output))
    }

    /// Executes the function on values of these types.
    pub fn run(self, settings: &Settings, inputs: &[(&Type, &[u8])]) -> Result<Vec<u8>, Error> {
        let kinds: Vec<_> = inputs.iter().map(|(kind, _)| *kind).collect();
        let call = Call::read(self, settings, &kinds)?;
        let mut integers = Vec::new();
        for (kind, (_, bytes)) in call.inputs.iter().zip(inputs) {
            does(Work::Element, kind.elements());
            integers.push(kind.integers(bytes)?);
        }
        call.output.bytes_of(&call.run(&integers))
    }
}

/// A function with its settings and types read.
struct Call<'a> {
    function: Function,
    inputs: Vec<&'a TensorType>,
    output: TensorType,
}

enum Function {
    Argmax,
    /// The axis.
    Concat(usize),
    /// Scale of the output minus that of the input.
    Rescale(i32),
    Softmax,
    /// The least element that counts.
    Threshold(i64),
    /// How many.
    TopK(usize),
}

impl<'a> Call<'a> {
    fn read(glue: Glue, settings: &Settings, inputs: &[&'a Type]) -> Result<Self, Error> {
        let mut tensors = Vec::new();
        for kind in inputs {
            match kind {
                Type::Tensor(tensor) if tensor.dtype() != Dtype::F32 => tensors.push(tensor),
                _ => return refuse("glue takes tensors of integers"),
            }
        }
        let [first, rest @ ..] = tensors.as_slice() else { return refuse("glue takes a tensor") };
        if glue != Glue::Concat && !rest.is_empty() {
            return refuse("only concat takes more than one tensor");
        }
        let mut settings = Given(settings.clone());
        let (function, output) = match glue {
            Glue::Argmax => (Function::Argmax, TensorType::new(Dtype::I32, &[1], 0)?),
            Glue::Concat => {
                let axis = settings.integer("axis")?;
                let axis = usize::try_from(axis).unwrap_or(usize::MAX);
                (Function::Concat(axis), arrange::concat_type(axis, first, rest)?)
            }
            Glue::Rescale => {
                let dtype = settings.dtype()?;
                let scale = i8::try_from(settings.integer("scale")?);
                let Ok(scale) = scale else { return refuse("scale is from -64 to 64") };
                let output = TensorType::new(dtype, first.shape(), scale)?;
                let up = i32::from(scale).saturating_sub(i32::from(first.scale()));
                (Function::Rescale(up), output)
            }
            Glue::Softmax => {
                let output = TensorType::new(Dtype::I32, first.shape(), softmax::SCALE)?;
                (Function::Softmax, output)
            }
            Glue::Threshold => {
                let at = settings.integer("at")?;
                (Function::Threshold(at), TensorType::new(Dtype::U8, first.shape(), 0)?)
            }
            Glue::TopK => {
                let k = u32::try_from(settings.integer("k")?).unwrap_or(0);
                let count = usize::try_from(k).unwrap_or(0);
                if count == 0 || count > first.elements() {
                    return refuse("k is from 1 to the number of elements");
                }
                (Function::TopK(count), TensorType::new(Dtype::I32, &[k], 0)?)
            }
        };
        settings.finish()?;
        Ok(Self { function, inputs: tensors, output })
    }

    /// The integers of the output, from those of the inputs.
    fn run(&self, inputs: &[Vec<i64>]) -> Vec<i64> {
        let (Some(first), Some(kind)) = (inputs.first(), self.inputs.first()) else {
            return Vec::new();
        };
        match self.function {
            Function::Argmax => arrange::index_of_greatest(first),
            Function::Concat(axis) => arrange::concat(axis, &self.inputs, inputs),
            Function::Rescale(up) => {
                let (low, high) = self.output.dtype().range().unwrap_or_default();
                first.iter().map(|x| round::rescale(*x, up).clamp(low, high)).collect()
            }
            Function::Softmax => softmax::softmax(first, kind),
            Function::Threshold(at) => first.iter().map(|x| i64::from(*x >= at)).collect(),
            Function::TopK(k) => arrange::greatest(first, k),
        }
    }
}

/// Settings, taken one by one; one that is left over is refused.
struct Given(Settings);

impl Given {
    fn take(&mut self, name: &str) -> Option<Setting> {
        self.0.remove(&Name::new(name).ok()?)
    }

    fn integer(&mut self, name: &'static str) -> Result<i64, Error> {
        match self.take(name) {
            Some(Setting::Int(integer)) => Ok(integer),
            _ => refuse(
                "it wants a whole number: axis of concat, scale of rescale, at of threshold, k of top-k",
            ),
        }
    }

    fn dtype(&mut self) -> Result<Dtype, Error> {
        let Some(Setting::Text(text)) = self.take("dtype") else {
            return refuse("rescale wants dtype: i8, i16, i32 or u8");
        };
        let known = [Dtype::I8, Dtype::I16, Dtype::I32, Dtype::U8];
        let found = known.into_iter().find(|dtype| dtype.name() == text);
        found.map_or_else(|| refuse("rescale wants dtype: i8, i16, i32 or u8"), Ok)
    }

    fn finish(self) -> Result<(), Error> {
        match self.0.is_empty() {
            true => Ok(()),
            false => refuse("it has a setting that the function does not take"),
        }
    }
}

fn refuse<T>(why: &'static str) -> Result<T, Error> {
    Err(Error::GlueArguments { why })
}

#[cfg(test)]
mod tests;
