//! `quantize`: from an ONNX model to the manifest that its circuit is compiled with.

use assay_verifier::value::{Dtype, TensorType};
use assay_zkml::{InputType, Options, WeightScales, compile, quantize};

use super::{Outcome, args::QuantizeArgs, read, write};
use crate::error::Error;

/// Writes the manifest, and says what proving will take.
pub(super) fn run(args: &QuantizeArgs) -> Result<Outcome, Error> {
    let onnx = read(&args.model)?;
    let options = Options {
        weight_bits: args.weight_bits,
        weight_scales: match args.per_channel {
            true => WeightScales::PerChannel,
            false => WeightScales::PerMap,
        },
        activation_bits: args.activation_bits,
        public: &args.public,
        ..Options::new(args.inputs.clone())
    };
    let manifest = quantize(&onnx, &options)?.to_bytes();
    let compiled = compile(&onnx, &manifest)?;
    write(&args.output, &manifest)?;
    say!("{}: circuit {}", args.output.display(), compiled.circuit());
    for kind in compiled.program().output_types() {
        say!("gives {kind}");
    }
    say!("{}", compiled.estimate());
    Ok(Outcome::Accepted)
}

/// `DTYPE:SHAPE:SCALE` or `DTYPE:SHAPE:SCALE:LOW..HIGH`, such as `i8:1x48:-4:0..127`.
pub(super) fn input(text: &str) -> Result<InputType, String> {
    const EXPECTED: &str = "expected DTYPE:SHAPE:SCALE[:LOW..HIGH], such as i8:1x48:-4:0..127";
    let parts: Vec<_> = text.split(':').collect();
    let (dtype, shape, scale, range) = match parts.as_slice() {
        [dtype, shape, scale] => (dtype, shape, scale, None),
        [dtype, shape, scale, range] => (dtype, shape, scale, Some(range)),
        _ => return Err(EXPECTED.to_owned()),
    };
    let dtypes = [Dtype::I8, Dtype::I16, Dtype::I32];
    let dtype = dtypes.into_iter().find(|known| known.name() == *dtype).ok_or(EXPECTED)?;
    let shape = shape.split('x').map(str::parse).collect::<Result<Vec<u32>, _>>();
    let scale = scale.parse().map_err(|_| EXPECTED)?;
    let shape = shape.map_err(|_| EXPECTED)?;
    let kind = TensorType::new(dtype, &shape, scale).map_err(|error| error.to_string())?;
    let Some(range) = range else { return Ok(InputType::full(kind)) };
    let (low, high) = range.split_once("..").ok_or(EXPECTED)?;
    let bound = |text: &str| text.parse::<i64>().map_err(|_| EXPECTED.to_owned());
    Ok(InputType { kind, range: (bound(low)?, bound(high)?) })
}
