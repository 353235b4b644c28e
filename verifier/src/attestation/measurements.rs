//! Measurements as image builders print them.

use super::{
    json::Json,
    pcr::{Pcr, PcrSet},
    policy_error::PolicyError,
    policy_json::pcr_index,
    sample::shorten,
};

impl PcrSet {
    /// Reads what `nitro-cli build-enclave` and `describe-eif` print, and the `measurements.json`
    /// of our own image: `{"Measurements": {"HashAlgorithm": "Sha384 { ... }", "PCR0": hex, …}}`.
    ///
    /// Fields beside `Measurements` belong to the builder and are not read; inside it only
    /// `HashAlgorithm` and `PCR0` to `PCR31` are known. PCR 0, 1 and 2 must be there.
    pub fn from_measurements_json(bytes: &[u8]) -> Result<Self, PolicyError> {
        let json = Json::parse(bytes)?;
        let outer = json.fields_and_others("the measurements")?;
        let measurements = outer.require("Measurements")?;
        let mut pcrs = Vec::new();
        let mut algorithm = None;
        for (name, value) in measurements.entries("Measurements")? {
            if name == "HashAlgorithm" {
                algorithm = Some(value.text("HashAlgorithm")?);
                continue;
            }
            let number = name
                .strip_prefix("PCR")
                .ok_or_else(|| PolicyError::FieldUnknown { name: shorten(name) })?;
            pcrs.push((pcr_index(number)?, value.text("PCR")?.parse::<Pcr>()?));
        }
        match algorithm.ok_or(PolicyError::FieldMissing { field: "HashAlgorithm" })? {
            "Sha384 { ... }" => Self::new(pcrs),
            found => Err(PolicyError::HashAlgorithm { found: shorten(found) }),
        }
    }
}
