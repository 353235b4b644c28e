//! Tells the linker where libtorch is, so that what was built runs with no variable set.

use std::{env, fs, path::Path};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Set by torch-sys, and absent where the feature `libtorch` is off.
    println!("cargo::rerun-if-env-changed=DEP_TCH_LIBTORCH_LIB");
    let Some(lib) = env::var_os("DEP_TCH_LIBTORCH_LIB") else {
        return;
    };
    // The enclave's image has its libraries at a place of its own, the same whoever builds it.
    println!("cargo::rerun-if-env-changed=ASSAY_LIBTORCH_RPATH");
    let link = Path::new(&lib);
    // The folder itself, not the link that `make` lays to it: binaries outlive the link.
    let lib = fs::canonicalize(link).unwrap_or_else(|error| {
        panic!("libtorch is not at {}: {error}; run `make libtorch`", link.display())
    });
    let run = env::var_os("ASSAY_LIBTORCH_RPATH").map_or_else(|| lib.clone(), Into::into);
    // The engine and the examples; `assay` and the library never refer to libtorch.
    for target in ["bin=assay-engine=", "examples="] {
        println!("cargo::rustc-link-arg-{target}-Wl,-rpath,{}", run.display());
        // libtorch_cpu.so needs libraries that lie beside it.
        println!("cargo::rustc-link-arg-{target}-Wl,-rpath-link,{}", lib.display());
    }
}
