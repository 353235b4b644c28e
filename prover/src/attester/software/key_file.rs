//! The root's key and certificate, in one file, so that they cannot come apart.

use std::{
    fs,
    io::{self, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use p384::ecdsa::SigningKey;
use zeroize::Zeroizing;

use super::certificates::{new_key, root_certificate};
use crate::attester::Error;

/// The root of one installation.
pub(super) struct RootKey {
    pub(super) key: SigningKey,
    pub(super) certificate: Vec<u8>,
}

impl RootKey {
    /// Reads `development-root.key` of `directory`; makes it, with mode 0600, if it is not there.
    /// Lays the certificate beside it as `development-root.der`, for policies to name.
    pub(super) fn open_or_make(directory: &Path, now: Duration) -> Result<Self, Error> {
        fs::create_dir_all(directory).map_err(at(directory))?;
        let path = directory.join("development-root.key");
        if !path.try_exists().map_err(at(&path))? {
            let key = new_key()?;
            // A clock that was ahead today may be set back tomorrow, and the root is to hold then, too.
            let certificate = root_certificate(&key, now.saturating_sub(EARLIER))?;
            let mut bytes = Zeroizing::new(key.to_bytes().to_vec());
            // Room for both at once: growing would leave a copy of the key behind.
            bytes.reserve_exact(certificate.len());
            bytes.extend_from_slice(&certificate);
            write_once(&path, &bytes, 0o600)?;
        }
        let root = Self::read(&path)?;
        let public = directory.join("development-root.der");
        if fs::read(&public).ok().as_deref() != Some(&root.certificate) {
            let temporary = write_beside(&public, &root.certificate, 0o644)?;
            fs::rename(&temporary, &public).map_err(at(&public))?;
        }
        Ok(root)
    }

    /// 48 bytes of key, big-endian, then the certificate in DER.
    fn read(path: &Path) -> Result<Self, Error> {
        let mode = fs::metadata(path).map_err(at(path))?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(Error::KeyFileOpen { path: path.into(), mode });
        }
        let bytes = Zeroizing::new(fs::read(path).map_err(at(path))?);
        let bad = || Error::KeyFile { path: path.into() };
        let (key, certificate) = bytes.split_at_checked(48).ok_or_else(bad)?;
        let key = SigningKey::from_slice(key).map_err(|_| bad())?;
        let point = key.verifying_key().to_sec1_point(false);
        let mut points = certificate.windows(point.as_bytes().len());
        if !points.any(|window| window == point.as_bytes()) {
            return Err(bad());
        }
        Ok(Self { key, certificate: certificate.into() })
    }
}

/// Writes a file that is whole or absent, and never replaces one: where another process was
/// first, its file stands.
fn write_once(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Error> {
    let temporary = write_beside(path, bytes, mode)?;
    let linked = fs::hard_link(&temporary, path);
    fs::remove_file(&temporary).map_err(at(&temporary))?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(at(path)(error)),
        _ => Ok(()),
    }
}

/// Writes a temporary file in the same directory, to the disk.
fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> Result<PathBuf, Error> {
    let mut number = [0; 8];
    getrandom::fill(&mut number).map_err(|_| Error::Randomness)?;
    let temporary = path.with_extension(format!("{}.tmp", hex::encode(number)));
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create_new(true).mode(mode).open(&temporary);
    file.and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    })
    .map_err(at(&temporary))?;
    Ok(temporary)
}

/// How long before it was made a root holds already.
const EARLIER: Duration = Duration::from_secs(30 * 24 * 3600);

fn at(path: &Path) -> impl FnOnce(io::Error) -> Error {
    move |error| Error::File { path: path.into(), error }
}
