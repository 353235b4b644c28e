//! Glue: cheap deterministic integer functions that the verifier executes itself (FORMAT.md §7).

use crate::{
    Error,
    ids::Name,
    operation::Settings,
    value::{Dtype, TensorType, Type},
};

/// A function of the closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glue {
    /// Index of the greatest element; the lowest index among equals. FORMAT.md §7.1.
    Argmax,
}

impl Glue {
    /// The function of this name.
    pub fn named(name: &Name) -> Result<Self, Error> {
        match name.as_str() {
            "argmax" => Ok(Self::Argmax),
            _ => Err(Error::GlueUnknown { found: name.clone() }),
        }
    }

    /// Type of the output for inputs of these types. Errors: types or settings that the function
    /// does not take.
    pub fn output_type(self, settings: &Settings, inputs: &[&Type]) -> Result<Type, Error> {
        let refuse = |why| Err(Error::GlueArguments { why });
        match self {
            Self::Argmax => {
                if !settings.is_empty() {
                    return refuse("argmax has no settings");
                }
                let [Type::Tensor(tensor)] = inputs else {
                    return refuse("argmax takes one tensor");
                };
                if tensor.dtype() == Dtype::F32 {
                    return refuse("argmax takes integers");
                }
                TensorType::new(Dtype::I32, &[1], 0).map(Type::Tensor)
            }
        }
    }

    /// Executes the function on values of these types.
    pub fn run(self, settings: &Settings, inputs: &[(&Type, &[u8])]) -> Result<Vec<u8>, Error> {
        let kinds: Vec<_> = inputs.iter().map(|(kind, _)| *kind).collect();
        let output = self.output_type(settings, &kinds)?;
        match (self, inputs, &output) {
            (Self::Argmax, [(Type::Tensor(tensor), bytes)], Type::Tensor(output)) => {
                let integers = tensor.integers(bytes)?;
                let mut best: Option<(i64, i64)> = None;
                for (index, integer) in (0i64..).zip(integers) {
                    if best.is_none_or(|(_, greatest)| integer > greatest) {
                        best = Some((index, integer));
                    }
                }
                let (index, _) =
                    best.ok_or(Error::GlueArguments { why: "argmax takes a tensor" })?;
                output.bytes_of(&[index])
            }
            _ => Err(Error::GlueArguments { why: "argmax takes one tensor" }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argmax(dtype: Dtype, integers: &[i64]) -> Result<Vec<u8>, Error> {
        let tensor = TensorType::new(dtype, &[1, integers.len() as u32], 0).unwrap();
        let bytes = tensor.bytes_of(integers).unwrap();
        Glue::Argmax.run(&Settings::new(), &[(&Type::Tensor(tensor), &bytes)])
    }

    #[test]
    fn argmax_takes_the_lowest_index_among_equals() {
        let index = |index: i32| Ok(index.to_le_bytes().to_vec());
        assert_eq!(argmax(Dtype::I8, &[-5, -3, -4]), index(1));
        assert_eq!(argmax(Dtype::I32, &[7, 9, 9, 2]), index(1));
        assert_eq!(argmax(Dtype::U8, &[0, 0, 0]), index(0));
        assert_eq!(argmax(Dtype::I16, &[-0x8000, 0x7fff]), index(1));
    }

    #[test]
    fn arguments_that_do_not_fit_are_refused() {
        let float = Type::Tensor(TensorType::new(Dtype::F32, &[1], 0).unwrap());
        let refused = |result| matches!(result, Err(Error::GlueArguments { .. }));
        assert!(refused(Glue::Argmax.run(&Settings::new(), &[(&float, &[0; 4])])));
        assert!(refused(Glue::Argmax.run(&Settings::new(), &[])));
        let settings = [(Name::new("k").unwrap(), crate::operation::Setting::Int(1))].into();
        let small = Type::Tensor(TensorType::new(Dtype::I8, &[1], 0).unwrap());
        assert!(refused(Glue::Argmax.run(&settings, &[(&small, &[0])])));
        let unknown = Name::new("median").unwrap();
        assert_eq!(Glue::named(&unknown), Err(Error::GlueUnknown { found: unknown }));
    }
}
