//! The image file, read by ourselves: its sections, and the registers that follow from them.
//!
//! Header of 548 bytes: magic, version and flags (2 + 2), memory (8), processors (8), reserved (2), number
//! of sections (2), their offsets and sizes (32 × 8 each), reserved (4), CRC-32 (4). A section: type (2),
//! flags (2), size (8), content. All big-endian.

use std::collections::BTreeMap;

use anyhow::{Result, bail, ensure};
use sha2::{Digest as _, Sha384};

/// An image's sections.
pub(crate) struct Image<'a> {
    sections: Vec<(Section, &'a [u8])>,
}

/// What a section is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    Kernel,
    CommandLine,
    Ramdisk,
    Signature,
    Metadata,
}

impl<'a> Image<'a> {
    /// Reads the sections. Whatever is not where the header says it is, is an error.
    pub(crate) fn parse(file: &'a [u8]) -> Result<Self> {
        ensure!(
            file.get(..4) == Some(b".eif"),
            "not an enclave image: it does not begin with .eif"
        );
        let count = usize::from(u16::from_be_bytes(array(file, 26)?));
        ensure!((3..=MOST_SECTIONS).contains(&count), "{count} sections");
        let mut sections = Vec::new();
        for index in 0..count {
            let offset = usize::try_from(u64::from_be_bytes(array(file, 28 + 8 * index)?))?;
            let listed = u64::from_be_bytes(array(file, 28 + 8 * (MOST_SECTIONS + index))?);
            let kind = match u16::from_be_bytes(array(file, offset)?) {
                1 => Section::Kernel,
                2 => Section::CommandLine,
                3 => Section::Ramdisk,
                4 => Section::Signature,
                5 => Section::Metadata,
                other => bail!("section {index} has the unknown type {other}"),
            };
            let size = u64::from_be_bytes(array(file, offset.saturating_add(4))?);
            ensure!(size == listed, "section {index} has {size} bytes, the header says {listed}");
            let begin = offset.saturating_add(12);
            let end = begin.saturating_add(usize::try_from(size)?);
            let Some(content) = file.get(begin..end) else {
                bail!("section {index} ends outside of the file");
            };
            sections.push((kind, content));
        }
        Ok(Self { sections })
    }

    /// The ramdisks' archives, in their order.
    pub(crate) fn ramdisks(&self) -> impl Iterator<Item = &'a [u8]> {
        let ramdisks = self.sections.iter().filter(|(kind, _)| *kind == Section::Ramdisk);
        ramdisks.map(|(_, content)| *content)
    }

    /// The registers that an enclave of this image has, by name, in hexadecimal: PCR0 over kernel,
    /// command line and all ramdisks; PCR1 the same with the first ramdisk only; PCR2 the other ramdisks.
    pub(crate) fn registers(&self) -> BTreeMap<String, String> {
        let (mut whole, mut boot, mut application) = (Sha384::new(), Sha384::new(), Sha384::new());
        let of = |wanted| self.sections.iter().filter(move |(kind, _)| *kind == wanted);
        for (_, content) in of(Section::Kernel).chain(of(Section::CommandLine)) {
            whole.update(content);
            boot.update(content);
        }
        for (index, (_, content)) in of(Section::Ramdisk).enumerate() {
            whole.update(content);
            if index == 0 { &mut boot } else { &mut application }.update(content);
        }
        let names = ["PCR0", "PCR1", "PCR2"];
        let registers = names.into_iter().zip([whole, boot, application]);
        registers.map(|(name, hash)| (name.to_owned(), extended(&hash.finalize()))).collect()
    }
}

/// A register that was zero, extended by `digest`.
pub(crate) fn extended(digest: &[u8]) -> String {
    hex::encode(Sha384::new().chain_update([0; 48]).chain_update(digest).finalize())
}

fn array<const N: usize>(file: &[u8], at: usize) -> Result<[u8; N]> {
    match file.get(at..at.saturating_add(N)).map(TryInto::try_into) {
        Some(Ok(bytes)) => Ok(bytes),
        _ => bail!("the file ends at {} bytes, within its header", file.len()),
    }
}

const MOST_SECTIONS: usize = 32;
