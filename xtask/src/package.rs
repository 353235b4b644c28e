//! From the compiled module to `verifier-wasm/dist/`.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use flate2::{Compression, write::GzEncoder};
use wasm_bindgen_cli_support::Bindgen;

use crate::run;

/// Most bytes of the module, gzipped: what a page that verifies has to load.
const GZIP_BUDGET: usize = 384 * 1024;

/// What wasm-bindgen calls its two files.
const GLUE: &str = "assay_verifier.js";
const MODULE: &str = "assay_verifier_bg.wasm";

/// Written by hand.
const SCRIPTS: [&str; 10] = [
    "error.js",
    "index.d.ts",
    "index.js",
    "openai-bytes.js",
    "openai-error.js",
    "openai-questions.js",
    "openai-stream.js",
    "openai.d.ts",
    "openai.js",
    "reject-code.d.ts",
];

/// Features that every browser since 2021, and Node 20, has; the compiler uses no others.
const FEATURES: [&str; 5] = [
    "--enable-bulk-memory",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
];

/// Writes the package beside its sources, whole or not at all.
pub(crate) fn write(root: &Path, work: &Path, built: &Path) -> Result<()> {
    let part = work.join("part");
    if part.exists() {
        fs::remove_dir_all(&part)?;
    }
    fs::create_dir_all(&part)?;
    Bindgen::new()
        .input_path(built)
        .out_name("assay_verifier")
        .web(true)?
        .typescript(false)
        .omit_default_module_path(true)
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(&part)
        .context("wasm-bindgen")?;
    optimise(root, work, &part.join(MODULE))?;
    let sources = root.join("verifier-wasm/js");
    for name in SCRIPTS {
        fs::copy(sources.join(name), part.join(name)).with_context(|| name.to_owned())?;
    }
    fs::copy(root.join("verifier-wasm/README.md"), part.join("README.md"))?;
    fs::copy(root.join("verifier/policy.schema.json"), part.join("policy.schema.json"))?;
    let manifest = fs::read_to_string(sources.join("package.json"))?;
    let version = format!("\"version\": \"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(part.join("package.json"), manifest.replace("\"version\": \"0.0.0\"", &version))?;
    let (bytes, zipped) = sizes(&part.join(MODULE))?;
    let glue = fs::metadata(part.join(GLUE))?.len() + fs::metadata(part.join("index.js"))?.len();
    println!("wasm: {bytes} bytes, {zipped} gzipped (at most {GZIP_BUDGET}); scripts {glue} bytes");
    ensure!(zipped <= GZIP_BUDGET, "the module is over its budget of {GZIP_BUDGET} bytes gzipped");
    let dist = root.join("verifier-wasm/dist");
    if dist.exists() {
        fs::remove_dir_all(&dist)?;
    }
    copy_folder(&part, &dist)?;
    println!("wasm: verifier-wasm/dist");
    Ok(())
}

/// `wasm-opt`, unless the same module was optimised the last time.
fn optimise(root: &Path, work: &Path, module: &Path) -> Result<()> {
    let (before, after) = (work.join("before.wasm"), work.join("after.wasm"));
    let same = fs::read(&before).is_ok_and(|old| fs::read(module).is_ok_and(|new| old == new));
    if !same || !after.exists() {
        let tool = root.join("node_modules/binaryen/bin/wasm-opt");
        ensure!(tool.exists(), "wasm-opt is missing: run `npm ci`");
        let part = work.join("after.part");
        println!("wasm: wasm-opt");
        let arguments = ["-Os", "--strip-producers"];
        run(Command::new("node")
            .arg(&tool)
            .args(arguments)
            .args(FEATURES)
            .arg(module)
            .arg("-o")
            .arg(&part))?;
        fs::copy(module, &before)?;
        fs::rename(&part, &after)?;
    }
    fs::copy(&after, module)?;
    Ok(())
}

fn sizes(module: &Path) -> Result<(usize, usize)> {
    let bytes = fs::read(module)?;
    let mut zipped = GzEncoder::new(Vec::new(), Compression::best());
    zipped.write_all(&bytes)?;
    Ok((bytes.len(), zipped.finish()?.len()))
}

fn copy_folder(from: &Path, to: &PathBuf) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}
