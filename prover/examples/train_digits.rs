//! Trains the two models of `models/digits` from the images beside them (`make train`).
//!
//! One network: convolutions, a bounded activation of 48 features, a small perceptron. It is cut in two
//! at the features. They are rounded to `i8` while it learns, as the attested step will round them for
//! the proved one, so the perceptron never meets a value that the proof cannot carry.
//!
//! usage: `train_digits DATA FEATURES_PT HEAD_FOLDER METRICS_JSON [SEED]`

use std::{env, fs, path::Path};

use anyhow::{Context, Result, ensure};
use assay_prover::quantize;
use assay_verifier::value::{Dtype, TensorType};
use serde_json::json;
use tch::{
    CModule, Device, Kind, Tensor,
    nn::{self, Module, OptimizerConfig},
};

fn main() -> Result<()> {
    let args: Vec<String> = env::args().skip(1).collect();
    let [data, features, head, metrics, seed @ ..] = args.as_slice() else {
        anyhow::bail!("usage: train_digits DATA FEATURES_PT HEAD_FOLDER METRICS_JSON [SEED]");
    };
    let seed =
        seed.first().map_or(Ok(SEED), |text| text.parse()).context("SEED is a whole number")?;

    tch::set_num_threads(1);
    tch::set_num_interop_threads(1);
    tch::manual_seed(seed);

    let train = Split::read(data.as_ref(), "train")?;
    let test = Split::read(data.as_ref(), "test")?;
    let mut store = nn::VarStore::new(Device::Cpu);
    let network = Network::new(&store.root());
    learn(&network, &store, &train)?;
    store.freeze();

    let measured = measure(&network, &test);
    println!("{measured:#}");
    save(&network, features.as_ref(), head.as_ref())?;
    let report = json!({
        "seed": seed,
        "epochs": EPOCHS,
        "train_images": train.labels.size()[0],
        "train_accuracy": accuracy(&network.forward(&train.images), &train.labels),
        "test_images": test.labels.size()[0],
        "test": measured,
    });
    fs::write(metrics, format!("{report:#}\n")).with_context(|| metrics.clone())?;
    Ok(())
}

/// Images as `[n, 1, 8, 8]` from 0 to 1, and their digits.
struct Split {
    images: Tensor,
    labels: Tensor,
}

impl Split {
    fn read(data: &Path, name: &str) -> Result<Self> {
        let read = |part| {
            let path = data.join(format!("{name}-{part}.npy"));
            Tensor::read_npy(&path).with_context(|| path.display().to_string())
        };
        let (levels, labels) = (read("images")?, read("labels")?);
        ensure!(levels.size().get(1..) == Some(&[8, 8]), "images are 8x8");
        ensure!(levels.size()[0] == labels.size()[0], "as many labels as images");
        let images = levels.to_kind(Kind::Float).unsqueeze(1) / LEVELS;
        Ok(Self { images, labels: labels.to_kind(Kind::Int64) })
    }
}

/// The features and what is made of them.
struct Network {
    conv1: nn::Conv2D,
    conv2: nn::Conv2D,
    conv3: nn::Conv2D,
    dense: nn::Linear,
    fc1: nn::Linear,
    fc2: nn::Linear,
}

impl Network {
    fn new(root: &nn::Path) -> Self {
        let same = nn::ConvConfig { padding: 1, ..Default::default() };
        Self {
            conv1: nn::conv2d(root / "conv1", 1, 16, 3, same),
            conv2: nn::conv2d(root / "conv2", 16, 32, 3, same),
            conv3: nn::conv2d(root / "conv3", 32, 32, 3, same),
            dense: nn::linear(root / "dense", 128, FEATURES, Default::default()),
            fc1: nn::linear(root / "fc1", FEATURES, HIDDEN, Default::default()),
            fc2: nn::linear(root / "fc2", HIDDEN, 10, Default::default()),
        }
    }

    /// `[n, 1, 8, 8]` to `[n, 48]`, within the range that `i8` has at this scale.
    fn features(&self, images: &Tensor) -> Tensor {
        let x = self.conv1.forward(images).relu();
        let x = pool(&self.conv2.forward(&x).relu());
        let x = pool(&self.conv3.forward(&x).relu());
        self.dense.forward(&x.flatten(1, -1)).clamp(0.0, bound())
    }

    /// `[n, 48]` to the ten logits.
    fn head(&self, features: &Tensor) -> Tensor {
        self.fc2.forward(&self.fc1.forward(features).relu())
    }
}

impl Module for Network {
    fn forward(&self, images: &Tensor) -> Tensor {
        self.head(&rounded(&self.features(images)))
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

fn pool(x: &Tensor) -> Tensor {
    x.max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false)
}

/// To the multiples of the scale and back, half to even; the gradient passes as if nothing happened.
fn rounded(features: &Tensor) -> Tensor {
    let (least, most) = FEATURE_DTYPE.range().expect("an integer type");
    features.fake_quantize_per_tensor_affine(step(), 0, least, most)
}

/// The largest feature that `i8` carries.
fn bound() -> f64 {
    let (_, most) = FEATURE_DTYPE.range().expect("an integer type");
    most as f64 * step()
}

fn step() -> f64 {
    let feature = TensorType::new(FEATURE_DTYPE, &[1], FEATURE_SCALE).expect("within the limits");
    quantize::step(&feature)
}

/// Adam down a cosine; the weights kept are a running average of the last ones.
fn learn(network: &Network, store: &nn::VarStore, train: &Split) -> Result<()> {
    let mut adam =
        nn::AdamW { wd: WEIGHT_DECAY, ..Default::default() }.build(store, LEARNING_RATE)?;
    let images = train.labels.size()[0];
    let average: Vec<Tensor> =
        store.trainable_variables().iter().map(|v| v.detach().copy()).collect();
    for epoch in 0..EPOCHS {
        let done = f64::from(epoch) / f64::from(EPOCHS);
        adam.set_lr(LEARNING_RATE * 0.5 * (1.0 + (std::f64::consts::PI * done).cos()));
        let mut loss_sum = 0.0;
        let batches = Tensor::randperm(images, (Kind::Int64, Device::Cpu)).split(BATCH, 0);
        for places in &batches {
            let x = varied(&train.images.index_select(0, places));
            let loss = network.forward(&x).cross_entropy_loss::<Tensor>(
                &train.labels.index_select(0, places),
                None,
                tch::Reduction::Mean,
                -100,
                LABEL_SMOOTHING,
            );
            adam.backward_step(&loss);
            loss_sum += loss.double_value(&[]);
            tch::no_grad(|| {
                for (mean, now) in average.iter().zip(store.trainable_variables()) {
                    let _ = mean.shallow_clone().lerp_(&now.detach(), 1.0 - AVERAGE_KEEPS);
                }
            });
        }
        if (epoch + 1) % 20 == 0 {
            println!("epoch {:3}/{EPOCHS}: loss {:.4}", epoch + 1, loss_sum / batches.len() as f64);
        }
    }
    tch::no_grad(|| {
        for (mean, now) in average.iter().zip(store.trainable_variables()) {
            now.shallow_clone().copy_(mean);
        }
    });
    Ok(())
}

/// Each image a little turned, scaled, sheared, moved, and with grain.
fn varied(images: &Tensor) -> Tensor {
    let n = images.size()[0];
    let draw = |most: f64| Tensor::empty([n], tch::kind::FLOAT_CPU).uniform_(-most, most);
    let (angle, shear) = (draw(0.22), draw(0.15));
    let (across, down) = (draw(0.12) + 1.0, draw(0.12) + 1.0);
    let (x, y) = (draw(0.18), draw(0.18));
    let (cos, sin) = (angle.cos(), angle.sin());
    let theta = Tensor::stack(
        &[&cos * &across, &shear - &sin * &down, x, &sin * &across, &cos * &down, y],
        1,
    )
    .view([n, 2, 3]);
    let grid = Tensor::affine_grid_generator(&theta, [n, 1, 8, 8], false);
    let moved = images.grid_sampler(&grid, 0, 0, false);
    let grain = moved.randn_like() * 0.03;
    (moved + grain).clamp(0.0, 1.0)
}

/// What the test split says: with features as libtorch gives them, and as `i8` carries them.
fn measure(network: &Network, test: &Split) -> serde_json::Value {
    let features = network.features(&test.images);
    let float = network.head(&features);
    let carried = network.head(&rounded(&features));
    let changed = float.argmax(-1, false).not_equal_tensor(&carried.argmax(-1, false));
    let bound = features.ge(bound());
    json!({
        "float_accuracy": accuracy(&float, &test.labels),
        "i8_features_accuracy": accuracy(&carried, &test.labels),
        "answers_changed_by_rounding": changed.sum(Kind::Int64).int64_value(&[]),
        "features_at_the_bound": bound.to_kind(Kind::Float).mean(Kind::Float).double_value(&[]),
        "features_zero": features.eq(0.0).to_kind(Kind::Float).mean(Kind::Float).double_value(&[]),
    })
}

fn accuracy(logits: &Tensor, labels: &Tensor) -> f64 {
    let right = logits.argmax(-1, false).eq_tensor(labels).sum(Kind::Int64).int64_value(&[]);
    right as f64 / labels.size()[0] as f64
}

/// The features as TorchScript, the head as arrays that `write_onnx.py` reads.
fn save(network: &Network, features: &Path, head: &Path) -> Result<()> {
    let example = Tensor::zeros([1, 1, 8, 8], tch::kind::FLOAT_CPU);
    let module = CModule::create_by_tracing("features", "forward", &[example], &mut |inputs| {
        vec![network.features(&inputs[0])]
    })?;
    module.save(features).with_context(|| features.display().to_string())?;

    fs::create_dir_all(head).with_context(|| head.display().to_string())?;
    for (name, layer) in [("fc1", &network.fc1), ("fc2", &network.fc2)] {
        let bias = layer.bs.as_ref().context("the layer has a bias")?;
        layer.ws.write_npy(head.join(format!("{name}.weight.npy")))?;
        bias.write_npy(head.join(format!("{name}.bias.npy")))?;
    }
    Ok(())
}

const SEED: i64 = 20_260_701;
const EPOCHS: i32 = 120;
const BATCH: i64 = 32;
const LEARNING_RATE: f64 = 3e-3;
const WEIGHT_DECAY: f64 = 1e-2;
const LABEL_SMOOTHING: f64 = 0.05;
const AVERAGE_KEEPS: f64 = 0.998;
/// A pixel of 16 is 1.
const LEVELS: f64 = 16.0;
const FEATURES: i64 = 48;
const HIDDEN: i64 = 32;
/// `operation.toml` says the same of the step `features`: 127 steps of 2^-4 reach to 7.94.
const FEATURE_DTYPE: Dtype = Dtype::I8;
const FEATURE_SCALE: i8 = -4;
