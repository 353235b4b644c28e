//! A panic ends the process where it is to: seen from outside, in a child that is this test again.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    env,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    thread,
};

use assay_prover::serve::abort_on_panic;

const CHILD: &str = "ASSAY_TEST_PANICS";

#[test]
fn a_panic_in_any_thread_ends_the_process() {
    if let Ok(how) = env::var(CHILD) {
        if how == "abort" {
            abort_on_panic();
        }
        // What tokio and the job workers do with a task: the panic is caught, and the rest goes on.
        let _ = thread::spawn(|| panic!("a worker's")).join();
        std::process::exit(7);
    }
    for (how, code, signal) in [("go on", Some(7), None), ("abort", None, Some(6))] {
        let child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "a_panic_in_any_thread_ends_the_process", "--nocapture"])
            .env(CHILD, how)
            .stderr(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert_eq!((child.code(), child.signal()), (code, signal), "{how}");
    }
}
