//! `assay-engine`: the same commands, with libtorch in reach. Only this program is linked with it.

mod libtorch;
mod llm;

use std::process::ExitCode;

use libtorch::Libtorch;

fn main() -> ExitCode {
    assay_prover::cli::engine_main(std::env::args_os().collect(), &|| {
        Ok(Box::new(Libtorch::start()?))
    })
}
