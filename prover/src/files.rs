//! Files that are written whole or not at all.

use std::{fs, io::Write as _, path::Path};

use crate::error::Error;

/// Writes through a temporary file in the same folder, so that a reader sees the old file or the
/// new one.
pub(crate) fn write_atomically(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let fail =
        |error: std::io::Error| Error::Unwritable { path: path.to_owned(), why: error.to_string() };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder).map_err(fail)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
    file.write_all(bytes).map_err(fail)?;
    file.as_file().sync_all().map_err(fail)?;
    file.persist(path).map_err(|error| fail(error.error))?;
    Ok(())
}
