//! Operation files: what an operator offers to run, in TOML.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use assay_verifier::{
    glue::Glue,
    ids::{ModelDigest, ModelKind, Name},
    operation::{Method, Methods, Settings},
    value::Type,
};
use serde::Deserialize;
use toml::Spanned;

use crate::error::Error;

/// An operation file that was read whole: every model it names is in memory, its digest checked.
#[derive(Clone, Debug)]
pub struct Definition {
    /// The file.
    file: PathBuf,
    /// The operation's name.
    pub name: Name,
    /// The values that callers bring.
    pub inputs: Vec<Input>,
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// Values that a receipt discloses.
    pub disclose: BTreeSet<Name>,
    /// Other methods that a caller may ask for, by step, in the operation's order of preference.
    pub allow: Vec<BTreeMap<Name, Methods>>,
    /// Whether values and salts may leave for `assay worker` processes, to be proved there.
    pub outside_workers: bool,
}

/// A value that callers bring.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub kind: Type,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its line in the file, from 1.
    line: usize,
    /// Its name.
    pub name: Name,
    /// What it computes.
    pub function: Function,
    /// Names of the values it takes.
    pub inputs: Vec<Name>,
    /// The values it gives.
    pub outputs: Vec<(Name, Type)>,
    /// Methods that a run promises, where the caller asks for no others.
    pub methods: Methods,
}

/// What a step computes.
#[derive(Clone, Debug)]
pub enum Function {
    /// A glue function of the verifier's closed list, with its settings.
    Glue(Glue, Settings),
    /// A model, as its bytes.
    Model(Model),
}

/// A model's bytes, from one buffer: what was hashed is what is loaded.
#[derive(Clone)]
pub struct Model {
    /// What it is.
    pub kind: ModelKind,
    /// Its digest.
    pub digest: ModelDigest,
    /// The file.
    pub bytes: Vec<u8>,
    /// The quantization manifest, for ONNX models.
    pub manifest: Option<Vec<u8>>,
}

impl core::fmt::Debug for Model {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} model {} ({} bytes)", self.kind.name(), self.digest, self.bytes.len())
    }
}

impl Definition {
    /// Reads an operation file and every model it names. Errors: named by file, line and field.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .map_err(|error| Error::Unreadable { path: path.to_owned(), why: error.to_string() })?;
        let file: File = toml::from_str(&text).map_err(|error| Error::Definition {
            file: path.to_owned(),
            line: error.span().map_or(1, |span| line_of(&text, span.start)),
            why: error.message().to_owned(),
        })?;
        Reader { path, text: &text }.definition(file)
    }

    /// The value table's order: inputs, then outputs in the order of the steps.
    pub fn value_names(&self) -> Vec<Name> {
        let inputs = self.inputs.iter().map(|input| &input.name);
        let outputs = self.steps.iter().flat_map(|step| &step.outputs);
        inputs.chain(outputs.map(|(name, _)| name)).cloned().collect()
    }

    /// The type of a value.
    pub fn type_of(&self, value: &Name) -> Option<&Type> {
        let inputs = self.inputs.iter().map(|input| (&input.name, &input.kind));
        let outputs = self.steps.iter().flat_map(|step| &step.outputs);
        let mut values = inputs.chain(outputs.map(|(name, kind)| (name, kind)));
        values.find(|(name, _)| *name == value).map(|(_, kind)| kind)
    }

    /// What is wrong with a step, where only its model could tell.
    pub fn refuse_step(&self, step: &Name, why: String) -> Error {
        let line = self.steps.iter().find(|known| known.name == *step).map_or(1, |step| step.line);
        Error::Definition { file: self.file.clone(), line, why: format!("step {step}: {why}") }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Name,
    inputs: Vec<InputTable>,
    steps: Vec<StepTable>,
    disclose: Vec<Spanned<Name>>,
    #[serde(default)]
    allow: Vec<BTreeMap<Spanned<Name>, Spanned<Methods>>>,
    #[serde(default)]
    outside_workers: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct InputTable {
    name: Spanned<Name>,
    #[serde(rename = "type")]
    kind: Type,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepTable {
    name: Spanned<Name>,
    model: Option<Spanned<PathBuf>>,
    digest: Option<Spanned<ModelDigest>>,
    manifest: Option<Spanned<PathBuf>>,
    glue: Option<Spanned<Name>>,
    settings: Option<Spanned<Settings>>,
    inputs: Vec<Spanned<Name>>,
    outputs: Vec<OutputTable>,
    methods: Spanned<Methods>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OutputTable {
    name: Spanned<Name>,
    #[serde(rename = "type")]
    kind: Type,
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Reader<'_> {
    fn definition(&self, file: File) -> Result<Definition, Error> {
        let mut known: BTreeMap<Name, Type> = BTreeMap::new();
        for input in &file.inputs {
            if known.insert(input.name.get_ref().clone(), input.kind.clone()).is_some() {
                return self
                    .refuse(&input.name, format!("{} is given already", input.name.get_ref()));
            }
        }
        let mut steps: Vec<Step> = Vec::new();
        for table in file.steps {
            if steps.iter().any(|step| step.name == *table.name.get_ref()) {
                let why = format!("another step is named {}, too", table.name.get_ref());
                return self.refuse(&table.name, why);
            }
            let step = self.step(table, &known)?;
            known.extend(step.outputs.iter().cloned());
            steps.push(step);
        }
        if steps.is_empty() {
            let why = "steps: there is none".to_owned();
            return Err(Error::Definition { file: self.path.to_owned(), line: 1, why });
        }
        let allow = self.allowed(file.allow, &steps)?;
        for name in &file.disclose {
            if !known.contains_key(name.get_ref()) {
                return self.refuse(name, format!("no value is named {}", name.get_ref()));
            }
        }
        Ok(Definition {
            file: self.path.to_owned(),
            name: file.name,
            inputs: file
                .inputs
                .into_iter()
                .map(|table| Input { name: table.name.into_inner(), kind: table.kind })
                .collect(),
            steps,
            disclose: file.disclose.into_iter().map(Spanned::into_inner).collect(),
            allow,
            outside_workers: file.outside_workers,
        })
    }

    fn allowed(
        &self,
        tables: Vec<BTreeMap<Spanned<Name>, Spanned<Methods>>>,
        steps: &[Step],
    ) -> Result<Vec<BTreeMap<Name, Methods>>, Error> {
        let mut allow = Vec::new();
        for table in tables {
            let mut choice = BTreeMap::new();
            for (name, methods) in table {
                let Some(step) = steps.iter().find(|step| step.name == *name.get_ref()) else {
                    return self.refuse(&name, format!("no step is named {}", name.get_ref()));
                };
                self.check_methods(&step.function, &methods)?;
                choice.insert(name.into_inner(), methods.into_inner());
            }
            allow.push(choice);
        }
        Ok(allow)
    }

    fn step(&self, table: StepTable, known: &BTreeMap<Name, Type>) -> Result<Step, Error> {
        for name in &table.inputs {
            if !known.contains_key(name.get_ref()) {
                let why = format!("no input and no earlier step gives {}", name.get_ref());
                return self.refuse(name, why);
            }
        }
        for (index, output) in table.outputs.iter().enumerate() {
            let name = output.name.get_ref();
            let earlier =
                table.outputs.iter().take(index).any(|other| other.name.get_ref() == name);
            if earlier || known.contains_key(name) {
                let why = format!("{} is given already", output.name.get_ref());
                return self.refuse(&output.name, why);
            }
        }
        let function = match (&table.model, &table.glue) {
            (Some(path), None) => Function::Model(self.model(path, &table)?),
            (None, Some(glue)) => self.glue(glue, &table, known)?,
            _ => {
                let why = "a step has either a model or a glue function".to_owned();
                return self.refuse(&table.name, why);
            }
        };
        self.check_methods(&function, &table.methods)?;
        let outputs = table.outputs.into_iter();
        Ok(Step {
            line: line_of(self.text, table.name.span().start),
            name: table.name.into_inner(),
            function,
            inputs: table.inputs.into_iter().map(Spanned::into_inner).collect(),
            outputs: outputs.map(|output| (output.name.into_inner(), output.kind)).collect(),
            methods: table.methods.into_inner(),
        })
    }

    /// A glue function that takes these settings and values and gives the declared type.
    fn glue(
        &self,
        name: &Spanned<Name>,
        table: &StepTable,
        known: &BTreeMap<Name, Type>,
    ) -> Result<Function, Error> {
        let glue = Glue::named(name.get_ref()).or_else(|e| self.refuse(name, e.to_string()))?;
        let settings = table.settings.as_ref().map(|settings| settings.get_ref().clone());
        let settings = settings.unwrap_or_default();
        let inputs: Vec<_> = table.inputs.iter().filter_map(|i| known.get(i.get_ref())).collect();
        let found = glue.output_type(&settings, &inputs);
        let found = found.or_else(|error| self.refuse(name, error.to_string()))?;
        match table.outputs.as_slice() {
            [output] if output.kind == found => Ok(Function::Glue(glue, settings)),
            [output] => {
                let why = format!("{} gives {found}, not {}", glue.name(), output.kind);
                self.refuse(&output.name, why)
            }
            _ => self.refuse(name, format!("{} gives one value", glue.name())),
        }
    }

    /// Which methods there are for which function, here and now.
    fn check_methods(&self, function: &Function, found: &Spanned<Methods>) -> Result<(), Error> {
        let methods = found.get_ref();
        let allowed = match function {
            Function::Glue(..) => Methods::of(&[Method::Recompute]),
            Function::Model(model) if model.kind == ModelKind::Onnx => {
                Methods::of(&[Method::Tee, Method::Zk])
            }
            Function::Model(_) => Methods::of(&[Method::Tee]),
        };
        if !methods.within(&allowed) {
            let why = format!("{methods}: this step can have {allowed}");
            return self.refuse(found, why);
        }
        Ok(())
    }

    fn model(&self, path: &Spanned<PathBuf>, table: &StepTable) -> Result<Model, Error> {
        if let Some(settings) = &table.settings {
            return self.refuse(settings, "only glue has settings of its own".to_owned());
        }
        let extension = path.get_ref().extension().and_then(|extension| extension.to_str());
        let kind = match extension {
            Some("onnx") => ModelKind::Onnx,
            Some("pt") => ModelKind::TorchScript,
            _ => {
                let why = "a model is an .onnx or a .pt (TorchScript) file".to_owned();
                return self.refuse(path, why);
            }
        };
        let bytes = self.file(path)?;
        let name = path.get_ref().to_string_lossy();
        let digest = ModelDigest::of(kind, &[(&name, &bytes)]);
        let Some(expected) = &table.digest else {
            return self.refuse(path, format!("the model has no digest; this file's is {digest}"));
        };
        if *expected.get_ref() != digest {
            let why = format!("the model's digest is {digest}, expected {}", expected.get_ref());
            return self.refuse(expected, why);
        }
        let manifest = match (&table.manifest, kind) {
            (Some(manifest), ModelKind::Onnx) => Some(self.file(manifest)?),
            (None, ModelKind::TorchScript | ModelKind::SafeTensors) => None,
            (None, ModelKind::Onnx) => {
                return self.refuse(path, "an ONNX model needs a manifest".to_owned());
            }
            (Some(manifest), ModelKind::TorchScript | ModelKind::SafeTensors) => {
                return self.refuse(manifest, "only ONNX models have a manifest".to_owned());
            }
        };
        Ok(Model { kind, digest, bytes, manifest })
    }

    /// A file beside the operation file, or below it.
    fn file(&self, path: &Spanned<PathBuf>) -> Result<Vec<u8>, Error> {
        let inside = path.get_ref().components().all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            return self.refuse(path, "a path is relative, and stays below this file".to_owned());
        }
        let whole = self.path.parent().unwrap_or(Path::new("")).join(path.get_ref());
        fs::read(&whole).or_else(|error| self.refuse(path, format!("{}: {error}", whole.display())))
    }

    fn refuse<T, V>(&self, at: &Spanned<V>, why: String) -> Result<T, Error> {
        let line = line_of(self.text, at.span().start);
        Err(Error::Definition { file: self.path.to_owned(), line, why })
    }
}

/// Line of a byte offset, counted from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}
