//! The example operation, end to end, with the programs that `make build` leaves: libtorch, an
//! attester, a proof, and the command line that accepts or refuses.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

fn assay(folder: &Path, arguments: &[&str]) -> Output {
    let program = root().join("target/release/assay");
    assert!(program.exists(), "run `make build` first: {} is missing", program.display());
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env_clear()
        .env("HOME", folder)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const NONCE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

struct Run {
    folder: PathBuf,
    image: String,
}

impl Run {
    fn new(name: &str, digit: u8, more: &[&str]) -> Self {
        let folder = root().join("target/tmp").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        let image = root().join(format!("models/digits/images/digit-{digit}.png"));
        let image = image.to_str().unwrap().to_owned();
        let operation = root().join("models/digits/operation.toml");
        let input = format!("image={image}");
        let mut arguments = vec!["run", operation.to_str().unwrap(), "--input", &input];
        arguments.extend(["--nonce", NONCE, "-o", "receipt.cbor"]);
        arguments.extend(more);
        let run = assay(&folder, &arguments);
        assert!(run.status.success(), "{}{}", text(&run.stdout), text(&run.stderr));
        assert!(text(&run.stdout).contains(&format!("digit = {digit}\n")), "{}", text(&run.stdout));
        let learned = assay(&folder, &["policy", "from", "receipt.cbor", "-o", "learned.json"]);
        assert!(learned.status.success(), "{}", text(&learned.stderr));
        let policy = fs::read_to_string(folder.join("learned.json")).unwrap();
        let read: String = policy
            .lines()
            .filter(|line| !line.contains("unreviewed"))
            .collect::<Vec<_>>()
            .join("\n");
        fs::write(folder.join("policy.json"), read).unwrap();
        Self { folder, image }
    }

    fn verify(&self, receipt: &str, policy: &str, more: &[&str]) -> (Option<i32>, String) {
        let value = format!("image={}", self.image);
        let mut arguments = vec!["verify", receipt, "--policy", policy, "--value", &value];
        arguments.extend(more);
        let output = assay(&self.folder, &arguments);
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    }
}

#[test]
fn a_digit_is_read_attested_proved_and_accepted() {
    let run = Run::new("digits", 7, &[]);
    let (code, out) = run.verify("receipt.cbor", "policy.json", &[]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.starts_with("accepted\n  digit = 7\n"), "{out}");
    assert!(out.contains("shown by tee") && out.contains("shown by zk"), "{out}");
    assert!(out.contains("development attester"), "{out}");

    let (code, out) = run.verify("receipt.cbor", "policy.json", &["--archived"]);
    assert_eq!(code, Some(0), "{out}");

    let (code, out) = run.verify("receipt.cbor", "learned.json", &[]);
    assert_eq!(code, Some(1), "{out}");
    assert!(out.starts_with("refused: policy-unreviewed"), "{out}");

    // Another picture than the one that was sent.
    let other = root().join("models/digits/images/digit-3.png");
    let other = format!("image={}", other.display());
    let arguments = ["verify", "receipt.cbor", "--policy", "policy.json", "--value", &other];
    let output = assay(&run.folder, &arguments);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).starts_with("refused: opening-mismatch"));
}

#[test]
fn a_document_of_its_own_works_too() {
    let run = Run::new("digits-document", 3, &["--document"]);
    let (code, out) = run.verify("receipt.cbor", "policy.json", &[]);
    assert_eq!(code, Some(0), "{out}");
}

#[test]
fn changed_and_absent_files_have_their_exit_codes() {
    let run = Run::new("digits-changed", 1, &[]);
    let mut receipt = fs::read(run.folder.join("receipt.cbor")).unwrap();
    let last = receipt.len() - 1;
    receipt[last] ^= 1;
    fs::write(run.folder.join("changed.cbor"), &receipt).unwrap();
    fs::write(run.folder.join("short.cbor"), &receipt[..last]).unwrap();
    for (file, expected) in [("changed.cbor", 1), ("short.cbor", 1), ("absent.cbor", 2)] {
        let (code, out) = run.verify(file, "policy.json", &[]);
        assert_eq!(code, Some(expected), "{file}: {out}");
    }
    let (code, out) = run.verify("receipt.cbor", "absent.json", &[]);
    assert_eq!(code, Some(2), "{out}");
    let (code, out) = run.verify("receipt.cbor", "policy.json", &["--now-ms", "1795231877"]);
    assert_eq!(code, Some(2), "{out}");
    assert!(out.contains("looks like seconds"), "{out}");
}

/// `assay` needs no libtorch, and both programs run with no variable set (see `assay` above).
#[test]
fn the_command_line_is_free_of_libtorch() {
    let needs = |program: &str| {
        let path = root().join("target/release").join(program);
        let output = Command::new("readelf").arg("-d").arg(path).output().unwrap();
        assert!(output.status.success());
        text(&output.stdout)
    };
    assert!(!needs("assay").contains("torch"), "{}", needs("assay"));
    assert!(needs("assay-engine").contains("torch"));
}
