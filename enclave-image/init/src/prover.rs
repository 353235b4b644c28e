//! The prover: started as a user without rights, watched until it ends.

use std::{
    env, fs,
    io::{BufRead as _, BufReader},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use nix::{
    sys::{
        prctl::set_no_new_privs,
        resource::{Resource, setrlimit},
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::{Gid, Pid, Uid, setgid, setgroups, setuid},
};

use crate::{
    Error, Named as _,
    console::say,
    parent::Line,
    system::{CONFIGURATION, GROUP, PROVER, STATE, bound_prover},
};

/// The first argument of an init that becomes the prover.
pub(crate) const BECOME: &str = "become-prover";
/// The program.
const PROGRAM: &str = "/assay/bin/assay-engine";
/// Open files and connections.
const MOST_FILES: u64 = 4096;

/// Has the prover read the configuration and say whether it can use it.
pub(crate) fn validate(line: &Line) -> Result<(), Error> {
    bound_prover()?;
    let ended = to_the_end(&["--print-config"], line)?;
    if ended != "code 0" {
        return Err(Error::new("the prover refuses the configuration", ended));
    }
    Ok(())
}

/// Starts the prover and waits for its end, which is given in words.
pub(crate) fn run(line: &Line) -> Result<String, Error> {
    to_the_end(&[], line)
}

fn to_the_end(more: &[&str], line: &Line) -> Result<String, Error> {
    let child = Command::new("/proc/self/exe")
        .args([BECOME, "serve", "--config", CONFIGURATION, "--state", STATE])
        .args(more)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.named(PROGRAM)?;
    let logging = pass_on_log(&mut child, line)?;
    let ended = wait_for(&child)?;
    let _ = logging.join(); // a log that panicked has no more to say
    Ok(ended)
}

/// What the prover says goes to the console and to the parent.
fn pass_on_log(child: &mut Child, line: &Line) -> Result<JoinHandle<()>, Error> {
    let log = child.stderr.take().ok_or_else(|| Error::new(PROGRAM, "no log"))?;
    let to = line.clone();
    let id = i32::try_from(child.id()).named("process id")?;
    let mut looked = false;
    let passing_on = move || {
        let mut lines = BufReader::new(log);
        let mut text = Vec::new();
        while lines.read_until(b'\n', &mut text).is_ok_and(|read| read > 0) {
            let said = String::from_utf8_lossy(&text);
            if !looked {
                looked = true;
                look_at(id);
            }
            say(said.trim_end());
            to.report(&format!("log {}", said.trim_end()));
            text.clear();
        }
    };
    thread::Builder::new().name("log".to_owned()).spawn(passing_on).named("a thread for the log")
}

/// When the prover says its first word, it is what it is going to be: then it has no rights, or it ends.
fn look_at(id: i32) {
    let status = fs::read_to_string(format!("/proc/{id}/status")).named("the prover's status");
    match status.and_then(|status| powerless(&status)) {
        Ok(()) => say(&format!("the prover has user {PROVER}, no capabilities, no way to more")),
        Err(error) => {
            say(&format!("error: {error}"));
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL); // it may have ended by itself
        }
    }
}

/// Whether a `/proc/ID/status` is that of a process without rights.
fn powerless(status: &str) -> Result<(), Error> {
    let everywhere = [PROVER.to_string().as_str(); 4].join("\t");
    let none = "0000000000000000";
    for (field, expected) in [
        ("Uid:", everywhere.as_str()),
        ("Gid:", &everywhere),
        ("Groups:", ""),
        ("CapInh:", none),
        ("CapPrm:", none),
        ("CapEff:", none),
        ("CapAmb:", none),
        ("NoNewPrivs:", "1"),
    ] {
        let found = status.lines().find_map(|line| line.strip_prefix(field)).map(str::trim);
        if found != Some(expected) {
            let why = format!("expected `{expected}`, found `{}`", found.unwrap_or("nothing"));
            return Err(Error::new(&format!("the prover's {field}"), why));
        }
    }
    Ok(())
}

/// Every process that lost its parent is ours to bury; the prover's end is the one that counts.
fn wait_for(child: &Child) -> Result<String, Error> {
    let prover = i32::try_from(child.id()).named("process id")?;
    loop {
        match waitpid(None::<Pid>, None).named("waiting")? {
            WaitStatus::Exited(id, code) if id.as_raw() == prover => {
                return Ok(format!("code {code}"));
            }
            WaitStatus::Signaled(id, signal, _) if id.as_raw() == prover => {
                return Ok(format!("signal {signal}"));
            }
            _ => {}
        }
    }
}

/// In the new process: joins the bounded group, gives up every right, and becomes the prover.
pub(crate) fn become_it(arguments: impl Iterator<Item = String>) -> Result<(), Error> {
    fs::write(format!("{GROUP}/cgroup.procs"), "0").named(GROUP)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0).named("core dumps")?;
    setrlimit(Resource::RLIMIT_NOFILE, MOST_FILES, MOST_FILES).named("open files")?;
    setgroups(&[]).named("groups")?;
    setgid(Gid::from_raw(PROVER)).named("group")?;
    setuid(Uid::from_raw(PROVER)).named("user")?;
    set_no_new_privs().named("no new privileges")?;
    env::set_current_dir(STATE).named(STATE)?;
    let error = Command::new(PROGRAM).args(arguments).env_clear().env("HOME", STATE).exec();
    Err(Error::new(PROGRAM, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_are_noticed() {
        let status = "Name:\tassay-engine\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\n\
            Groups:\t \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n\
            CapEff:\t0000000000000000\nCapBnd:\t000001ffffffffff\nCapAmb:\t0000000000000000\n\
            NoNewPrivs:\t1\n";
        powerless(status).unwrap();
        for (from, to, field) in [
            ("Uid:\t1000\t1000", "Uid:\t1000\t0", "Uid:"),
            ("Gid:\t1000", "Gid:\t0", "Gid:"),
            ("Groups:\t ", "Groups:\t0 ", "Groups:"),
            ("CapInh:\t00", "CapInh:\t10", "CapInh:"),
            ("CapPrm:\t00", "CapPrm:\t10", "CapPrm:"),
            ("CapEff:\t00", "CapEff:\t10", "CapEff:"),
            ("CapAmb:\t00", "CapAmb:\t10", "CapAmb:"),
            ("NoNewPrivs:\t1", "NoNewPrivs:\t0", "NoNewPrivs:"),
            ("NoNewPrivs", "Other", "NoNewPrivs:"),
        ] {
            assert!(status.contains(from), "{from}");
            let error = powerless(&status.replace(from, to)).unwrap_err().to_string();
            assert!(error.contains(field), "{error}");
        }
    }
}
