//! `assay-engine`: the commands of `assay` that need libtorch.

use std::process::ExitCode;

fn main() -> ExitCode {
    assay_prover::cli::engine_main(std::env::args_os().collect())
}
