//! Distinguished names, and what module ids and common names say (S37, S39).

use super::{
    der::{OID, PRINTABLE_STRING, Reader, SEQUENCE, SET, UTF8_STRING},
    error::Error,
};

/// A distinguished name: compared as bytes, as it arrived.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'a> {
    pub(super) der: &'a [u8],
    common_name: Option<&'a str>,
    common_names: usize,
}

impl<'a> Name<'a> {
    /// `SEQUENCE OF SET OF SEQUENCE { OID, string }`, with one attribute per set.
    pub(super) fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let certificate = reader.certificate();
        let element = reader.expect(SEQUENCE)?;
        let mut parts = element.inner;
        let mut name = Self { der: element.whole, common_name: None, common_names: 0 };
        while parts.left() > 0 {
            let mut set = parts.expect(SET)?.inner;
            let mut attribute = set.expect(SEQUENCE)?.inner;
            set.finish()?;
            let kind = attribute.expect(OID)?.inner.rest();
            let value = attribute.element()?;
            attribute.finish()?;
            let bad = Error::DerValue { certificate, at: value.at, expected: "a utf-8 string" };
            if !matches!(value.tag, UTF8_STRING | PRINTABLE_STRING) {
                return Err(bad);
            }
            let text = core::str::from_utf8(value.inner.rest()).map_err(|_| bad)?;
            if kind == COMMON_NAME {
                name.common_name = Some(text);
                name.common_names = name.common_names.saturating_add(1);
            }
        }
        Ok(name)
    }

    /// The last common name, and how many there are.
    pub(super) const fn common_name(&self) -> (Option<&'a str>, usize) {
        (self.common_name, self.common_names)
    }
}

/// The instance of a module id: `i-0123456789abcdef0` of `i-0123456789abcdef0-enc…`.
///
/// None where the id names no enclave: the module of an EC2 instance with NitroTPM is `…-tpm…`.
pub(super) fn instance(module_id: &str) -> Option<&str> {
    let (instance, module) = module_id.rsplit_once('-')?;
    (!instance.is_empty() && module.starts_with("enc")).then_some(instance)
}

/// When the enclave was launched, in milliseconds since 1970, as its module id says: observed in
/// every document, promised by nobody.
pub(super) fn launched(module_id: &str) -> Option<u64> {
    let (_, module) = module_id.rsplit_once("-enc")?;
    let valid = module.len() == 16 && module.bytes().all(|byte| byte.is_ascii_hexdigit());
    valid.then(|| module.get(..12)).flatten().and_then(|hex| u64::from_str_radix(hex, 16).ok())
}

/// The region in the leaf's common name `<module id>.<region>.aws`.
pub(super) fn region<'a>(module_id: &str, leaf: &'a str) -> Option<&'a str> {
    leaf.strip_prefix(module_id)?
        .strip_prefix('.')?
        .strip_suffix(".aws")
        .filter(|region| !region.is_empty() && !region.contains('.'))
}

/// 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn module_ids_are_taken_apart() {
        let id = "i-0827e799ec9232d44-enc019b5640fdf630d6";
        assert_eq!(instance(id), Some("i-0827e799ec9232d44"));
        assert_eq!(launched(id), Some(0x019b_5640_fdf6));
        assert_eq!(region(id, &format!("{id}.us-east-1.aws")), Some("us-east-1"));
        for wrong in ["", ".aws", "..aws", ".a.b.aws", ".us-east-1.aws.x", "x.us-east-1.aws"] {
            assert_eq!(region(id, &format!("{id}{wrong}")), None, "{wrong}");
        }
        assert_eq!(instance("i-05473b8eb5f575457-tpm0000000000000000"), None);
        assert_eq!(instance("-enc019b5640fdf630d6"), None);
        assert_eq!(launched("i-1-enc019b5640fdf630d"), None);
        assert_eq!(launched("i-1-enc+19b5640fdf630d6"), None);
    }
}
