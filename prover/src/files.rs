//! Files that are written whole or not at all, folders for their owner alone, locks between processes.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

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

/// Makes a folder for its owner alone. One that is there is made so where it holds a key of ours; of any
/// other it is said that others may look into it.
pub(crate) fn private_folder(path: &Path) -> Result<(), Error> {
    let fail =
        |error: std::io::Error| Error::Unwritable { path: path.to_owned(), why: error.to_string() };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(fail)?;
    let mode = fs::metadata(path).map_err(fail)?.permissions().mode() & 0o777;
    if mode & 0o077 == 0 {
        return Ok(());
    }
    if path.join("witness.key").exists() {
        return fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(fail);
    }
    tracing::warn!(folder = %path.display(), mode = format!("{mode:o}"), "others may look into this folder: chmod 700");
    Ok(())
}

/// Waits until no other process holds the lock `path`, and holds it until what is given back is dropped,
/// however the process ends.
pub(crate) fn locked(path: &Path) -> Result<fs::File, Error> {
    let fail =
        |error: std::io::Error| Error::Unwritable { path: path.to_owned(), why: error.to_string() };
    let mut options = fs::OpenOptions::new();
    let file = options.create(true).append(true).mode(0o600).open(path).map_err(fail)?;
    file.lock().map_err(fail)?;
    Ok(file)
}
