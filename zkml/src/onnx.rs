//! Reads ONNX files: the part of `onnx.proto` that a feed-forward graph needs.
//!
//! The reader is our own. `tract-onnx` brings 60 crates and its own ideas of what a graph means;
//! `prost` materialises every list before a limit can be applied (two bytes of an empty node become
//! 150) and copies every weight. What is needed is eight messages; names and weights stay borrowed
//! from the file, lists are counted while they are read. Tests write models with `prost`, so that two
//! implementations must agree.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)
)]

#[cfg(test)]
mod tests;
mod wire;

use self::wire::{Fields, Wire};
use crate::Error;

/// A model as its file says it: nothing has been checked but the encoding.
pub(crate) struct Model<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) initializers: Vec<Tensor<'a>>,
    pub(crate) inputs: Vec<ValueInfo<'a>>,
    pub(crate) outputs: Vec<ValueInfo<'a>>,
}

/// One application of an op.
#[derive(Default)]
pub(crate) struct Node<'a> {
    pub(crate) name: &'a str,
    pub(crate) op: &'a str,
    pub(crate) domain: &'a str,
    pub(crate) inputs: Vec<&'a str>,
    pub(crate) outputs: Vec<&'a str>,
    pub(crate) attributes: Vec<Attribute<'a>>,
}

/// A named setting of a node.
pub(crate) struct Attribute<'a> {
    pub(crate) name: &'a str,
    pub(crate) value: AttributeValue<'a>,
}

/// The kinds of settings that supported ops have.
pub(crate) enum AttributeValue<'a> {
    Float(f32),
    Int(i64),
    Ints(Vec<i64>),
    Other,
    Tensor(Tensor<'a>),
    Text(&'a str),
}

/// A constant in the file.
#[derive(Clone)]
pub(crate) struct Tensor<'a> {
    pub(crate) name: &'a str,
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

/// Elements, row-major.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    F32(Vec<f32>),
    I64(Vec<i64>),
}

/// A declared input or output.
pub(crate) struct ValueInfo<'a> {
    pub(crate) name: &'a str,
    /// Element type by its number in `onnx.proto`; 1 is f32.
    pub(crate) element: i64,
    /// `None` for a dimension without a fixed size.
    pub(crate) dims: Vec<Option<usize>>,
}

/// Largest file: 256 MiB, 64 M weights; beyond that no circuit is built in memory.
pub(crate) const MAX_BYTES: usize = 256 << 20;
/// Most nodes, names, attributes, tensors and dimensions together: a thousand-layer network has
/// some 10^4. Each costs at most 150 bytes of memory.
const MAX_ITEMS: usize = 1 << 18;
/// Longest list of integers: they are shapes, axes and pads, a few per dimension.
const MAX_INTS: usize = 1 << 10;
/// Most dimensions of a tensor.
const MAX_RANK: usize = 8;
/// Opsets in which every supported op means what is implemented here.
const OPSETS: core::ops::RangeInclusive<i64> = 13..=21;
pub(crate) const ELEMENT_F32: i64 = 1;
const ELEMENT_I32: i64 = 6;
const ELEMENT_I64: i64 = 7;

impl<'a> Model<'a> {
    /// Reads a model. Errors: more than the limits; not protobuf; no graph; an opset outside 13 to
    /// 21; functions, sparse or external tensors.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::ModelTooLarge {
                what: "bytes",
                limit: MAX_BYTES,
                found: bytes.len(),
            });
        }
        let mut reader = Reader { items: 0 };
        let mut fields = Fields::new("model", bytes);
        let (mut graph, mut opset) = (None, None);
        while let Some((number, value)) = fields.next()? {
            match number {
                7 if graph.is_some() => {
                    return Err(Error::ModelMalformed { what: "model", why: "two graphs" });
                }
                7 => graph = Some(value.bytes("model")?),
                8 => {
                    reader.count()?;
                    if let Some(version) = opset_of(value.bytes("opset")?)? {
                        opset = Some(version);
                    }
                }
                25 => {
                    return Err(Error::ModelMalformed {
                        what: "model",
                        why: "functions of the model's own are not supported",
                    });
                }
                _ => {}
            }
        }
        let graph = graph.ok_or(Error::ModelMalformed { what: "model", why: "no graph" })?;
        let opset = opset.ok_or(Error::ModelMalformed { what: "model", why: "no opset" })?;
        if !OPSETS.contains(&opset) {
            let (low, high) = (*OPSETS.start(), *OPSETS.end());
            return Err(Error::ModelOpset { low, high, found: opset });
        }
        reader.graph(graph)
    }
}

impl Node<'_> {
    /// The setting, where it is present.
    pub(crate) fn attribute(&self, name: &str) -> Option<&AttributeValue<'_>> {
        self.attributes.iter().find(|attribute| attribute.name == name).map(|found| &found.value)
    }
}

/// The version of the standard op set; `None` for another domain.
fn opset_of(bytes: &[u8]) -> Result<Option<i64>, Error> {
    let mut fields = Fields::new("opset", bytes);
    let (mut domain, mut version) = ("", 0);
    while let Some((number, value)) = fields.next()? {
        match number {
            1 => domain = value.text("opset")?,
            2 => version = value.int("opset")?,
            _ => {}
        }
    }
    Ok(matches!(domain, "" | "ai.onnx").then_some(version))
}

/// Counts what it reads.
struct Reader {
    items: usize,
}

impl Reader {
    fn count(&mut self) -> Result<(), Error> {
        self.items = self.items.saturating_add(1);
        if self.items > MAX_ITEMS {
            let what = "nodes, names and tensors";
            return Err(Error::ModelTooLarge { what, limit: MAX_ITEMS, found: self.items });
        }
        Ok(())
    }

    fn graph<'a>(&mut self, bytes: &'a [u8]) -> Result<Model<'a>, Error> {
        let mut model =
            Model { nodes: vec![], initializers: vec![], inputs: vec![], outputs: vec![] };
        let mut fields = Fields::new("graph", bytes);
        while let Some((number, value)) = fields.next()? {
            self.count()?;
            match number {
                1 => model.nodes.push(self.node(value.bytes("node")?)?),
                5 => model.initializers.push(self.tensor(value.bytes("tensor")?)?),
                11 => model.inputs.push(self.value_info(value.bytes("input")?)?),
                12 => model.outputs.push(self.value_info(value.bytes("output")?)?),
                15 => {
                    return Err(Error::ModelMalformed {
                        what: "graph",
                        why: "sparse tensors are not supported",
                    });
                }
                _ => {}
            }
        }
        Ok(model)
    }

    fn node<'a>(&mut self, bytes: &'a [u8]) -> Result<Node<'a>, Error> {
        let mut node = Node::default();
        let mut fields = Fields::new("node", bytes);
        while let Some((number, value)) = fields.next()? {
            self.count()?;
            match number {
                1 => node.inputs.push(value.text("node")?),
                2 => node.outputs.push(value.text("node")?),
                3 => node.name = value.text("node")?,
                4 => node.op = value.text("node")?,
                5 => node.attributes.push(self.attribute(value.bytes("attribute")?)?),
                7 => node.domain = value.text("node")?,
                _ => {}
            }
        }
        // Many exporters leave nodes unnamed; what they compute has a name always.
        if node.name.is_empty() {
            node.name = node.outputs.first().copied().unwrap_or_default();
        }
        Ok(node)
    }

    fn attribute<'a>(&mut self, bytes: &'a [u8]) -> Result<Attribute<'a>, Error> {
        const WHAT: &str = "attribute";
        let (mut name, mut kind) = ("", 0);
        let (mut float, mut int, mut ints, mut tensor, mut text) = (0.0, 0, vec![], None, "");
        let mut fields = Fields::new(WHAT, bytes);
        while let Some((number, value)) = fields.next()? {
            self.count()?;
            match number {
                1 => name = value.text(WHAT)?,
                2 => float = value.float(WHAT)?,
                3 => int = value.int(WHAT)?,
                // Bytes that are no text are an attribute that no supported op has.
                4 => text = value.text(WHAT).unwrap_or_default(),
                5 => tensor = Some(self.tensor(value.bytes(WHAT)?)?),
                8 => value.ints_into(&mut ints, MAX_INTS, WHAT)?,
                20 => kind = value.int(WHAT)?,
                _ => {}
            }
        }
        let value = match (kind, tensor) {
            (1, _) => AttributeValue::Float(float),
            (2, _) => AttributeValue::Int(int),
            (3, _) => AttributeValue::Text(text),
            (4, Some(tensor)) => AttributeValue::Tensor(tensor),
            (7, _) => AttributeValue::Ints(ints),
            _ => AttributeValue::Other,
        };
        Ok(Attribute { name, value })
    }

    fn tensor<'a>(&mut self, bytes: &'a [u8]) -> Result<Tensor<'a>, Error> {
        const WHAT: &str = "tensor";
        let (mut name, mut element, mut location) = ("", 0, 0);
        let (mut dims, mut floats, mut ints) = (vec![], vec![], vec![]);
        let mut raw: Option<&[u8]> = None;
        let mut fields = Fields::new(WHAT, bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => value.ints_into(&mut dims, MAX_RANK, WHAT)?,
                2 => element = value.int(WHAT)?,
                4 => value.floats_into(&mut floats, WHAT)?,
                5 | 7 => value.ints_into(&mut ints, MAX_INTS, WHAT)?,
                8 => name = value.text(WHAT)?,
                9 => raw = Some(value.bytes(WHAT)?),
                14 => location = value.int(WHAT)?,
                _ => {}
            }
        }
        let refuse =
            |why: &str| Error::ModelTensor { tensor: name.to_owned(), why: why.to_owned() };
        if location != 0 {
            return Err(refuse("its data is in another file; save the model as one file"));
        }
        let dims: Vec<usize> = dims
            .into_iter()
            .map(|dim| usize::try_from(dim).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| refuse("a dimension is negative"))?;
        let elements = dims.iter().try_fold(1usize, |product, dim| product.checked_mul(*dim));
        let data = match (element, raw) {
            (ELEMENT_F32, None) => Data::F32(floats),
            (ELEMENT_F32, Some(raw)) => {
                let (chunks, rest) = raw.as_chunks();
                if !rest.is_empty() {
                    return Err(refuse("its bytes are no whole number of elements"));
                }
                Data::F32(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect())
            }
            (ELEMENT_I32 | ELEMENT_I64, None) => Data::I64(ints),
            (ELEMENT_I32, Some(raw)) => {
                let (chunks, rest) = raw.as_chunks();
                if !rest.is_empty() {
                    return Err(refuse("its bytes are no whole number of elements"));
                }
                Data::I64(chunks.iter().map(|chunk| i32::from_le_bytes(*chunk).into()).collect())
            }
            (ELEMENT_I64, Some(raw)) => {
                let (chunks, rest) = raw.as_chunks();
                if !rest.is_empty() {
                    return Err(refuse("its bytes are no whole number of elements"));
                }
                Data::I64(chunks.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect())
            }
            _ => {
                return Err(refuse(&format!(
                    "element type {element} is not supported; weights are float32, shapes int64"
                )));
            }
        };
        let found = match &data {
            Data::F32(values) => values.len(),
            Data::I64(values) => values.len(),
        };
        if elements != Some(found) {
            return Err(refuse(&format!("its shape is {dims:?} but it has {found} elements")));
        }
        if let Data::F32(values) = &data
            && let Some(index) = values.iter().position(|value| !value.is_finite())
        {
            return Err(Error::ModelNotFinite { tensor: name.to_owned(), index });
        }
        Ok(Tensor { name, dims, data })
    }

    fn value_info<'a>(&mut self, bytes: &'a [u8]) -> Result<ValueInfo<'a>, Error> {
        const WHAT: &str = "value";
        let mut info = ValueInfo { name: "", element: 0, dims: vec![] };
        let mut fields = Fields::new(WHAT, bytes);
        while let Some((number, value)) = fields.next()? {
            match number {
                1 => info.name = value.text(WHAT)?,
                2 => {
                    let Some(tensor) = last_message(value, 1)? else { continue };
                    let mut fields = Fields::new(WHAT, tensor);
                    while let Some((number, value)) = fields.next()? {
                        match number {
                            1 => info.element = value.int(WHAT)?,
                            2 => info.dims = self.shape(value.bytes(WHAT)?)?,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
        }
        Ok(info)
    }

    fn shape(&mut self, bytes: &[u8]) -> Result<Vec<Option<usize>>, Error> {
        let mut dims = vec![];
        let mut fields = Fields::new("shape", bytes);
        while let Some((number, value)) = fields.next()? {
            self.count()?;
            if number != 1 {
                continue;
            }
            let mut dim = None;
            let mut parts = Fields::new("shape", value.bytes("shape")?);
            while let Some((number, value)) = parts.next()? {
                if number == 1 {
                    // Exporters write 0 and -1 for "any".
                    dim = usize::try_from(value.int("shape")?).ok().filter(|dim| *dim > 0);
                }
            }
            dims.push(dim);
        }
        Ok(dims)
    }
}

/// The last field of this number in a message.
fn last_message(message: Wire<'_>, wanted: u32) -> Result<Option<&[u8]>, Error> {
    let mut fields = Fields::new("type", message.bytes("type")?);
    let mut found = None;
    while let Some((number, value)) = fields.next()? {
        if number == wanted {
            found = Some(value.bytes("type")?);
        }
    }
    Ok(found)
}
