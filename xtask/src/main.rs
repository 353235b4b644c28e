//! Builds the npm package of the verifier: `cargo run -p xtask -- wasm`.
//!
//! Rust to WebAssembly (see [`route`]), wasm-bindgen as a library, `wasm-opt`, and the hand-written
//! JavaScript beside them: `verifier-wasm/dist/`.

mod package;
mod route;

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail, ensure};

use route::Route;

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let route = match arguments.as_slice() {
        ["wasm"] => None,
        ["wasm", "--route", name] => Some(Route::named(name)?),
        _ => bail!("usage: xtask wasm [--route installed|rustup|debian]"),
    };
    let root = root()?;
    let target = env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), |dir| root.join(dir));
    let route = match route {
        Some(route) => {
            ensure!(route.prepare(), "this route is closed here: {}", route.says());
            route
        }
        None => Route::find()?,
    };
    println!("wasm: {}", route.says());
    let built = route.build(&root, &target)?;
    package::write(&root, &target.join("wasm-package"), &built)
}

/// The workspace: cargo says where, each time, since a built tool may be run from another clone.
fn root() -> Result<PathBuf> {
    let own = env::var_os("CARGO_MANIFEST_DIR").context("run it with `cargo run -p xtask`")?;
    let root = Path::new(&own).parent().context("xtask lies in the workspace")?;
    Ok(root.to_owned())
}

/// Runs a program and wants success.
fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
