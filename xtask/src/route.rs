//! Three ways to a compiler for wasm32, in order of preference.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result, bail};

use crate::run;

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// Where the standard library for wasm32 comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// Debian's compiler builds the standard library from its own source package.
    Debian,
    /// It is there.
    Installed,
    /// rustup has just fetched it.
    Rustup,
}

impl Route {
    pub(crate) fn named(name: &str) -> Result<Self> {
        Ok(match name {
            "debian" => Self::Debian,
            "installed" => Self::Installed,
            "rustup" => Self::Rustup,
            _ => bail!("no route is named {name}"),
        })
    }

    /// The first that works here.
    pub(crate) fn find() -> Result<Self> {
        let mut routes = [Self::Installed, Self::Rustup, Self::Debian].into_iter();
        routes.find(|route| route.prepare()).with_context(|| {
            format!(
                "no compiler for {TARGET}: run `rustup target add {TARGET}`, or, on Debian, `apt-get install {}`",
                DEBIAN_PACKAGES.join(" ")
            )
        })
    }

    /// Fetches what the route needs; false where it cannot be had.
    pub(crate) fn prepare(self) -> bool {
        match self {
            Self::Debian => debian_lacks().is_none() || debian_install(),
            Self::Installed => installed(),
            Self::Rustup => rustup() && installed(),
        }
    }

    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::Debian => "Debian's rustc-web builds the standard library for wasm32",
            Self::Installed => "the installed target wasm32-unknown-unknown",
            Self::Rustup => "the target wasm32-unknown-unknown, just added with rustup",
        }
    }

    /// Compiles the binding; returns where the module is.
    pub(crate) fn build(self, root: &Path, target: &Path) -> Result<PathBuf> {
        let mut command = match self {
            Self::Debian => debian_cargo(target)?,
            Self::Installed | Self::Rustup => {
                let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
                command.env("CARGO_TARGET_DIR", target);
                command
            }
        };
        let package = ["-p", "assay-verifier-wasm", "--lib", "--target", TARGET];
        command
            .current_dir(root)
            .args(["build", "--locked", "--profile", "wasm"])
            .args(package)
            .env("CARGO_ENCODED_RUSTFLAGS", remapped()?);
        if self == Self::Debian {
            command.args(["-Z", "build-std=std,panic_abort"]);
        }
        run(&mut command)?;
        let target = self.target(target);
        Ok(target.join(TARGET).join("wasm").join("assay_verifier_wasm.wasm"))
    }

    /// Another compiler gets a folder of its own: the two would rebuild each other's work.
    fn target(self, target: &Path) -> PathBuf {
        match self {
            Self::Debian => target.join("debian"),
            Self::Installed | Self::Rustup => target.to_owned(),
        }
    }
}

/// Panics name source files; they must not name this machine's folders, nor differ between machines.
/// The workspace's own are relative already, and its place must not make another clone build anew.
fn remapped() -> Result<String> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")));
    let home = home.context("neither CARGO_HOME nor HOME is set")?;
    let pairs = [(home.as_path(), "/cargo"), (Path::new("/usr/src"), "/rust")];
    let flags = pairs.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()));
    Ok(flags.join("\u{1f}"))
}

fn installed() -> bool {
    let ask = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let Some(folder) = ask.ok().and_then(|output| String::from_utf8(output.stdout).ok()) else {
        return false;
    };
    let files = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    files.into_iter().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
}

fn rustup() -> bool {
    println!("wasm: rustup target add {TARGET}");
    succeeds(Command::new("rustup").args(["target", "add", TARGET]))
}

/// What Debian's route needs and does not find.
fn debian_lacks() -> Option<&'static str> {
    ["/usr/bin/cargo", "/usr/bin/rustc", "/usr/bin/wasm-ld-19"]
        .into_iter()
        .find(|path| !Path::new(path).exists())
        .or_else(|| debian_source().is_none().then_some("the standard library's source"))
}

/// The standard library's source, where Debian's compiler looks for it.
fn debian_source() -> Option<PathBuf> {
    let ask = Command::new("/usr/bin/rustc").args(["--print", "sysroot"]).output().ok()?;
    let sysroot = String::from_utf8(ask.stdout).ok()?;
    let source = Path::new(sysroot.trim()).join("lib/rustlib/src/rust/library/std");
    source.exists().then_some(source)
}

fn debian_install() -> bool {
    println!("wasm: apt-get install {}", DEBIAN_PACKAGES.join(" "));
    let apt = |arguments: &[&str]| {
        succeeds(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let install = [&["install", "-y", "-q"][..], &DEBIAN_PACKAGES].concat();
    // What an old list of packages offers is an old compiler.
    apt(&["update", "-q"]) && apt(&install) && debian_lacks().is_none()
}

fn debian_cargo(target: &Path) -> Result<Command> {
    // rustup's proxies must not answer for the compiler, nor its variables and libraries reach it.
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(["/usr/bin".into()].into_iter().chain(env::split_paths(&path)))?;
    let mut command = Command::new("/usr/bin/cargo");
    let foreign = ["CARGO", "LD_LIBRARY_PATH", "RUSTC_WRAPPER", "RUSTFLAGS", "RUSTUP_TOOLCHAIN"];
    for name in foreign {
        command.env_remove(name);
    }
    command
        .env("PATH", path)
        .env("RUSTC", "/usr/bin/rustc")
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", "wasm-ld-19")
        .env("CARGO_TARGET_DIR", Route::Debian.target(target));
    Ok(command)
}

fn succeeds(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).status().is_ok_and(|status| status.success())
}
