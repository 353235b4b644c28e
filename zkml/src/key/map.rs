//! A file as memory: the one place in this crate where the compiler cannot see that all is well.
#![allow(unsafe_code)]

use std::{fs::File, io};

use memmap2::Mmap;

/// The bytes of a file, read when they are first used.
pub(crate) struct Mapped(Mmap);

impl Mapped {
    /// Maps a whole file.
    pub(super) fn file(file: &File) -> io::Result<Self> {
        // SAFETY: the bytes must not change while they are borrowed. We write key files beside their
        // place and rename them, and never change one that is there, so the file behind this mapping
        // stays what it was even where a new key takes its name. Someone else who writes into the very
        // file makes bytes change under plain reads of integers, in which every value is valid: the
        // proof made from them does not verify, and does not leave. Who cuts it short ends this process.
        unsafe { Mmap::map(file) }.map(Self)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
