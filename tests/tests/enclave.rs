//! The enclave image, booted under QEMU's `nitro-enclave` machine: `make enclave-test`. The kernel's driver, the
//! security module's interface and vsock are real; the processor is emulated, and nobody signs the documents.
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

use assay_tests::service::{Process, Service, folder, root};
use assay_verifier::{
    CallerValues, Clock, Error, UnixMillis,
    evidence::{Evidence, session_user_data},
    explain,
    ids::Name,
    policy::Policy,
    receipt::Receipt,
    report::Status,
    verify,
};
use base64ct::{Base64, Encoding as _};
use ciborium::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384};

const NONCE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
/// An emulated processor is slow, and so may this machine be.
const BOOT: Duration = Duration::from_secs(25 * 60);
const PROOF: Duration = Duration::from_secs(15 * 60);
const CONFIGURATION: &str = "listen = 'vsock:8547'
operations = ['/assay/models/digits/operation.toml']
models = [
    'fbc79f8c8e7c395f19e4a187934ae02468dd4ecbd71691e3ec178d3dd6890162',
    '24f7db9c9e9445159af088e15055fcad353611843923bf3043e64d7f39b61adb',
]
[jobs]
heartbeat_ms = 60000
[limits]
answer_ms = 900000
";

#[test]
#[ignore = "needs the image and QEMU: make enclave-test"]
fn an_image_boots_measures_and_answers() {
    let image = needed("ASSAY_ENCLAVE");
    let measurements: Value =
        serde_json::from_slice(&fs::read(image.join("measurements.json")).unwrap()).unwrap();
    let mut machine = Machine::start("enclave", &image.join("assay.eif"), CONFIGURATION);
    let service = machine.ready();

    // What a client sees first: a document made now, with its nonce.
    let answer = service.get(&format!("/v1/attestation?nonce={NONCE}"));
    assert_eq!(answer.status, 200);
    let document = Document::read(&answer.body);
    document.is_of(&measurements, CONFIGURATION);
    assert_eq!(document.bytes("nonce"), Some(hex::decode(NONCE).unwrap()));
    assert_eq!((document.bytes("user_data"), document.bytes("public_key")), (None, None));
    fs::write(service.folder.join("document.cbor"), &answer.body).unwrap();
    let inspected = Command::new(root().join("target/release/assay"))
        .args(["attestation", "inspect"])
        .arg(service.folder.join("document.cbor"))
        .output()
        .unwrap();
    let said = String::from_utf8(inspected.stdout).unwrap();
    assert_eq!(inspected.status.code(), Some(1), "{said}");
    assert!(said.starts_with("refused: attestation-protected-header\n"), "{said}");
    println!("the document of the emulated module is refused: attestation-protected-header");

    // An operation, and its proof by the worker inside.
    let begun = Instant::now();
    let reply = service.read_digit(7, &json!({"nonce": NONCE}));
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let answer = reply.json();
    assert_eq!(answer["results"]["digit"]["integers"], json!([7]));
    println!("digits answered 7 after {:.1} s (emulated)", begun.elapsed().as_secs_f64());
    let job = answer["jobs"][0]["id"].as_str().unwrap().to_owned();
    for job in service.wait_for(&[job], PROOF) {
        assert_eq!(job["stage"], "done", "{job}");
    }
    println!("its proof is attached after {:.1} s (emulated)", begun.elapsed().as_secs_f64());
    let receipt = service.get(answer["receipt_url"].as_str().unwrap()).body;
    check_receipt(&receipt, &measurements);
    machine.said(&[
        "PCR 16 is extended with",
        "all registers are locked",
        "the parent heard the heartbeat",
    ]);
}

#[test]
#[ignore = "needs the image and QEMU: make enclave-test"]
fn a_model_that_is_not_listed_ends_the_enclave() {
    let other = CONFIGURATION.replace("24f7db9c", "00000000");
    let image = needed("ASSAY_ENCLAVE");
    let mut machine = Machine::start("enclave-refuses", &image.join("assay.eif"), &other);
    machine.ends();
    machine.said(&["the configuration does not list model 24f7db9c", "the prover ended: code 2"]);
}

/// The session document carries the key and says so; all but the attestation holds; the receipt is refused for it.
fn check_receipt(bytes: &[u8], measurements: &Value) {
    let receipt = Receipt::from_bytes(bytes).unwrap();
    let mut rest = Receipt::new(receipt.operation().clone()).unwrap();
    let mut attested = 0;
    for evidence in receipt.evidence() {
        let Some(document) = evidence.document() else {
            rest.attach(evidence.clone());
            continue;
        };
        assert!(matches!(evidence, Evidence::TeeSession { .. }), "{}", evidence.kind());
        let document = Document::read(document);
        document.is_of(measurements, CONFIGURATION);
        let key = document.bytes("public_key").unwrap();
        assert_eq!((key.len(), key[0]), (97, 4));
        assert_eq!(document.bytes("user_data").unwrap(), session_user_data(&key));
        attested += 1;
    }
    assert_eq!((attested, rest.evidence().len()), (1, 1), "one attestation, one proof");
    receipt.openings().iter().for_each(|opening| rest.open(opening.clone()));
    receipt.cards().for_each(|(_, card)| rest.add_card(card.to_vec()));

    let image = rest.openings().iter().find(|opening| opening.value == 0);
    let image = image.and_then(|opening| opening.bytes.clone()).unwrap();
    let values = CallerValues::from([(Name::new("image").unwrap(), image)]);
    let policy = Policy::learn(&rest).unwrap().reviewed_by_its_owner();
    let now = UnixMillis::new(now_ms()).unwrap();
    let report = explain(&rest.to_bytes(), &policy, Clock::Live(now), &values);
    let failed: Vec<_> =
        report.checks.iter().filter(|check| check.status == Status::Fail).collect();
    assert!(
        !failed.is_empty()
            && failed.iter().all(|check| {
                check.code == Some("evidence-pending")
                    && check.subject.as_deref() == Some("features")
            }),
        "{failed:?}"
    );
    println!(
        "without its attestation, the receipt lacks nothing but the attestation: the proof holds"
    );

    let refusal = verify(bytes, &policy, now, &values).err().unwrap();
    assert_eq!(refusal.code(), "attestation-protected-header", "{refusal}");
    assert!(matches!(refusal, Error::Attestation { .. }), "{refusal:?}");
    println!("the whole receipt is refused: {}", refusal.code());
}

/// An attestation document, decoded without any check: the emulated module's is not signed.
struct Document(BTreeMap<String, Cbor>);

impl Document {
    fn read(bytes: &[u8]) -> Self {
        let envelope: Cbor = ciborium::from_reader(bytes).unwrap();
        let parts = envelope.as_array().unwrap();
        assert_eq!(parts[3].as_bytes().unwrap(), &[0; 64], "it is signed by nobody");
        let payload: Cbor = ciborium::from_reader(parts[2].as_bytes().unwrap().as_slice()).unwrap();
        let fields = payload.into_map().unwrap().into_iter();
        Self(fields.map(|(name, value)| (name.into_text().unwrap(), value)).collect())
    }

    fn bytes(&self, field: &str) -> Option<Vec<u8>> {
        self.0[field].as_bytes().cloned()
    }

    fn register(&self, wanted: u8) -> String {
        let registers = self.0["pcrs"].as_map().unwrap();
        let found = registers.iter().find(|(index, _)| *index == Cbor::from(wanted));
        hex::encode(found.unwrap_or_else(|| panic!("no PCR {wanted}")).1.as_bytes().unwrap())
    }

    /// Registers 0 to 2 are what was built, and 16 is what was configured.
    fn is_of(&self, measurements: &Value, configuration: &str) {
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
struct Machine {
    folder: PathBuf,
    address: String,
    qemu: Process,
    host: Option<Process>,
    _vsock: Process,
}

impl Machine {
    fn start(name: &str, image: &Path, configuration: &str) -> Self {
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

    /// Waits until operations are answered.
    fn ready(&mut self) -> Service {
        let begun = Instant::now();
        let host = self.host.take().unwrap();
        let service = Service::at(self.folder.clone(), host, self.address.clone(), || {
            let ended = self.qemu.0.try_wait().unwrap();
            assert!(ended.is_none() && begun.elapsed() < BOOT, "{}", console(&self.folder));
        });
        println!("ready {:.1} s after its start (emulated)", begun.elapsed().as_secs_f64());
        service
    }

    fn ends(&mut self) {
        let begun = Instant::now();
        while self.qemu.0.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < BOOT, "{}", console(&self.folder));
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// The console has these words, and shows them to whoever reads the test's log.
    fn said(&self, words: &[&str]) {
        let console = console(&self.folder);
        console
            .lines()
            .filter(|line| line.contains("init: "))
            .for_each(|line| println!("  {line}"));
        for wanted in words {
            assert!(console.contains(wanted), "{wanted}:\n{console}");
        }
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

fn needed(name: &str) -> PathBuf {
    env::var_os(name).unwrap_or_else(|| panic!("{name} is not set: run `make enclave-test`")).into()
}

fn now_ms() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
