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
    let passing_on = move || {
        let mut lines = BufReader::new(log);
        let mut text = Vec::new();
        while lines.read_until(b'\n', &mut text).is_ok_and(|read| read > 0) {
            let said = String::from_utf8_lossy(&text);
            say(said.trim_end());
            to.report(&format!("log {}", said.trim_end()));
            text.clear();
        }
    };
    thread::Builder::new().name("log".to_owned()).spawn(passing_on).named("a thread for the log")
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
