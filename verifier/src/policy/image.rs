//! The enclave images that a policy accepts (FORMAT.md §9.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::json;
use crate::attestation::{Pcr, PcrSet, Root};

/// One enclave image: its registers, and the root that its documents end at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pcrs: PcrSet,
    root: Root,
    accept_debug_enclave: bool,
}

impl Image {
    /// An image whose documents end at `root`.
    pub const fn new(pcrs: PcrSet, root: Root) -> Self {
        Self { pcrs, root, accept_debug_enclave: false }
    }

    /// Registers that must all be present and equal.
    pub const fn pcrs(&self) -> &PcrSet {
        &self.pcrs
    }

    /// The root.
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// Whether an enclave whose memory its host could read is accepted.
    pub const fn accepts_debug_enclave(&self) -> bool {
        self.accept_debug_enclave
    }

    /// The words in it that loosen a check.
    pub(super) fn loosened(&self) -> impl Iterator<Item = String> {
        let root = (!self.root.is_aws()).then(|| {
            format!("accept_root_other_than_aws: {} is not AWS", self.root.subject_common_name())
        });
        let debug = self
            .accept_debug_enclave
            .then(|| "accept_debug_enclave: the host can read and change its memory".to_owned());
        root.into_iter().chain(debug)
    }
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImageJson {
    #[serde(deserialize_with = "json::unique")]
    pcrs: BTreeMap<String, String>,
    /// DER bytes of a root certificate, hexadecimal.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    accept_root_other_than_aws: Option<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    accept_debug_enclave: bool,
}

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pcrs = self.pcrs.iter().map(|(index, pcr)| (index.to_string(), pcr.to_string()));
        ImageJson {
            pcrs: pcrs.collect(),
            accept_root_other_than_aws: (!self.root.is_aws()).then(|| hex::encode(self.root.der())),
            accept_debug_enclave: self.accept_debug_enclave,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = ImageJson::deserialize(from)?;
        let mut pcrs = Vec::new();
        for (index, pcr) in &json.pcrs {
            let number: u8 = index.parse().map_err(D::Error::custom)?;
            if number.to_string() != *index {
                return Err(D::Error::custom(format_args!("{index:?} is no register number")));
            }
            pcrs.push((number, pcr.parse::<Pcr>().map_err(D::Error::custom)?));
        }
        let root = match json.accept_root_other_than_aws {
            None => Root::aws_g1(),
            Some(text) => {
                let der = hex::decode(&text).map_err(D::Error::custom)?;
                Root::named(&der).map_err(D::Error::custom)?
            }
        };
        Ok(Self {
            pcrs: PcrSet::new(pcrs).map_err(D::Error::custom)?,
            root,
            accept_debug_enclave: json.accept_debug_enclave,
        })
    }
}
