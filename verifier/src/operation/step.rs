//! One step of an operation: a function, its settings, and the values it takes and gives.

use std::collections::{BTreeMap, BTreeSet};

use ciborium::Value as Cbor;

use crate::{
    Error,
    cbor::{self, Item},
    ids::{CardDigest, ModelDigest, Name},
};

/// A way to make a claim believable. Methods are not ordered: none stands in for another.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum Method {
    /// The verifier does the step itself.
    Recompute,
    /// An enclave attests that it executed the step.
    Tee,
    /// A Groth16 proof.
    Zk,
}

impl Method {
    const ALL: [Self; 3] = [Self::Recompute, Self::Tee, Self::Zk];

    /// The name in the format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Recompute => "recompute",
            Self::Tee => "tee",
            Self::Zk => "zk",
        }
    }
}

impl TryFrom<String> for Method {
    type Error = String;

    /// From the name alone: an enum of `serde` would take `{"tee": null}` too.
    fn try_from(name: String) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|method| method.name() == name);
        known.ok_or_else(|| format!("a method is recompute, tee or zk, found {name:?}"))
    }
}

impl core::fmt::Display for Method {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of methods; the empty set is the method `none`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Methods(BTreeSet<Method>);

impl Methods {
    /// The set of these methods.
    pub fn of(methods: &[Method]) -> Self {
        Self(methods.iter().copied().collect())
    }

    /// Whether `method` is in the set.
    pub fn contains(&self, method: Method) -> bool {
        self.0.contains(&method)
    }

    /// Adds a method.
    pub fn insert(&mut self, method: Method) {
        self.0.insert(method);
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether every method of `self` is in `other`.
    pub fn within(&self, other: &Self) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The methods of `self` that `other` has not.
    pub fn without(&self, other: &Self) -> Self {
        Self(self.0.difference(&other.0).copied().collect())
    }

    /// The methods, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = Method> + '_ {
        self.0.iter().copied()
    }
}

impl core::fmt::Display for Methods {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        if self.is_empty() {
            return f.write_str("none");
        }
        let names: Vec<_> = self.iter().map(Method::name).collect();
        f.write_str(&names.join("+"))
    }
}

impl<'de> serde::Deserialize<'de> for Methods {
    /// A list without repetitions.
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let list = <Vec<Method> as serde::Deserialize>::deserialize(from)?;
        let set = Self::of(&list);
        if set.0.len() != list.len() {
            return Err(serde::de::Error::custom("a method is named twice"));
        }
        Ok(set)
    }
}

/// What a step computes. FORMAT.md §3.3.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Function {
    /// Cheap deterministic integer arithmetic that the verifier knows; its parameters are the
    /// step's settings. FORMAT.md §7.
    Glue(Name),
    /// A model.
    Model(ModelDigest),
}

impl core::fmt::Display for Function {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Glue(name) => write!(f, "glue {name}"),
            Self::Model(digest) => write!(f, "model {digest}"),
        }
    }
}

/// One effective setting. Numbers that are not integers are written as text. FORMAT.md §3.3.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum Setting {
    /// Yes or no.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A word or a decimal number.
    Text(String),
}

impl Setting {
    /// Longest text, in bytes: a word, a number or a path, never a prompt.
    pub const MAX_TEXT: usize = 256;
}

impl core::fmt::Display for Setting {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Text(value) => f.write_str(value),
        }
    }
}

/// Effective settings of a step, by name.
pub type Settings = BTreeMap<Name, Setting>;

/// One step: a claim about the values it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its name, once in the operation.
    pub name: Name,
    /// What it computes.
    pub function: Function,
    /// How, after defaults.
    pub settings: Settings,
    /// Indices into the value table, in the order in which the function takes them.
    pub inputs: Vec<u32>,
    /// Indices into the value table, in the order in which the function gives them.
    pub outputs: Vec<u32>,
    /// The evidence that is promised; the empty set is `none`.
    pub methods: Methods,
    /// The key card, where `zk` is promised.
    pub card: Option<CardDigest>,
}

impl Step {
    /// Most inputs and most outputs.
    pub(crate) const MAX_VALUES: usize = 64;
    /// Most settings: a language model has some twenty.
    pub(crate) const MAX_SETTINGS: usize = 64;

    /// What one step can say without looking at others. FORMAT.md §3.2.
    pub(super) fn check(&self) -> Result<(), Error> {
        let refuse = |why| Err(Error::StepInvalid { step: self.name.clone(), why });
        let bounded = |list: &[u32]| (1..=Self::MAX_VALUES).contains(&list.len());
        if !bounded(&self.inputs) || !bounded(&self.outputs) {
            return refuse("it takes 1 to 64 values and gives 1 to 64");
        }
        if self.card.is_some() != self.methods.contains(Method::Zk) {
            return refuse("a key card goes with a promise of zk, and only with one");
        }
        match self.function {
            Function::Model(_) if self.methods.contains(Method::Recompute) => {
                refuse("a verifier recomputes glue, not models")
            }
            Function::Glue(_) if self.methods.contains(Method::Zk) => refuse("glue has no circuit"),
            _ => Ok(()),
        }
    }

    pub(super) fn to_cbor(&self) -> Cbor {
        let function = match &self.function {
            Function::Glue(name) => [cbor::text("glue"), cbor::text(name.as_str())],
            Function::Model(digest) => [cbor::text("model"), cbor::bytes(digest.as_bytes())],
        };
        let settings = self.settings.iter().map(|(name, setting)| {
            let setting = match setting {
                Setting::Bool(value) => Cbor::Bool(*value),
                Setting::Int(value) => cbor::int(*value),
                Setting::Text(value) => cbor::text(value),
            };
            (name.as_str(), setting)
        });
        let indices = |list: &[u32]| cbor::array(list.iter().map(|i| cbor::uint(u64::from(*i))));
        let fields = [
            ("name", cbor::text(self.name.as_str())),
            ("function", cbor::array(function)),
            ("settings", cbor::map(settings)),
            ("inputs", indices(&self.inputs)),
            ("outputs", indices(&self.outputs)),
            ("methods", cbor::array(self.methods.iter().map(|m| cbor::text(m.name())))),
        ];
        let card = self.card.map(|card| ("card", cbor::bytes(card.as_bytes())));
        cbor::map(fields.into_iter().chain(card))
    }

    pub(super) fn from_cbor(item: Item<'_>) -> Result<Self, Error> {
        let mut fields = item.fields("step")?;
        let indices = |item: Item<'_>| -> Result<Vec<u32>, Error> {
            let items = item.list()?;
            if items.len() > Self::MAX_VALUES {
                return item.refuse("a list of 1 to 64");
            }
            items.map(Item::u32).collect()
        };
        let step = Self {
            name: Name::new(fields.take("name")?.text()?)?,
            function: function_from_cbor(fields.take("function")?)?,
            settings: settings_from_cbor(fields.take("settings")?)?,
            inputs: indices(fields.take("inputs")?)?,
            outputs: indices(fields.take("outputs")?)?,
            methods: methods_from_cbor(fields.take("methods")?)?,
            card: match fields.take_optional("card") {
                Some(item) => Some(CardDigest::new(item.fixed()?)),
                None => None,
            },
        };
        fields.finish()?;
        Ok(step)
    }
}

fn function_from_cbor(item: Item<'_>) -> Result<Function, Error> {
    const EXPECTED: &str = r#"["model", digest] or ["glue", name]"#;
    let [kind, which] = item.tuple(EXPECTED)?;
    match kind.text()? {
        "glue" => Ok(Function::Glue(Name::new(which.text()?)?)),
        "model" => Ok(Function::Model(ModelDigest::new(which.fixed()?))),
        _ => which.refuse(EXPECTED),
    }
}

fn settings_from_cbor(item: Item<'_>) -> Result<Settings, Error> {
    let entries = item.entries(Step::MAX_SETTINGS, "a map of at most 64 settings")?;
    entries.into_iter().map(|(name, item)| Ok((Name::new(name)?, setting(item)?))).collect()
}

fn setting(item: Item<'_>) -> Result<Setting, Error> {
    if item.is_bool() {
        item.bool().map(Setting::Bool)
    } else if item.is_text() {
        let text = item.word(Setting::MAX_TEXT, "at most 256 printable ASCII characters")?;
        Ok(Setting::Text(text.to_owned()))
    } else {
        item.int().map(Setting::Int)
    }
}

fn methods_from_cbor(item: Item<'_>) -> Result<Methods, Error> {
    const EXPECTED: &str = "an ascending list of recompute, tee and zk";
    let wrong = Error::FieldType { what: "step", field: "methods", expected: EXPECTED };
    let items = item.list()?;
    if items.len() > Method::ALL.len() {
        return Err(wrong);
    }
    let mut methods = Vec::new();
    for item in items {
        let name = item.text()?;
        let method = Method::ALL.into_iter().find(|method| method.name() == name);
        methods.push(method.ok_or(wrong.clone())?);
    }
    let ascending = methods.iter().zip(methods.iter().skip(1)).all(|(a, b)| a < b);
    if !ascending {
        return Err(wrong);
    }
    Ok(Methods::of(&methods))
}
