//! `assay-image`: the enclave image's parts in, the image and its measurements out.
//!
//! Two ramdisks are packed by a writer of our own, because their bytes are measured; the image is packed
//! by AWS's library, and its registers are computed twice: by that library, and here from the finished
//! file. Whoever rebuilds the image compares with `compare`.

mod compare;
mod cpio;
mod eif;
mod measurements;
mod pack;

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::{measurements::Measurements, pack::Parts};

/// Packs and measures the enclave image.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Pack a folder as a ramdisk: sorted, owned by root, without times.
    Cpio {
        /// The folder.
        folder: PathBuf,
        /// The file to write.
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Pack the image; write it and what it measures.
    Pack(Parts),
    /// Print the registers of an image, computed here.
    Describe {
        /// The image.
        image: PathBuf,
    },
    /// Print mode and name of everything in an image's ramdisks.
    Files {
        /// The image.
        image: PathBuf,
    },
    /// Compare what was built (second) with what was published (first). Exit 0: equal registers; 1: other
    /// registers from equal inputs, the parts that differ are named; 3: other inputs, they are listed.
    Compare {
        /// Published measurements.
        published: PathBuf,
        /// Measurements of what was built here.
        built: PathBuf,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("assay-image: error: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match command {
        Command::Cpio { folder, output } => {
            let bytes = cpio::pack(&folder)?;
            write(&output, &bytes)?;
            println!("{}  {} bytes", output.display(), bytes.len());
        }
        Command::Pack(parts) => pack::pack(&parts)?,
        Command::Describe { image } => {
            let bytes = fs::read(&image).with_context(|| image.display().to_string())?;
            for (name, value) in eif::Image::parse(&bytes)?.registers() {
                println!("{name} {value}");
            }
        }
        Command::Files { image } => {
            let bytes = fs::read(&image).with_context(|| image.display().to_string())?;
            for archive in eif::Image::parse(&bytes)?.ramdisks() {
                for (name, mode) in cpio::contents(archive)? {
                    println!("{mode:06o} /{name}");
                }
            }
        }
        Command::Compare { published, built } => {
            let (published, built) = (Measurements::read(&published)?, Measurements::read(&built)?);
            let outcome = compare::compare(&published, &built);
            print!("{outcome}");
            return Ok(ExitCode::from(outcome.code()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a whole file, or nothing.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let part = path.with_extension("part");
    fs::write(&part, bytes).with_context(|| part.display().to_string())?;
    fs::rename(&part, path).with_context(|| path.display().to_string())
}
