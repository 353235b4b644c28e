//! Ramdisks: the `newc` archives that Linux unpacks at its start.
//!
//! The same tree gives the same bytes wherever and whenever it is packed: names in the order of their
//! bytes, root as owner, no times, inodes counted from 1, and of a file's mode only whether it may be
//! executed.

use std::{
    fs,
    os::unix::{ffi::OsStrExt as _, fs::PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

/// The archive of everything below `root`.
pub(crate) fn pack(root: &Path) -> Result<Vec<u8>> {
    let mut paths = Vec::new();
    list(root, root, &mut paths)?;
    paths.sort_by(|a, b| a.as_os_str().as_bytes().cmp(b.as_os_str().as_bytes()));
    let mut archive = Vec::new();
    for (inode, path) in (1u32..).zip(&paths) {
        let from = root.join(path);
        let named = || from.display().to_string();
        let kind = fs::symlink_metadata(&from).with_context(named)?;
        let (mode, content) = if kind.is_dir() {
            (DIRECTORY | 0o755, Vec::new())
        } else if kind.is_symlink() {
            let target = fs::read_link(&from).with_context(named)?;
            (LINK | 0o777, target.as_os_str().as_bytes().to_vec())
        } else if kind.is_file() {
            let executable = kind.permissions().mode() & 0o100 != 0;
            let mode = if executable { 0o755 } else { 0o644 };
            (FILE | mode, fs::read(&from).with_context(named)?)
        } else {
            bail!("{}: neither file, folder nor link", from.display());
        };
        let entry = Entry { inode, mode, name: path.as_os_str().as_bytes(), content: &content };
        entry.write(&mut archive)?;
    }
    Entry { inode: 0, mode: 0, name: b"TRAILER!!!", content: &[] }.write(&mut archive)?;
    Ok(archive)
}

/// Names and modes of what is in an archive. Errors: what [`pack`] would not have written.
pub(crate) fn contents(archive: &[u8]) -> Result<Vec<(String, u32)>> {
    let mut entries = Vec::new();
    let mut rest = archive;
    loop {
        let field = |index: usize| -> Result<usize> {
            let at = 6 + 8 * index;
            let digits = rest.get(at..at + 8).context("the archive ends within a header")?;
            Ok(usize::from_str_radix(std::str::from_utf8(digits)?, 16)?)
        };
        ensure!(rest.starts_with(b"070701"), "no header where one is expected");
        let (mode, size, name) = (u32::try_from(field(1)?)?, field(6)?, field(11)?);
        let content = (HEADER + name).next_multiple_of(4);
        let end = (content + size).next_multiple_of(4);
        let name = rest.get(HEADER..HEADER + name).context("the archive ends within a name")?;
        let name =
            String::from_utf8(name.strip_suffix(b"\0").context("a name without end")?.to_vec())?;
        if name == "TRAILER!!!" {
            return Ok(entries);
        }
        entries.push((name, mode));
        rest = rest.get(end..).context("the archive ends within a file")?;
    }
}

fn list(root: &Path, folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        paths.push(path.strip_prefix(root)?.to_owned());
        if fs::symlink_metadata(&path)?.is_dir() {
            list(root, &path, paths)?;
        }
    }
    Ok(())
}

struct Entry<'a> {
    inode: u32,
    mode: u32,
    name: &'a [u8],
    content: &'a [u8],
}

impl Entry<'_> {
    /// Header of thirteen numbers in hexadecimal, the name with a zero, the content; each from a multiple
    /// of four (Linux, Documentation/driver-api/early-userspace/buffer-format.rst).
    fn write(&self, archive: &mut Vec<u8>) -> Result<()> {
        let size = u32::try_from(self.content.len()).context("a file of 4 GiB or more")?;
        let name = u32::try_from(self.name.len() + 1)?;
        let links = if self.mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        // inode, mode, owner, group, links, time, size, device (2), own device (2), name, checksum
        let fields = [self.inode, self.mode, 0, 0, links, 0, size, 0, 0, 0, 0, name, 0];
        archive.extend_from_slice(b"070701");
        for field in fields {
            archive.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        archive.extend_from_slice(self.name);
        archive.push(0);
        align(archive);
        archive.extend_from_slice(self.content);
        align(archive);
        Ok(())
    }
}

fn align(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

/// Bytes.
const HEADER: usize = 6 + 13 * 8;
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

#[cfg(test)]
mod tests {
    use std::{os::unix::fs::symlink, time::SystemTime};

    use super::*;

    /// The same tree, made in another order, with another mode and another time.
    #[test]
    fn a_tree_has_one_archive() {
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let names = [["a", "b/c", "b-d"], ["b-d", "b/c", "a"]];
        for (folder, names) in folders.iter().zip(names) {
            fs::create_dir(folder.path().join("b")).unwrap();
            for name in names {
                fs::write(folder.path().join(name), name).unwrap();
            }
            symlink("b/c", folder.path().join("link")).unwrap();
        }
        let other = folders[1].path().join("a");
        fs::set_permissions(&other, fs::Permissions::from_mode(0o600)).unwrap();
        let file = fs::File::options().write(true).open(&other).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        let archives = folders.each_ref().map(|folder| pack(folder.path()).unwrap());
        assert_eq!(archives[0], archives[1]);
        let names: Vec<_> = contents(&archives[0]).unwrap();
        let names: Vec<_> =
            names.iter().map(|(name, mode)| (name.as_str(), mode & 0o111)).collect();
        assert_eq!(names, [("a", 0), ("b", 0o111), ("b-d", 0), ("b/c", 0), ("link", 0o111)]);
        assert!(contents(&archives[0][..200]).is_err());
        // Folders come before what is in them, as the kernel needs it.
        let at = |name: &str| {
            let wanted = format!("{name}\0");
            archives[0].windows(wanted.len()).position(|found| found == wanted.as_bytes()).unwrap()
        };
        assert!(at("a") < at("b") && at("b") < at("b/c") && at("b/c") < at("link"));

        fs::set_permissions(&other, fs::Permissions::from_mode(0o700)).unwrap();
        assert_ne!(archives[0], pack(folders[1].path()).unwrap(), "executable or not is measured");
    }
}
