//! The parent, over vsock. Nothing that it says is believed: the configuration is measured before it is
//! used, and the rest is for its information.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::fd::AsRawFd as _,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use nix::sys::{
    socket::{
        AddressFamily, SockFlag, SockType, VsockAddr, connect, setsockopt, socket,
        sockopt::{ReceiveTimeout, SendTimeout},
    },
    time::TimeVal,
};

use crate::{Error, Named as _, console::say};

/// The parent's end of vsock.
pub(crate) struct Parent {
    cid: u32,
}

/// The line that reports go out on, as long as the parent reads them.
#[derive(Clone)]
pub(crate) struct Line(Arc<Mutex<Option<File>>>);

/// A parent has this CID on Nitro hardware; QEMU's host has 2.
const PARENT: u32 = 3;
/// Where Nitro's tools wait for a sign of life.
const HEARTBEAT_PORT: u32 = 9000;
const HEARTBEAT: u8 = 0xb7;
/// Where `assay host` gives the configuration.
const CONTROL_PORT: u32 = 9001;
/// Bytes.
const LONGEST_CONFIGURATION: usize = 64 << 10;
/// Longest report, in bytes: a longer write may be lost on the way.
const LONGEST_REPORT: usize = 8 << 10;
/// Seconds that a parent may be silent, or not read, before its line counts as broken.
const PATIENCE: i64 = 30;
/// How long the enclave waits for its configuration.
const WAIT: Duration = Duration::from_secs(15 * 60);

impl Parent {
    /// `assay.parent_cid=N` says another CID than Nitro's: on QEMU's part of the command line, which is not
    /// measured. It decides who may bring the configuration, and the configuration is measured.
    pub(crate) fn from_command_line() -> Result<Self, Error> {
        let line = fs::read_to_string("/proc/cmdline").named("/proc/cmdline")?;
        let named = line.split_whitespace().find_map(|word| word.strip_prefix("assay.parent_cid="));
        let cid = named.map_or(Ok(PARENT), |cid| cid.parse().named("assay.parent_cid"))?;
        Ok(Self { cid })
    }

    /// Says that the enclave is up, as nitro-cli waits for it. A parent that does not answer may have
    /// nobody who waits: no error.
    pub(crate) fn heartbeat(&self) -> Result<(), Error> {
        let beat = || -> io::Result<u8> {
            let mut stream = self.connect(HEARTBEAT_PORT)?;
            stream.write_all(&[HEARTBEAT])?;
            let mut answer = [0];
            stream.read_exact(&mut answer)?;
            Ok(answer[0])
        };
        match beat() {
            Ok(HEARTBEAT) => say("the parent heard the heartbeat"),
            Ok(other) => return Err(Error::new("heartbeat", format!("the answer is {other:#x}"))),
            Err(error) => say(&format!("nobody answers the heartbeat: {error}")),
        }
        Ok(())
    }

    /// The configuration, and the line it came on: `assay-configuration LENGTH`, a line feed, the bytes.
    pub(crate) fn configuration(&self) -> Result<(Vec<u8>, Line), Error> {
        let begun = Instant::now();
        let mut stream = loop {
            match self.connect(CONTROL_PORT) {
                Ok(stream) => break stream,
                Err(error) if begun.elapsed() > WAIT => {
                    return Err(Error::new("the parent's port 9001", error));
                }
                Err(_) => thread::sleep(Duration::from_secs(1)),
            }
        };
        let configuration = read_configuration(&mut stream)?;
        Ok((configuration, Line(Arc::new(Mutex::new(Some(stream))))))
    }

    fn connect(&self, port: u32) -> io::Result<File> {
        let socket = socket(AddressFamily::Vsock, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        let patience = TimeVal::new(PATIENCE, 0);
        setsockopt(&socket, SendTimeout, &patience)?;
        setsockopt(&socket, ReceiveTimeout, &patience)?;
        connect(socket.as_raw_fd(), &VsockAddr::new(self.cid, port))?;
        Ok(File::from(socket))
    }
}

fn read_configuration(stream: &mut impl io::Read) -> Result<Vec<u8>, Error> {
    let mut header = Vec::new();
    while header.last() != Some(&b'\n') && header.len() < 64 {
        let mut byte = [0];
        stream.read_exact(&mut byte).named("configuration")?;
        header.push(byte[0]);
    }
    let length = std::str::from_utf8(&header).ok();
    let length = length.and_then(|text| text.strip_prefix("assay-configuration "));
    let length = length.and_then(|text| text.strip_suffix('\n')?.parse::<usize>().ok());
    let length = length.filter(|length| (1..=LONGEST_CONFIGURATION).contains(length));
    let why = "expected `assay-configuration` and 1 to 65536 bytes";
    let length = length.ok_or_else(|| Error::new("configuration", why))?;
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).named("configuration")?;
    let text = std::str::from_utf8(&bytes).named("configuration")?;
    if text.contains('\0') {
        return Err(Error::new("configuration", "it contains a zero byte"));
    }
    Ok(bytes)
}

impl Line {
    /// Sends a line. When the parent does not read any more, this and all later ones are lost.
    pub(crate) fn report(&self, line: &str) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(stream) = held.as_mut() else { return };
        let mut bytes: Vec<u8> = line.bytes().take(LONGEST_REPORT).collect();
        bytes.push(b'\n');
        if let Err(error) = stream.write_all(&bytes) {
            *held = None;
            say(&format!("the parent does not read: {error}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_taken_as_it_is_or_refused() {
        let read = |bytes: &[u8]| read_configuration(&mut io::Cursor::new(bytes));
        assert_eq!(read(b"assay-configuration 5\nab\ncdefg").unwrap(), b"ab\ncd");
        let most = [b"assay-configuration 65536\n".as_slice(), &[b' '; 65536]].concat();
        assert_eq!(read(&most).unwrap().len(), 65536);
        for (bytes, why) in [
            (b"assay-configuration 0\n".as_slice(), "1 to 65536"),
            (b"assay-configuration 65537\n", "1 to 65536"),
            (b"assay-configuration -1\n", "1 to 65536"),
            (b"assay-configuration 1 \nx", "1 to 65536"),
            (b"operations = []\n", "1 to 65536"),
            (&[b'a'; 100], "1 to 65536"),
            (b"assay-configuration 2\nx", "fill whole buffer"),
            (b"assay-configuration 2\nx\0", "zero byte"),
            (b"assay-configuration 2\n\xff\xff", "utf-8"),
            (b"", "fill whole buffer"),
        ] {
            let error = read(bytes).unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
