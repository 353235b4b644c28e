//! In an enclave, a panic anywhere ends the process, and with it the machine: a service whose worker,
//! upgrade or engine is gone would go on answering, and half-work.

use std::{panic, process};

/// Has every panic of this process, in whatever thread, end it, after it was reported.
pub fn abort_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |panicked| {
        report(panicked);
        process::abort();
    }));
}
