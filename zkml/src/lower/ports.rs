//! The step's inputs and outputs: types, ranges and scales.

use assay_verifier::value::{TensorType, Type};

use super::Lowering;
use crate::{
    Error, graph, manifest,
    program::{Input, Interval, Output, shift_bits, shift_right},
};

impl Lowering<'_> {
    pub(super) fn inputs(&mut self, inputs: &[manifest::Input]) -> Result<(), Error> {
        let ports = self.graph.inputs();
        if ports.len() != inputs.len() {
            return Err(Error::InputCount { expected: ports.len(), found: inputs.len() });
        }
        for (port, input) in ports.iter().zip(inputs) {
            let refuse = |expected: String, found: String| {
                Err(Error::InputType { input: port.name.clone(), expected, found })
            };
            if port.name != input.name {
                return refuse(format!("named {}", port.name), input.name.clone());
            }
            let Some(kind) = input.kind.tensor() else {
                return refuse("a tensor".to_owned(), input.kind.to_string());
            };
            let full = kind.dtype().slot_bits().and(kind.dtype().range());
            let Some((low, high)) = full else {
                return refuse("i8, i16 or i32".to_owned(), kind.to_string());
            };
            let shape: Vec<_> = kind.shape().iter().map(|dim| *dim as usize).collect();
            if shape != port.shape {
                return refuse(format!("of shape {:?}", port.shape), kind.to_string());
            }
            if low > input.low || input.low > input.high || input.high > high {
                let found = format!("{} to {}", input.low, input.high);
                return refuse(format!("in a range within {low} to {high}"), found);
            }
            let range = Interval::new(&port.name, input.low.into(), input.high.into())?;
            let kind = kind.clone();
            let (name, visibility) = (port.name.clone(), input.visibility);
            self.program.inputs.push(Input { name, kind, range, visibility });
        }
        Ok(())
    }

    pub(super) fn output(&mut self, port: &graph::Port) -> Result<(), Error> {
        let node = self.values[port.node];
        let (name, scale) = (port.name.as_str(), self.scales[node]);
        let site = self.site(name, port.node, node, false, None);
        let (dtype, shift, visibility) = self.decide.output(&site)?;
        shift_bits(name, site.bounds, shift)?;
        let after = site.bounds.map(|value| shift_right(value, shift));
        let full = dtype.slot_bits().and(dtype.range());
        let Some((low, high)) = full else {
            let expected = "i8, i16 or i32";
            let found = dtype.name().to_owned();
            return Err(Error::Options { option: "the output's element type", expected, found });
        };
        if after.low() < low || after.high() > high {
            return Err(Error::ManifestMismatch {
                what: format!("output {name}"),
                expected: format!("{} to {} at most", dtype.name(), high),
                found: format!("{} to {} in the worst case", after.low(), after.high()),
            });
        }
        let scale = scale + shift.cast_signed();
        let scale = i8::try_from(scale).map_err(|_| Error::ManifestMismatch {
            what: format!("scale of output {name}"),
            expected: format!("within ±{}", TensorType::MAX_SCALE),
            found: scale.to_string(),
        })?;
        let dim = |dim: &usize| u32::try_from(*dim).unwrap_or(u32::MAX);
        let kind = TensorType::new(dtype, &port.shape.iter().map(dim).collect::<Vec<_>>(), scale)?;
        let whole = Type::Tensor(kind.clone());
        let name = name.to_owned();
        let output = manifest::Output { name: name.clone(), kind: whole, shift, visibility };
        self.manifest.outputs.push(output);
        self.program.outputs.push(Output { name, kind, node, shift, visibility });
        Ok(())
    }
}
