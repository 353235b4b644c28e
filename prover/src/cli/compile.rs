//! `compile`: from an ONNX model to the folder that `setup` and `prove` take.

use assay_verifier::value::{Dtype, TensorType};
use assay_zkml::{Graph, InputType, Options, compile, quantize};

use super::{Outcome, args::CompileArgs, read};
use crate::{error::Error, folder::Folder};

/// Compiles, and says what proving will take before anything slow is done.
pub(super) fn run(args: &CompileArgs) -> Result<Outcome, Error> {
    let onnx = read(&args.model)?;
    let manifest = match &args.manifest {
        Some(path) => read(path)?,
        None => quantize(&onnx, &Options::new(unit_inputs(&onnx)?))?.to_bytes(),
    };
    let compiled = compile(&onnx, &manifest)?;
    println!("{}", compiled.estimate());
    Folder::write(&args.output, &onnx, &manifest, &compiled)?;
    println!("{}: circuit {}", args.output.display(), compiled.circuit());
    Ok(Outcome::Accepted)
}

/// Inputs from 0 to 1, both included, in steps of 2^-6.
fn unit_inputs(onnx: &[u8]) -> Result<Vec<InputType>, Error> {
    let graph = Graph::from_onnx(onnx)?;
    let inputs = graph.input_shapes().map(|(name, shape)| {
        let shape = shape.iter().map(|dim| u32::try_from(*dim)).collect::<Result<Vec<_>, _>>();
        let shape = shape.map_err(|error| Error::Usage { why: format!("{name}: {error}") })?;
        Ok(InputType { kind: TensorType::new(Dtype::I8, &shape, -6)?, range: (0, 64) })
    });
    inputs.collect()
}
