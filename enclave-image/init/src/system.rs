//! File systems, users, limits, the end.

use std::{
    fs,
    os::unix::fs::{PermissionsExt as _, chown},
};

use nix::{
    mount::{MsFlags, mount as mount_one},
    sys::reboot::{RebootMode, reboot},
};

use crate::{Error, Named as _};

/// The prover's user and group.
pub(crate) const PROVER: u32 = 1000;
/// Where the configuration is.
pub(crate) const CONFIGURATION: &str = "/run/assay/assay.toml";
/// Where the prover keeps what it makes, in memory.
pub(crate) const STATE: &str = "/run/assay/state";
/// The prover's group of processes.
pub(crate) const GROUP: &str = "/sys/fs/cgroup/prover";

/// Memory that is the kernel's and ours, whatever the prover wants.
const RESERVE: u64 = 64 << 20;
/// Processes and threads of the prover's.
const MOST_THREADS: u32 = 1024;

/// Mounts what programs expect. Nothing of it can be executed, and the prover can write to two folders
/// only: /tmp and its state.
pub(crate) fn mount() -> Result<(), Error> {
    let bare = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let devices = MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    for (kind, place, flags, options) in [
        ("devtmpfs", "/dev", devices, "mode=0755"),
        ("proc", "/proc", bare, "hidepid=2"),
        ("sysfs", "/sys", bare, ""),
        ("cgroup2", "/sys/fs/cgroup", bare, ""),
        ("tmpfs", "/run", bare, "mode=0755"),
        ("tmpfs", "/tmp", bare, "mode=1777"),
    ] {
        if kind != "cgroup2" {
            fs::create_dir_all(place).named(place)?; // sysfs has a place for it
        }
        mount_one(Some(kind), place, Some(kind), flags, Some(options)).named(place)?;
    }
    fs::create_dir_all(STATE).named(STATE)?;
    fs::set_permissions(STATE, fs::Permissions::from_mode(0o700)).named(STATE)?;
    chown(STATE, Some(PROVER), Some(PROVER)).named(STATE)
}

/// For the prover to read, and nobody to write.
pub(crate) fn write_configuration(bytes: &[u8]) -> Result<(), Error> {
    fs::write(CONFIGURATION, bytes).named(CONFIGURATION)?;
    fs::set_permissions(CONFIGURATION, fs::Permissions::from_mode(0o444)).named(CONFIGURATION)
}

/// Bounds what the prover's processes may take together: of the memory that is left beside the file
/// system in memory, all but a reserve.
pub(crate) fn bound_prover() -> Result<(), Error> {
    let write = |path: &str, text: &str| fs::write(path, text).named(path);
    write("/sys/fs/cgroup/cgroup.subtree_control", "+memory +pids")?;
    fs::create_dir_all(GROUP).named(GROUP)?;
    let information = fs::read_to_string("/proc/meminfo").named("/proc/meminfo")?;
    let available = information.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let available = available.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    let available = available.ok_or_else(|| Error::new("/proc/meminfo", "no MemAvailable"))?;
    let most = available.saturating_mul(1024).saturating_sub(RESERVE);
    write(&format!("{GROUP}/memory.max"), &most.to_string())?;
    write(&format!("{GROUP}/memory.oom.group"), "1")?;
    write(&format!("{GROUP}/pids.max"), &MOST_THREADS.to_string())
}

/// Lets the prover use the security module: its registers are locked by now.
pub(crate) fn admit_to_security_module() -> Result<(), Error> {
    chown("/dev/nsm", Some(0), Some(PROVER)).named("/dev/nsm")?;
    fs::set_permissions("/dev/nsm", fs::Permissions::from_mode(0o660)).named("/dev/nsm")
}

/// Ends the enclave. The hypervisor does not restart it; whoever launched it may.
pub(crate) fn end_machine() {
    let _ = reboot(RebootMode::RB_AUTOBOOT); // where it fails, main returns, and Linux panics
}
