//! What people and pipes read. Whoever reads no further has seen enough: what is left is not written, and the exit
//! code is what it would have been.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
    sync::{Mutex, PoisonError},
};

use crate::error::Error;

/// A line to standard output.
macro_rules! say {
    () => { $crate::terminal::out(format_args!("\n")) };
    ($($text:tt)+) => { $crate::terminal::out(format_args!("{}\n", format_args!($($text)+))) };
}

/// Text to standard output, as it is.
macro_rules! put {
    ($($text:tt)+) => { $crate::terminal::out(format_args!($($text)+)) };
}

/// A line to standard error.
macro_rules! tell {
    () => { $crate::terminal::err(format_args!("\n")) };
    ($($text:tt)+) => { $crate::terminal::err(format_args!("{}\n", format_args!($($text)+))) };
}

/// Writes to standard output.
pub(crate) fn out(text: fmt::Arguments<'_>) {
    keep(io::stdout().lock().write_fmt(text));
}

/// Writes to standard error, for people; nothing depends on it.
pub(crate) fn err(text: fmt::Arguments<'_>) {
    let mut to = io::stderr().lock();
    let _ = to.write_fmt(text).and_then(|()| to.flush());
}

/// Whether all was written that anybody reads. Errors: what the system said of the first that was not.
pub(crate) fn written() -> Result<(), Error> {
    keep(io::stdout().lock().flush());
    let lost = LOST.lock().unwrap_or_else(PoisonError::into_inner).take();
    match lost {
        Some(why) => Err(Error::Unwritable { path: "standard output".into(), why }),
        None => Ok(()),
    }
}

/// Why something was not written.
static LOST: Mutex<Option<String>> = Mutex::new(None);

fn keep(written: io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() != ErrorKind::BrokenPipe {
        let mut lost = LOST.lock().unwrap_or_else(PoisonError::into_inner);
        lost.get_or_insert_with(|| error.to_string());
    }
}
