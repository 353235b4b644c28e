//! `assay`: receipts for AI. Nothing in it refers to libtorch.

use std::process::ExitCode;

fn main() -> ExitCode {
    assay_prover::cli::main(std::env::args_os().collect())
}
