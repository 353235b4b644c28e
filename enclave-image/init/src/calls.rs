//! The two system calls that no library makes for us.
#![allow(unsafe_code)] // ioctl takes whatever it is given: both calls are here, with their reasons

use std::{
    fs::File,
    mem,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use nix::libc;

use crate::{Error, Named as _};

/// Feeds the system's generator, and counts every bit: the bytes are the security module's.
pub(crate) fn add_entropy(bytes: &[u8]) -> Result<(), Error> {
    let random = File::options().write(true).open("/dev/random").named("/dev/random")?;
    let length = libc::c_int::try_from(bytes.len()).named("entropy")?;
    // struct rand_pool_info of linux/random.h: bits that count, bytes that follow, the bytes.
    let mut pool = [length.saturating_mul(8).to_ne_bytes(), length.to_ne_bytes()].concat();
    pool.extend_from_slice(bytes);
    // SAFETY: the kernel reads two ints and as many bytes as the second says, which is what `pool` holds;
    // it copies byte by byte, so that alignment is no matter.
    let result = unsafe { libc::ioctl(random.as_raw_fd(), RNDADDENTROPY, pool.as_ptr()) };
    checked(result).named("RNDADDENTROPY")
}

/// Brings the loopback interface up: programs may talk to themselves.
pub(crate) fn bring_loopback_up() -> Result<(), Error> {
    // SAFETY: no pointer is passed.
    let descriptor =
        unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) };
    checked(descriptor).named("a socket")?;
    // SAFETY: the descriptor is open, was made just now, and is nobody else's.
    let socket = unsafe { OwnedFd::from_raw_fd(descriptor) };
    // SAFETY: all zeros is a value of this struct: an array of characters, and a union of plain data.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (place, byte) in request.ifr_name.iter_mut().zip(*b"lo\0") {
        *place = libc::c_char::from_ne_bytes([byte]);
    }
    let up = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).named("flags")?;
    request.ifr_ifru.ifru_flags = up;
    // SAFETY: SIOCSIFFLAGS reads an ifreq, and `request` is one, alive for the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
    checked(result).named("loopback")
}

fn checked(result: libc::c_int) -> std::io::Result<()> {
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// `_IOW('R', 3, int[2])` of linux/random.h.
const RNDADDENTROPY: libc::Ioctl = 0x4008_5203;
