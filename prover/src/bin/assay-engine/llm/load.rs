//! From a folder to a network: tensors as they are read, then laid out as they are multiplied.

use std::collections::BTreeMap;

use assay_prover::{
    engine::EngineError,
    llm::{
        Error, Model,
        config::{Config, Head},
        folder::{self, Folder, Given, Reading, Weight},
        settings::{Dtype, Settings},
    },
};
use tch::{Cuda, Device, Kind, TchError, Tensor};

use super::{
    Network,
    attention::Heads,
    cache::Form,
    decoder::Decoder,
    encoder::Encoder,
    layer::{Layer, Linear, Norm},
    rope::Rope,
};
use crate::libtorch::said;

/// A model, its network, and what a token of a sequence takes, in bytes.
pub(crate) struct Loaded {
    pub(crate) model: Model,
    pub(crate) network: Network,
    pub(crate) bytes_per_token: u64,
    pub(crate) in_parts: bool,
}

/// Reads a folder's weights and lays them out. Errors: a setting that cannot be followed; what the folder refuses.
pub(crate) fn load(
    folder: Folder,
    settings: Settings,
    progress: &mut dyn FnMut(Reading<'_>),
) -> Result<Loaded, Error> {
    let device = device(&settings.device)?;
    if settings.threads == 0 {
        return Err(Error::Setting { field: "threads", why: "0, expected at least 1".to_owned() });
    }
    let (threads, wanted, kind) = (settings.threads, settings.dtype, folder.kind().clone());
    match kind {
        folder::Kind::Decoder(config) => {
            let mut tensors = BTreeMap::new();
            let model = folder.load(settings, progress, &mut |given| {
                let Given::Tensor(weight) = given else { return Ok(()) };
                let tensor = read(&weight, wanted, device).map_err(refused)?;
                tensors.insert(weight.name.to_owned(), tensor);
                Ok(())
            })?;
            let kind = kind_of(model.settings().dtype.unwrap_or(Dtype::F32));
            let parts = Parts { tensors, kind, config: &config };
            let decoder = parts.decoder(device).map_err(refused)?;
            let form = decoder.form;
            let numbers = 2 * config.layers() * config.kv_heads * config.head_dim;
            Ok(Loaded {
                bytes_per_token: u64::try_from(numbers * form.kind.elt_size_in_bytes())
                    .unwrap_or(u64::MAX),
                network: Network::new(super::Kind::Decoder(Box::new(decoder)), threads),
                model,
                in_parts: true,
            })
        }
        folder::Kind::Encoder(encoder) => {
            if !matches!(wanted, None | Some(Dtype::F32)) {
                let why = "an encoder is run as it is stored".to_owned();
                return Err(Error::Setting { field: "dtype", why });
            }
            let mut made = None;
            let model = folder.load(settings, progress, &mut |given| {
                let Given::Archive(archive) = given else { return Ok(()) };
                made = Some(Encoder::new(archive, device, encoder.hidden).map_err(refused)?);
                Ok(())
            })?;
            let made = made.ok_or(EngineError::Stopped)?;
            let network = Network::new(super::Kind::Encoder(made), threads);
            Ok(Loaded { model, network, bytes_per_token: 0, in_parts: false })
        }
    }
}

fn refused(error: TchError) -> Error {
    EngineError::ModelFailed { why: said(&error) }.into()
}

fn device(name: &str) -> Result<Device, Error> {
    let refuse = |why: String| Error::Setting { field: "device", why };
    if name == "cpu" {
        return Ok(Device::Cpu);
    }
    let index = match name.strip_prefix("cuda") {
        Some("") => Some(0),
        Some(rest) => rest.strip_prefix(':').and_then(|index| index.parse::<usize>().ok()),
        None => None,
    };
    let index = index.ok_or_else(|| refuse(format!("{name:?}, expected cpu, cuda or cuda:0")))?;
    let there = usize::try_from(Cuda::device_count()).unwrap_or(0);
    if index >= there {
        return Err(refuse(format!("{name}, but libtorch has {there} such devices here")));
    }
    Ok(Device::Cuda(index))
}

const fn kind_of(dtype: Dtype) -> Kind {
    match dtype {
        Dtype::Bf16 => Kind::BFloat16,
        Dtype::F16 => Kind::Half,
        Dtype::F32 => Kind::Float,
    }
}

/// The one copy: from the buffer that was hashed into libtorch's memory.
fn read(weight: &Weight<'_>, wanted: Option<Dtype>, device: Device) -> Result<Tensor, TchError> {
    let size: Vec<i64> =
        weight.shape.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect();
    let stored = Tensor::f_from_data_size(weight.bytes, &size, kind_of(weight.dtype))?;
    stored.f_to_kind(kind_of(wanted.unwrap_or(weight.dtype)))?.f_to_device(device)
}

/// Tensors by name, until each has its place.
struct Parts<'a> {
    tensors: BTreeMap<String, Tensor>,
    kind: Kind,
    config: &'a Config,
}

impl Parts<'_> {
    fn decoder(mut self, device: Device) -> Result<Decoder, TchError> {
        let config = self.config;
        let size = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let heads = Heads {
            keys: size(config.kv_heads),
            group: size(config.heads / config.kv_heads),
            dim: size(config.head_dim),
        };
        let form = Form {
            layers: config.layers(),
            heads: heads.keys,
            head_dim: heads.dim,
            kind: self.kind,
            device,
        };
        let embedding = self.take("model.embed_tokens.weight")?;
        let head = match config.head {
            Head::None => None,
            Head::Own => Some(self.take("lm_head.weight")?),
            Head::Tied => Some(embedding.shallow_clone()),
        };
        let head = head.map(|weight| linear(&weight, None)).transpose()?;
        // Each layer's own tensors go as its joined ones are made: never twice a whole model in memory.
        let layers =
            (0..config.layers()).map(|index| self.layer(index, heads)).collect::<Result<_, _>>()?;
        let norm = self.norm("model.norm.weight")?;
        let rope = Rope::new(&config.rope, config.head_dim, self.kind, device);
        Ok(Decoder { embedding, layers, norm, head, rope, heads, form })
    }

    fn layer(&mut self, index: usize, heads: Heads) -> Result<Layer, TchError> {
        let config = self.config;
        let name = |part: &str| format!("model.layers.{index}.{part}");
        let qk_norm = if config.qk_norm {
            let of = |weight: &Tensor, heads: i64| weight.f_view([1, -1])?.f_repeat([heads, 1]);
            let queries =
                of(&self.take(&name("self_attn.q_norm.weight"))?, heads.keys * heads.group)?;
            let keys = of(&self.take(&name("self_attn.k_norm.weight"))?, heads.keys)?;
            let weight = Tensor::f_cat(&[queries, keys], 0)?;
            Some(Norm { weight, epsilon: config.epsilon, width: heads.dim, per_head: true })
        } else {
            None
        };
        Ok(Layer {
            before_attention: self.norm(&name("input_layernorm.weight"))?,
            qkv: self.joined(
                &["q_proj", "k_proj", "v_proj"].map(|part| name(&format!("self_attn.{part}"))),
                config.qkv_bias,
            )?,
            qk_norm,
            output: self.joined(&[name("self_attn.o_proj")], config.output_bias)?,
            before_inner: self.norm(&name("post_attention_layernorm.weight"))?,
            gate_up: self.joined(
                &["gate_proj", "up_proj"].map(|part| name(&format!("mlp.{part}"))),
                config.inner_bias,
            )?,
            down: self.joined(&[name("mlp.down_proj")], config.inner_bias)?,
            window: config.windows.get(index).copied().flatten(),
        })
    }

    fn norm(&mut self, name: &str) -> Result<Norm, TchError> {
        let weight = self.take(name)?;
        let width = weight.size1()?;
        Ok(Norm { weight, epsilon: self.config.epsilon, width, per_head: false })
    }

    fn joined(&mut self, names: &[String], bias: bool) -> Result<Linear, TchError> {
        let mut all = |ending: &str| -> Result<Tensor, TchError> {
            let parts = names.iter().map(|name| self.take(&format!("{name}.{ending}")));
            let mut parts = parts.collect::<Result<Vec<_>, _>>()?;
            match parts.len() {
                1 => Ok(parts.remove(0)),
                _ => Tensor::f_cat(&parts, 0),
            }
        };
        let weight = all("weight")?;
        linear(&weight, bias.then(|| all("bias")).transpose()?)
    }

    fn take(&mut self, name: &str) -> Result<Tensor, TchError> {
        let found = self.tensors.remove(name);
        // The folder has seen to it that all are there.
        found.ok_or_else(|| TchError::Kind(format!("no tensor {name}")))?.f_to_kind(self.kind)
    }
}

fn linear(weight: &Tensor, bias: Option<Tensor>) -> Result<Linear, TchError> {
    Ok(Linear { turned: weight.f_tr()?, bias })
}
