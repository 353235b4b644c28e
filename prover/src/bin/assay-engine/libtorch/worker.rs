//! The thread that owns libtorch.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    io::Cursor,
    sync::{Once, mpsc},
};

use assay_prover::engine::{EngineError, Tensor};
use assay_verifier::ids::ModelDigest;
use tch::{CModule, Device, IValue, Kind, TchError};

use super::{About, Language, Request};
use crate::llm;

/// Answers requests until every sender is gone.
pub(super) fn serve(inbox: &mpsc::Receiver<Request>) {
    settle();
    let _no_grad = tch::no_grad_guard();
    let mut modules = BTreeMap::new();
    let mut networks = Networks { threads: MODULE_THREADS, loaded: Vec::new() };
    for request in inbox {
        // Whoever asked may have gone: then nobody needs the answer.
        match request {
            Request::IsLoaded { digest, reply } => {
                let _ = reply.send(Ok(modules.contains_key(&digest)));
            }
            Request::Load { digest, archive, reply } => {
                let _ = reply.send(load(&mut modules, digest, &archive));
            }
            Request::Forward { digest, inputs, reply } => {
                networks.run_on(MODULE_THREADS);
                let module = modules.get(&digest).ok_or(EngineError::NotLoaded { digest });
                let _ = reply.send(module.and_then(|module| forward(module, &inputs)));
            }
            Request::LoadLanguage(language) => networks.load(*language),
            Request::Begin { network, longest, reply } => {
                let _ = reply.send(networks.get(network).map(|network| network.begin(longest)));
            }
            Request::Feed { network, slot, tokens, want, reply } => {
                let fed =
                    networks.get(network).and_then(|network| network.feed(slot, &tokens, want));
                let _ = reply.send(fed);
            }
            Request::Finish { network, slot } => {
                if let Ok(network) = networks.get(network) {
                    network.end(slot);
                }
            }
            Request::Unload { network } => networks.unload(network),
        }
    }
}

/// The language models, by number.
struct Networks {
    /// Threads that libtorch runs on now.
    threads: u16,
    loaded: Vec<Option<llm::Network>>,
}

impl Networks {
    fn run_on(&mut self, threads: u16) {
        if self.threads != threads {
            tch::set_num_threads(threads.into());
            self.threads = threads;
        }
    }

    fn load(&mut self, language: Language) {
        let Language { folder, settings, mut progress, reply } = language;
        let loaded = llm::load(folder, settings, &mut *progress).map(|loaded| {
            let llm::Loaded { model, network, bytes_per_token, in_parts } = loaded;
            self.loaded.push(Some(network));
            About { model, network: self.loaded.len() - 1, bytes_per_token, in_parts }
        });
        let _ = reply.send(loaded);
    }

    /// A network, with libtorch set to its threads.
    fn get(&mut self, index: usize) -> Result<&mut llm::Network, EngineError> {
        let gone = || EngineError::ModelFailed { why: "the language model is gone".to_owned() };
        let threads = self.loaded.get(index).and_then(Option::as_ref).ok_or_else(gone)?.threads;
        self.run_on(threads);
        self.loaded.get_mut(index).and_then(Option::as_mut).ok_or_else(gone)
    }

    fn unload(&mut self, index: usize) {
        if let Some(place) = self.loaded.get_mut(index) {
            *place = None;
        }
    }
}

/// TorchScript modules run on one thread.
const MODULE_THREADS: u16 = 1;

/// The settings under which equal inputs give equal bytes.
fn settle() {
    // libtorch accepts this once in the life of a process, and the thread may be started again.
    static INTEROP: Once = Once::new();
    INTEROP.call_once(|| tch::set_num_interop_threads(1));
    tch::set_num_threads(MODULE_THREADS.into());
    // Profiling rewrites a module after its first runs, and fused kernels round differently.
    tch::jit::set_graph_executor_optimize(false);
    tch::jit::set_profiling_mode(false);
    tch::jit::set_tensor_expr_fuser_enabled(false);
}

fn load(
    modules: &mut BTreeMap<ModelDigest, CModule>,
    digest: ModelDigest,
    archive: &[u8],
) -> Result<(), EngineError> {
    let Entry::Vacant(place) = modules.entry(digest) else { return Ok(()) };
    let read = || {
        let mut module = CModule::load_data_on_device(&mut Cursor::new(archive), Device::Cpu)?;
        module.f_set_eval()?;
        Ok(module)
    };
    let module = read()
        .map_err(|error: TchError| EngineError::ArchiveUnreadable { digest, why: said(&error) })?;
    place.insert(module);
    Ok(())
}

fn forward(module: &CModule, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
    let failed = |error: TchError| EngineError::ModelFailed { why: said(&error) };
    let mut values = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let shape: Vec<i64> = input.shape.iter().copied().map(i64::from).collect();
        let elements = input.shape.iter().map(|dim| *dim as usize).product();
        if input.reals.len() != elements {
            let found = input.reals.len();
            return Err(EngineError::InputLength { index, expected: elements, found });
        }
        let flat = tch::Tensor::f_from_slice(&input.reals).map_err(failed)?;
        values.push(IValue::Tensor(flat.f_reshape(shape).map_err(failed)?));
    }
    tch::manual_seed(0);
    let outputs = match module.forward_is(&values).map_err(failed)? {
        IValue::Tuple(members) => members,
        IValue::TensorList(members) => members.into_iter().map(IValue::Tensor).collect(),
        one => vec![one],
    };
    outputs.into_iter().enumerate().map(|(index, output)| read(index, output)).collect()
}

/// Copies an output out of libtorch.
fn read(index: usize, output: IValue) -> Result<Tensor, EngineError> {
    let refuse = |found: String| EngineError::OutputKind { index, found };
    let IValue::Tensor(tensor) = output else {
        return Err(refuse("no tensor".to_owned()));
    };
    let kind = tensor.f_kind().map_err(|error| refuse(said(&error)))?;
    if kind != Kind::Float || tensor.is_sparse() {
        return Err(refuse(format!("a tensor of {kind:?}")));
    }
    let size = tensor.size();
    let shape = size.iter().map(|dim| u32::try_from(*dim)).collect::<Result<Vec<_>, _>>();
    let shape = shape.map_err(|_| refuse(format!("a tensor of shape {size:?}")))?;
    let copy = || {
        let mut reals = vec![0.0; tensor.numel()];
        tensor.f_contiguous()?.f_copy_data(&mut reals, tensor.numel())?;
        Ok(reals)
    };
    let reals = copy().map_err(|error: TchError| refuse(said(&error)))?;
    Ok(Tensor { shape, reals })
}

/// The line that matters: the interpreter's error, or else the first, without the C++ stack below it.
pub(crate) fn said(error: &TchError) -> String {
    let text = error.to_string();
    let lines = || text.lines().map(str::trim).filter(|line| !line.is_empty());
    let cause = lines().rev().find_map(|line| line.strip_prefix("RuntimeError: "));
    cause.or_else(|| lines().next()).unwrap_or("no reason given").to_owned()
}
