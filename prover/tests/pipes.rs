//! The command line into pipes that nobody reads, and onto disks that are full.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

/// Runs `assay` with this for its output, in a folder with a file that is no attestation document.
fn run(
    folder: &Path,
    arguments: &[&str],
    output: impl Into<Stdio>,
    errors: impl Into<Stdio>,
) -> i32 {
    let status = Command::new(env!("CARGO_BIN_EXE_assay"))
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors)
        .status();
    status.unwrap().code().unwrap()
}

/// What is written to where nobody reads any more.
fn closed() -> std::io::PipeWriter {
    std::io::pipe().unwrap().1
}

#[test]
fn whoever_reads_no_further_changes_no_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("document"), "no document").unwrap();
    for (arguments, code) in [
        (&["worker", "--print-config", "--state", "state"][..], 0),
        (&["attestation", "inspect", "document"], 1),
        (&["inspect", "document"], 1),
        (&["inspect", "missing"], 2),
        (&["verify", "missing", "--policy", "missing"], 2),
        (&["--help"], 0),
        (&["--no-such-thing"], 2),
    ] {
        let found = run(folder.path(), arguments, Stdio::null(), Stdio::null());
        assert_eq!(found, code, "{arguments:?}");
        let found = run(folder.path(), arguments, closed(), closed());
        assert_eq!(found, code, "{arguments:?} into pipes that nobody reads");
    }
}

#[test]
fn what_could_not_be_written_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = ["worker", "--print-config", "--state", "state"];
    assert_eq!(run(folder.path(), &arguments, full, Stdio::null()), 2);
}
