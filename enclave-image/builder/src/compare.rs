//! Holds what was built against what was published.

use std::{collections::BTreeSet, fmt};

use crate::measurements::{Input, Measurements};

/// What the comparison found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The same registers.
    Equal,
    /// Other registers, although the inputs are the same: these parts differ.
    Unexplained(Vec<String>),
    /// Other inputs: in the order of kind and name, as published and as used here.
    OtherInputs(Vec<(Option<Input>, Option<Input>)>),
}

/// Registers first; where they differ, inputs; where those are equal, parts.
pub(crate) fn compare(published: &Measurements, built: &Measurements) -> Outcome {
    // PCR8 says who signed, not what runs.
    let register = |of: &Measurements, name: &str| of.registers.get(name).cloned();
    if ["PCR0", "PCR1", "PCR2"].iter().all(|name| {
        let value = register(published, name);
        value.is_some() && value == register(built, name)
    }) {
        return Outcome::Equal;
    }
    let find = |list: &[Input], (kind, name): &(&str, &str)| {
        list.iter().find(|input| input.kind == *kind && input.name == *name).cloned()
    };
    let names = published.inputs.iter().chain(&built.inputs);
    let names: BTreeSet<_> =
        names.map(|input| (input.kind.as_str(), input.name.as_str())).collect();
    let pairs = names.iter().map(|name| (find(&published.inputs, name), find(&built.inputs, name)));
    let others: Vec<_> = pairs.filter(|(published, built)| published != built).collect();
    if !others.is_empty() {
        return Outcome::OtherInputs(others);
    }
    let mut parts: Vec<String> = published
        .parts
        .keys()
        .chain(built.parts.keys())
        .filter(|name| published.parts.get(*name) != built.parts.get(*name))
        .cloned()
        .collect();
    if published.cmdline != built.cmdline {
        parts.push("cmdline".to_owned());
    }
    parts.sort();
    parts.dedup();
    Outcome::Unexplained(parts)
}

impl Outcome {
    /// The exit code.
    pub(crate) const fn code(&self) -> u8 {
        match self {
            Self::Equal => 0,
            Self::Unexplained(_) => 1,
            Self::OtherInputs(_) => 3,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equal => writeln!(f, "equal: PCR0, PCR1 and PCR2 are the published ones"),
            Self::Unexplained(parts) => {
                writeln!(
                    f,
                    "different, from the same inputs; the parts that differ: {}",
                    parts.join(", ")
                )
            }
            Self::OtherInputs(inputs) => {
                writeln!(f, "different, from other inputs (published, then here):")?;
                for (published, built) in inputs {
                    let Some(either) = published.as_ref().or(built.as_ref()) else { continue };
                    let says = |input: &Option<Input>| {
                        input.as_ref().map_or("none".to_owned(), |input| {
                            format!("{} {}", input.version, input.sha256.get(..16).unwrap_or("?"))
                        })
                    };
                    let (kind, name) = (&either.kind, &either.name);
                    writeln!(f, "  {kind} {name}: {} -> {}", says(published), says(built))?;
                }
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measurements::Part;

    fn measurements(pcr0: &str, kernel: &str, gcc: &str) -> Measurements {
        let registers = [("PCR0", pcr0), ("PCR1", "1"), ("PCR2", "2")];
        let part = Part { bytes: 1, sha256: kernel.to_owned() };
        let input = |name: &str, version: &str| Input {
            kind: "toolchain".to_owned(),
            name: name.to_owned(),
            version: version.to_owned(),
            sha256: "00".repeat(32),
        };
        Measurements {
            registers: registers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            cmdline: String::new(),
            parts: [("kernel".to_owned(), part)].into(),
            inputs: vec![input("gcc", gcc), input("rustc", "1.95.0")],
        }
    }

    #[test]
    fn a_difference_is_named() {
        let published = measurements("0", "k", "12");
        assert_eq!(compare(&published, &measurements("0", "k", "12")), Outcome::Equal);
        assert_eq!(compare(&published, &measurements("0", "k", "13")).code(), 0, "equal is equal");
        let other = compare(&published, &measurements("f", "l", "12"));
        assert_eq!(other, Outcome::Unexplained(vec!["kernel".to_owned()]));
        let other = compare(&published, &measurements("f", "l", "13"));
        assert_eq!(other.code(), 3);
        assert!(other.to_string().contains("toolchain gcc: 12 "), "{other}");
        assert!(!other.to_string().contains("rustc"), "{other}");
        let mut nothing = measurements("0", "k", "12");
        nothing.registers.clear();
        assert_ne!(compare(&nothing, &nothing), Outcome::Equal, "nothing equals nothing: no");
    }
}
