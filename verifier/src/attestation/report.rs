//! What an accepted document says and what remains to be trusted; and, apart from it, what
//! unverified bytes say (FORMAT.md §8.10).

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    document::Document,
    error::Error,
    name,
    pcr::{CODE, Pcr},
    policy::{DebugEnclaves, Names, Nonce, Policy, PublicKey, UserData},
    roots::Root,
    verify::{Archived, Authentic, Live, Mode},
};
use crate::printable;

/// What an accepted document says. Only a [`Live`] or an [`Archived`] has one.
///
/// Times are milliseconds since 1970, bytes are lower-case hexadecimal.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Always `accepted`: a refusal is an [`Error`].
    pub verdict: &'static str,
    /// Which clock it was accepted by.
    pub mode: Clock,
    /// Where the chain begins.
    pub root: RootReport,
    /// The enclave.
    pub module_id: String,
    /// The EC2 instance that it runs on.
    pub instance: String,
    /// The AWS region; none where the policy leaves names unchecked.
    pub region: Option<String>,
    /// When the enclave was launched, if its module id says so: to be shown, not relied on (S39).
    pub launched_ms: Option<u64>,
    /// When the hypervisor made the document.
    pub timestamp_ms: u64,
    /// First and last moment of the leaf certificate.
    pub leaf_ms: [i64; 2],
    /// How the enclave was started: `production` or `debug`.
    pub enclave: &'static str,
    /// Which of the policy's sets of registers matched, counted from 0.
    pub matched_set: usize,
    /// The registers, by number.
    pub pcrs: BTreeMap<u8, String>,
    /// The three fields that the enclave's program filled.
    pub public_key: Option<String>,
    /// See `public_key`.
    pub user_data: Option<String>,
    /// See `public_key`.
    pub nonce: Option<String>,
    /// SHA-256 of the signed payload: with module id and timestamp it tells documents apart.
    pub payload_sha256: String,
    /// Every word of the policy that loosens a check.
    pub loosened: Vec<&'static str>,
    /// What remains to be trusted.
    pub trust: Vec<String>,
}

/// The clock of a verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "clock")]
pub enum Clock {
    /// As of the document's own timestamp: nothing is said about now.
    Archived,
    /// As of the caller's time.
    Live {
        /// That time.
        now_ms: u64,
    },
}

/// The root of a chain.
#[derive(Clone, Debug, Serialize)]
pub struct RootReport {
    /// Whether it is AWS's own.
    pub aws: bool,
    /// The common name of its subject: its own word unless it is AWS's.
    pub common_name: String,
    /// SHA-256 of its DER.
    pub sha256: String,
}

/// What unverified bytes say: for looking at, never for deciding.
#[derive(Clone, Debug, Serialize)]
pub struct Inspection {
    /// Says so.
    pub notice: &'static str,
    /// What the document says its module is.
    pub module_id: String,
    /// The instance in it, where it is an enclave's.
    pub instance: Option<String>,
    /// The region in the leaf's common name, where that is of the usual form.
    pub region: Option<String>,
    /// The launch time in the module id.
    pub launched_ms: Option<u64>,
    /// When the document says it was made.
    pub timestamp_ms: u64,
    /// `production` or `debug`, by its registers.
    pub enclave: &'static str,
    /// The registers, by number.
    pub pcrs: BTreeMap<u8, String>,
    /// The three fields that the enclave's program filled.
    pub public_key: Option<String>,
    /// See `public_key`.
    pub user_data: Option<String>,
    /// See `public_key`.
    pub nonce: Option<String>,
    /// The chain as it stands there: root first, leaf last.
    pub certificates: Vec<CertificateReport>,
}

/// One certificate, unverified.
#[derive(Clone, Debug, Serialize)]
pub struct CertificateReport {
    /// Its subject's common name, where there is exactly one.
    pub common_name: Option<String>,
    /// First and last moment of its validity.
    pub window_ms: [i64; 2],
    /// Its serial number.
    pub serial: String,
}

impl Live<'_> {
    /// What the document says, and what remains to be trusted.
    pub fn report(&self) -> Report {
        let authentic = self.authentic();
        let clock = Clock::Live { now_ms: authentic.at().get() };
        Report::new(authentic, clock, self.matched_set(), self.loosened())
    }
}

impl Archived<'_> {
    /// What the document says, and what remains to be trusted.
    pub fn report(&self) -> Report {
        Report::new(self.authentic(), Clock::Archived, self.matched_set(), self.loosened())
    }
}

impl Report {
    fn new(
        authentic: &Authentic<'_>,
        mode: Clock,
        matched_set: usize,
        loosened: &[&'static str],
    ) -> Self {
        let (from, to) = authentic.leaf_window();
        let root = authentic.root();
        Self {
            verdict: "accepted",
            mode,
            root: RootReport {
                aws: root.is_aws(),
                common_name: shown(root.subject_common_name()),
                sha256: hex::encode(root.sha256()),
            },
            module_id: shown(authentic.module_id()),
            instance: shown(authentic.instance()),
            region: authentic.region().map(shown),
            launched_ms: authentic.launched_unix_millis(),
            timestamp_ms: authentic.timestamp().get(),
            leaf_ms: [from.unix_millis(), to.unix_millis()],
            enclave: started(authentic.mode()),
            matched_set,
            pcrs: registers(authentic.pcrs()),
            public_key: authentic.public_key().map(hex::encode),
            user_data: authentic.user_data().map(hex::encode),
            nonce: authentic.nonce().map(hex::encode),
            payload_sha256: hex::encode(authentic.payload_sha256()),
            loosened: loosened.into(),
            trust: bill(authentic, mode, loosened),
        }
    }

    /// JSON text: two spaces of indentation, a final line feed.
    pub fn to_json(&self) -> String {
        text(self)
    }
}

impl Inspection {
    /// Decodes a document and the certificates in it, and checks nothing else.
    pub fn of(bytes: &[u8]) -> Result<Self, Error> {
        let document = Document::parse(bytes)?;
        let chain = document.unverified_chain()?;
        let module_id = document.unverified_module_id();
        let leaf_name = chain.last().and_then(|leaf| leaf.common_name().ok());
        let zero = |index| document.unverified_pcrs().any(|pcr| pcr == (index, Pcr::ZERO));
        let certificates = chain.iter().map(|certificate| CertificateReport {
            common_name: certificate.common_name().ok().map(shown),
            window_ms: [certificate.not_before(), certificate.not_after()]
                .map(|time| time.unix_millis()),
            serial: hex::encode(certificate.serial()),
        });
        Ok(Self {
            notice: "NOT VERIFIED: this is what the bytes say",
            module_id: shown(module_id),
            instance: name::instance(module_id).map(shown),
            region: leaf_name.and_then(|leaf| name::region(module_id, leaf)).map(shown),
            launched_ms: name::launched(module_id),
            timestamp_ms: document.unverified_timestamp().get(),
            enclave: started(match CODE.into_iter().all(zero) {
                true => Mode::Debug,
                false => Mode::Production,
            }),
            pcrs: registers(document.unverified_pcrs()),
            public_key: document.unverified_public_key().map(hex::encode),
            user_data: document.unverified_user_data().map(hex::encode),
            nonce: document.unverified_nonce().map(hex::encode),
            certificates: certificates.collect(),
        })
    }

    /// JSON text: two spaces of indentation, a final line feed.
    pub fn to_json(&self) -> String {
        text(self)
    }
}

/// The words of a policy that loosen a check, in the order of FORMAT.md §8.7.
pub(super) fn loosened(policy: &Policy) -> Vec<&'static str> {
    let Policy { trust, images, debug, binding, freshness: _ } = policy;
    let unpinned = images.iter().any(|set| CODE.into_iter().any(|index| set.get(index).is_none()));
    [
        (binding.nonce == Nonce::AnyNonceAccepted, "any_nonce_accepted"),
        (binding.user_data == UserData::AnyUserDataAccepted, "any_user_data_accepted"),
        (binding.public_key == PublicKey::AnyPublicKeyAccepted, "any_public_key_accepted"),
        (!trust.root.is_aws(), "accept_root_other_than_aws"),
        (*debug == DebugEnclaves::AcceptedUnmeasured, "accept_debug_enclave"),
        (unpinned, "accept_code_not_pinned"),
        (trust.names == Names::Unchecked, "accept_names_not_checked"),
    ]
    .into_iter()
    .filter_map(|(used, word)| used.then_some(word))
    .collect()
}

fn bill(authentic: &Authentic<'_>, mode: Clock, loosened: &[&'static str]) -> Vec<String> {
    let mut lines = vec![whose(authentic.root())];
    lines.push(match authentic.mode() {
        Mode::Production => {
            "the pinned image: that its code does what you take it to do".to_owned()
        }
        Mode::Debug => {
            "a debug enclave: nothing was measured, and its host could change it".to_owned()
        }
    });
    if mode == Clock::Archived {
        lines.push("as of its own time: nothing is said about now".to_owned());
    }
    for (word, line) in LOOSE {
        if loosened.contains(&word) {
            lines.push(line.to_owned());
        }
    }
    lines.push("integrity only: the host sees what goes in and out".to_owned());
    lines
}

fn whose(root: &Root) -> String {
    let (who, sha256) = (shown(root.subject_common_name()), hex::encode(root.sha256()));
    match (root.is_aws(), root.is_development()) {
        (true, _) => "AWS Nitro hardware root G1".to_owned(),
        (false, true) => format!(
            "NOT AWS: development attester, root {who:?} {sha256} named by the policy; whoever holds its key can attest anything"
        ),
        (false, false) => format!(
            "NOT AWS: root {who:?} {sha256} named by the policy; whoever holds its key can attest anything"
        ),
    }
}

const fn started(mode: Mode) -> &'static str {
    match mode {
        Mode::Debug => "debug",
        Mode::Production => "production",
    }
}

/// A document's own text, as a report may repeat it.
fn shown(text: &str) -> String {
    printable(text).into_owned()
}

fn registers(pcrs: impl Iterator<Item = (u8, Pcr)>) -> BTreeMap<u8, String> {
    pcrs.map(|(index, pcr)| (index, pcr.to_string())).collect()
}

fn text(value: &impl Serialize) -> String {
    // Cannot fail: text keys, and nothing that JSON lacks.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// What a waived demand leaves open.
const LOOSE: [(&str, &str); 5] = [
    ("any_nonce_accepted", "the nonce was not compared: it may be somebody else's document"),
    ("any_user_data_accepted", "the user data was not compared"),
    (
        "any_public_key_accepted",
        "the public key was not compared: nothing ties a channel to the enclave",
    ),
    ("accept_code_not_pinned", "PCR 0, 1 and 2 are not all pinned: other code may have run"),
    ("accept_names_not_checked", "the certificates' names were not compared with the module"),
];
