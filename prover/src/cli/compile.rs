//! `compile`: from an ONNX model to the folder that `setup` and `prove` take.

use assay_zkml::compile;

use super::{Outcome, args::CompileArgs, read};
use crate::{error::Error, folder::Folder};

/// Compiles with a manifest that is there, and says what proving will take.
pub(super) fn run(args: &CompileArgs) -> Result<Outcome, Error> {
    let (onnx, manifest) = (read(&args.model)?, read(&args.manifest)?);
    let compiled = compile(&onnx, &manifest)?;
    println!("{}", compiled.estimate());
    Folder::write(&args.output, &onnx, &manifest, &compiled)?;
    println!("{}: circuit {}", args.output.display(), compiled.circuit());
    Ok(Outcome::Accepted)
}
