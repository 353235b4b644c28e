//! The enclave images that a policy accepts (FORMAT.md §9.5).

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as DeError};

use crate::{
    Error,
    attestation::{Pcr, PcrSet, Root},
    ids::Name,
    json, printable,
};

/// One enclave image: its registers, and the root that its documents end at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    pcrs: PcrSet,
    root: Root,
    accept_debug_enclave: bool,
    accept_configuration_not_pinned: bool,
}

impl Image {
    /// An image whose documents end at `root`.
    pub const fn new(pcrs: PcrSet, root: Root) -> Self {
        Self { pcrs, root, accept_debug_enclave: false, accept_configuration_not_pinned: false }
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

    /// Whether registers that the enclave's own software extends may hold anything, where they are not pinned.
    pub const fn accepts_configuration_not_pinned(&self) -> bool {
        self.accept_configuration_not_pinned
    }

    /// Refuses an enclave whose own software extended a register that this image neither pins nor leaves open.
    pub(crate) fn configured(
        &self,
        name: &Name,
        mut found: impl Iterator<Item = (u8, Pcr)>,
    ) -> Result<(), Error> {
        let open =
            |(index, pcr): &(u8, Pcr)| configures(*index, *pcr) && self.pcrs.get(*index).is_none();
        match found.find(open) {
            Some((register, found)) if !self.accept_configuration_not_pinned => {
                Err(Error::ConfigurationNotPinned { image: name.clone(), register, found })
            }
            _ => Ok(()),
        }
    }

    /// The words in it that loosen a check.
    pub(super) fn loosened(&self) -> impl Iterator<Item = String> {
        let root = (!self.root.is_aws()).then(|| {
            let name = printable(self.root.subject_common_name());
            format!("accept_root_other_than_aws: {name} is not AWS")
        });
        let debug = self
            .accept_debug_enclave
            .then(|| "accept_debug_enclave: the host can read and change its memory".to_owned());
        let configuration = self.accept_configuration_not_pinned.then(|| {
            "accept_configuration_not_pinned: the image may have been configured with anything"
                .to_owned()
        });
        root.into_iter().chain(debug).chain(configuration)
    }
}

/// Whether a register was extended by the enclave's own software: PCR 16 to 31 are its to use, and our image measures its
/// configuration there. FORMAT.md §9.5.
pub(super) fn configures(index: u8, pcr: Pcr) -> bool {
    index >= 16 && pcr != Pcr::ZERO
}

/// The JSON form.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
struct ImageJson {
    #[serde(deserialize_with = "json::unique")]
    pcrs: BTreeMap<String, String>,
    /// DER bytes of a root certificate, hexadecimal.
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    accept_root_other_than_aws: Option<String>,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    accept_debug_enclave: bool,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    accept_configuration_not_pinned: bool,
}
json::only_objects!(ImageJson);

impl Serialize for Image {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let pcrs = self.pcrs.iter().map(|(index, pcr)| (index.to_string(), pcr.to_string()));
        ImageJson {
            pcrs: pcrs.collect(),
            accept_root_other_than_aws: (!self.root.is_aws()).then(|| hex::encode(self.root.der())),
            accept_debug_enclave: self.accept_debug_enclave,
            accept_configuration_not_pinned: self.accept_configuration_not_pinned,
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Image {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = <ImageJson as Deserialize>::deserialize(from)?;
        let mut pcrs = Vec::new();
        for (index, pcr) in &json.pcrs {
            let number: u8 = index.parse().map_err(DeError::custom)?;
            if number.to_string() != *index {
                return Err(DeError::custom(format_args!("{index:?} is no register number")));
            }
            pcrs.push((number, pcr.parse::<Pcr>().map_err(DeError::custom)?));
        }
        let root = match json.accept_root_other_than_aws {
            None => Root::aws_g1(),
            Some(text) => {
                let der = hex::decode(&text).map_err(DeError::custom)?;
                Root::named(&der).map_err(DeError::custom)?
            }
        };
        Ok(Self {
            pcrs: PcrSet::new(pcrs).map_err(DeError::custom)?,
            root,
            accept_debug_enclave: json.accept_debug_enclave,
            accept_configuration_not_pinned: json.accept_configuration_not_pinned,
        })
    }
}
