//! The enclave image under QEMU's `nitro-enclave` machine, with `assay host` beside it, and what its security module says.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    collections::BTreeMap,
    env, fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use ciborium::Value as Cbor;
use serde_json::Value;
use sha2::{Digest as _, Sha256, Sha384};

use crate::service::{Process, Service, folder};

/// An emulated processor is slow, and so may this machine be.
const BOOT: Duration = Duration::from_secs(25 * 60);

/// What the enclave is given, unless a test wants something else.
pub const CONFIGURATION: &str = "listen = 'vsock:8547'
operations = ['/assay/models/digits/operation.toml']
models = [
    'fbc79f8c8e7c395f19e4a187934ae02468dd4ecbd71691e3ec178d3dd6890162',
    '24f7db9c9e9445159af088e15055fcad353611843923bf3043e64d7f39b61adb',
    '8e2ac881e7d313b0051da19e10200be95aeb04dbd1a8b6f228a45bf5b35d92b2',
]
[[llm]]
path = '/assay/models/prose'
dtype = 'f32'
[jobs]
heartbeat_ms = 60000
[limits]
answer_ms = 900000
body_bytes = 16777216
";

/// An attestation document, decoded without any check: the emulated module's is not signed.
pub struct Document(BTreeMap<String, Cbor>);

impl Document {
    /// Reads it, whatever it says.
    pub fn read(bytes: &[u8]) -> Self {
        let envelope: Cbor = ciborium::from_reader(bytes).unwrap();
        let parts = envelope.as_array().unwrap();
        assert_eq!(parts[3].as_bytes().unwrap(), &[0; 64], "it is signed by nobody");
        let payload: Cbor = ciborium::from_reader(parts[2].as_bytes().unwrap().as_slice()).unwrap();
        let fields = payload.into_map().unwrap().into_iter();
        Self(fields.map(|(name, value)| (name.into_text().unwrap(), value)).collect())
    }

    /// A field that is bytes; none, where it is null.
    pub fn bytes(&self, field: &str) -> Option<Vec<u8>> {
        self.0[field].as_bytes().cloned()
    }

    /// A register in hexadecimal. The document has those that are locked, and no others.
    pub fn register(&self, wanted: u8) -> String {
        let registers = self.0["pcrs"].as_map().unwrap();
        let found = registers.iter().find(|(index, _)| *index == Cbor::from(wanted));
        hex::encode(found.unwrap_or_else(|| panic!("no PCR {wanted}")).1.as_bytes().unwrap())
    }

    /// Registers 0 to 2 are what was built, and 16 is what was configured.
    pub fn is_of(&self, measurements: &Value, configuration: &str) {
        for index in 0..3 {
            let built = measurements["registers"][format!("PCR{index}")].as_str().unwrap();
            assert_eq!(self.register(index), built, "PCR{index}");
            println!("PCR{index} {built}, as built");
        }
        let digest = Sha256::digest(configuration);
        let expected = Sha384::new().chain_update([0; 48]).chain_update(digest).finalize();
        assert_eq!(self.register(16), hex::encode(expected), "PCR16");
        println!("PCR16 {}, as configured", self.register(16));
    }
}

/// QEMU with the image, the host's side of its vsock, and `assay host`.
pub struct Machine {
    /// Where its sockets and logs are.
    pub folder: PathBuf,
    /// Where its `assay host` takes HTTP from.
    pub address: String,
    qemu: Process,
    host: Option<Process>,
    _vsock: Process,
}

impl Machine {
    /// Boots the image, and gives it the configuration.
    pub fn start(name: &str, configuration: &str) -> Self {
        let image = needed("ASSAY_ENCLAVE").join("assay.eif");
        let folder = folder(name);
        // Names without folders: a unix socket's is short.
        let run = |program: &Path, log: &str, arguments: &[&str]| {
            let log = fs::File::create(folder.join(log)).unwrap();
            let child = Command::new(program)
                .args(arguments)
                .current_dir(&folder)
                .stdin(Stdio::null())
                .stderr(log.try_clone().unwrap())
                .stdout(log)
                .spawn();
            Process(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
        };
        let vm = "guest-cid=4,socket=vhost.sock,uds-path=vm.vsock";
        let vsock = run(&needed("ASSAY_VSOCK"), "vsock.log", &["--vm", vm]);
        wait_for_file(&folder.join("vhost.sock"));

        fs::write(folder.join("assay.toml"), configuration).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let arguments = ["host", "--enclave", "unix:vm.vsock", "--config", "assay.toml"];
        let arguments = [&arguments[..], &["--listen", &address]].concat();
        let host = Process::start(&folder, "host.log", &arguments);
        wait_for_file(&folder.join("vm.vsock_9001"));

        let qemu = needed("ASSAY_QEMU");
        let firmware = qemu.join("firmware");
        let kernel = image.to_str().unwrap();
        let module = "nitro-enclave,vsock=c,id=i-0123456789abcdef0-enc0123456789abcde,acpi=off,\
            parent-role=arn:aws:iam::000000000000:role/test,parent-id=i-0123456789abcdef0";
        // QEMU's part of the command line is not measured. Without the clock's rate, a busy host's guest may not find it.
        let append = format!("tsc_early_khz={} assay.parent_cid=2", clock_khz());
        let arguments = [
            &["-L", firmware.to_str().unwrap(), "-accel", "tcg", "-cpu", "Nehalem", "-smp", "1"][..],
            &["-m", "4G", "-M", module, "-kernel", kernel, "-append", &append, "-nographic"],
            &["-no-reboot", "-nodefaults", "-serial", "stdio", "-monitor", "none"],
            &["-chardev", "socket,id=c,path=vhost.sock"],
        ];
        let qemu = run(&qemu.join("qemu-system-x86_64"), "console.log", &arguments.concat());
        Self { folder, address, qemu, host: Some(host), _vsock: vsock }
    }

    /// Waits until operations are answered. The service ends with its `assay host`.
    pub fn ready(&mut self) -> Service {
        let begun = Instant::now();
        let host = self.host.take().unwrap();
        let service = Service::at(self.folder.clone(), host, self.address.clone(), || {
            let ended = self.qemu.0.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < BOOT, "{}", console(&self.folder));
        });
        println!("ready {:.1} s after its start (emulated)", begun.elapsed().as_secs_f64());
        service
    }

    /// Waits until it is off.
    pub fn ends(&mut self) {
        let begun = Instant::now();
        while self.qemu.0.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < BOOT, "{}", console(&self.folder));
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// The console has these words. Shows what init says in it to whoever reads the test's log, and gives all of it.
    pub fn said(&self, words: &[&str]) -> String {
        let console = console(&self.folder);
        let init = console
            .lines()
            .filter(|line| line.starts_with("init: ") && !line.contains(" INFO request "));
        init.for_each(|line| println!("  {line}"));
        for wanted in words {
            assert!(console.contains(wanted), "{wanted}:\n{console}");
        }
        console
    }
}

fn console(folder: &Path) -> String {
    String::from_utf8_lossy(&fs::read(folder.join("console.log")).unwrap()).into_owned()
}

fn wait_for_file(path: &Path) {
    let begun = Instant::now();
    while !path.exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "{} does not appear", path.display());
        thread::sleep(Duration::from_millis(50));
    }
}

/// The rate of this machine's clock counter, which the emulated one has, too.
fn clock_khz() -> u64 {
    let information = fs::read_to_string("/proc/cpuinfo").unwrap();
    let rate = information.lines().find_map(|line| line.strip_prefix("cpu MHz")?.split(':').nth(1));
    (rate.unwrap().trim().parse::<f64>().unwrap() * 1000.0) as u64
}

/// A variable that `make enclave-test` sets.
pub fn needed(name: &str) -> PathBuf {
    env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `make enclave-test`")).into()
}
