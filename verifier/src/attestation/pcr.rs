//! Registers, and the sets of them that a caller pins.

use core::fmt;
use core::str::FromStr;

use super::{error::Error, policy_error::PolicyError};

/// A platform configuration register: the 48 bytes of a SHA-384 measurement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Pcr([u8; 48]);

impl Pcr {
    /// What a register holds that nothing was measured into.
    pub const ZERO: Self = Self([0; 48]);

    /// The 48 bytes.
    pub const fn as_bytes(&self) -> &[u8; 48] {
        &self.0
    }
}

impl From<[u8; 48]> for Pcr {
    fn from(bytes: [u8; 48]) -> Self {
        Self(bytes)
    }
}

impl FromStr for Pcr {
    type Err = PolicyError;

    /// Accepts exactly 96 hexadecimal digits, of either case.
    fn from_str(text: &str) -> Result<Self, PolicyError> {
        let mut bytes = [0; 48];
        hex::decode_to_slice(text, &mut bytes)
            .map_err(|_| PolicyError::PcrValue { found: text.chars().take(100).collect() })?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Pcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Pcr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pcr({self})")
    }
}

/// The registers of a document: any of 0 to 31, each at most once.
#[derive(Clone, Debug, Default)]
pub(super) struct Pcrs([Option<Pcr>; 32]);

impl Pcrs {
    pub(super) fn insert(&mut self, index: u8, pcr: Pcr) -> Result<(), Error> {
        let slot = self.0.get_mut(usize::from(index));
        let slot = slot.ok_or(Error::PcrIndex { found: index.into() })?;
        match slot.replace(pcr) {
            None => Ok(()),
            Some(_) => Err(Error::PcrDuplicate { index }),
        }
    }

    pub(super) fn get(&self, index: u8) -> Option<Pcr> {
        self.0.get(usize::from(index)).copied().flatten()
    }

    /// The registers there are, ascending.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u8, Pcr)> {
        (0..).zip(self.0).filter_map(|(index, pcr)| pcr.map(|pcr| (index, pcr)))
    }
}

/// Registers that must all be present and equal: one permitted image (S41).
///
/// Never empty. It pins PCR 0, 1 and 2, because PCR 0 hashes the image's sections without their
/// lengths, so that it alone does not fix where one ends and the next begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrSet(Vec<(u8, Pcr)>);

impl PcrSet {
    /// A set that pins PCR 0, 1 and 2, and whatever else it lists, by number 0 to 31.
    pub fn new(pcrs: impl IntoIterator<Item = (u8, Pcr)>) -> Result<Self, PolicyError> {
        let set = Self::new_leaving_code_measurements_unpinned(pcrs)?;
        for index in CODE {
            if set.get(index).is_none() {
                return Err(PolicyError::PcrSetIncomplete { missing: index });
            }
        }
        Ok(set)
    }

    /// A set of at least one register that need not pin PCR 0, 1 and 2: other code than the
    /// caller has in mind may match it.
    pub fn new_leaving_code_measurements_unpinned(
        pcrs: impl IntoIterator<Item = (u8, Pcr)>,
    ) -> Result<Self, PolicyError> {
        let mut set = Self(Vec::new());
        for (index, pcr) in pcrs {
            if index > 31 {
                return Err(PolicyError::PcrKey { found: index.to_string().into() });
            }
            if set.get(index).is_some() {
                return Err(PolicyError::PcrTwice { index });
            }
            set.0.push((index, pcr));
        }
        if set.0.is_empty() {
            return Err(PolicyError::PcrSetEmpty);
        }
        set.0.sort_by_key(|(index, _)| *index);
        Ok(set)
    }

    /// What is pinned, ascending by number.
    pub fn iter(&self) -> impl Iterator<Item = (u8, Pcr)> {
        self.0.iter().copied()
    }

    /// What register `index` must be, if it is pinned.
    pub fn get(&self, index: u8) -> Option<Pcr> {
        self.iter().find_map(|(pinned, pcr)| (pinned == index).then_some(pcr))
    }

    /// The first pinned register that is absent or different.
    pub(super) fn first_difference(&self, pcrs: &Pcrs) -> Option<(u8, Pcr, Option<Pcr>)> {
        self.iter()
            .map(|(index, expected)| (index, expected, pcrs.get(index)))
            .find(|(_, expected, found)| *found != Some(*expected))
    }
}

/// Kernel, command line and ramdisks; the same without the application; the application.
pub(super) const CODE: [u8; 3] = [0, 1, 2];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_register_is_96_hex_digits() {
        let lower = "ab".repeat(48);
        assert_eq!(lower.parse::<Pcr>().unwrap().to_string(), lower);
        assert_eq!(lower.to_uppercase().parse::<Pcr>(), lower.parse::<Pcr>());
        for text in ["", "ab", &"ab".repeat(47), &"ab".repeat(49), &format!("0x{}", &lower[2..])] {
            assert!(matches!(text.parse::<Pcr>(), Err(PolicyError::PcrValue { .. })), "{text}");
        }
    }

    #[test]
    fn sets_are_whole() {
        let pcr = Pcr::from([1; 48]);
        assert_eq!(PcrSet::new([]), Err(PolicyError::PcrSetEmpty));
        assert_eq!(
            PcrSet::new([(0, pcr), (2, pcr)]),
            Err(PolicyError::PcrSetIncomplete { missing: 1 })
        );
        assert_eq!(
            PcrSet::new([(0, pcr), (1, pcr), (2, pcr), (0, pcr)]),
            Err(PolicyError::PcrTwice { index: 0 })
        );
        assert_eq!(PcrSet::new([(32, pcr)]), Err(PolicyError::PcrKey { found: "32".into() }));
        let set = PcrSet::new([(8, pcr), (2, pcr), (1, pcr), (0, pcr)]).unwrap();
        assert_eq!(set.iter().map(|(index, _)| index).collect::<Vec<_>>(), [0, 1, 2, 8]);
    }
}
