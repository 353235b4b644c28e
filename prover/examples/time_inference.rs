//! How long libtorch takes for the models of `bench/models.py`, in floating point, with one thread per
//! processor: what a proof's time is compared with. Prints one JSON object.
//!
//! usage: `time_inference mlp-784-128-10`

use std::time::Instant;

use anyhow::{Context, Result, bail};
use tch::{
    Device, Kind, Tensor,
    nn::{self, Module},
};

fn main() -> Result<()> {
    let name = std::env::args().nth(1).context("usage: time_inference MODEL")?;
    let threads = std::thread::available_parallelism()?.get();
    tch::set_num_threads(i32::try_from(threads)?);
    let store = nn::VarStore::new(Device::Cpu);
    let (network, shape) = match name.split_once('-') {
        Some(("mlp", widths)) => {
            let widths: Vec<i64> =
                widths.split('-').map(str::parse).collect::<Result<_, _>>().context("widths")?;
            let first = *widths.first().context("widths")?;
            (dense(&store.root(), &widths), vec![1, first])
        }
        Some(("lenet", "5")) => (lenet(&store.root()), vec![1, 1, 28, 28]),
        _ => bail!("{name} is none of the models"),
    };
    let input = Tensor::rand(&shape, (Kind::Float, Device::Cpu));
    let forward = || tch::no_grad(|| network.forward(&input));
    // The first runs allocate, and choose how to multiply.
    for _ in 0..20 {
        let _ = forward();
    }
    let mut times: Vec<f64> = (0..200)
        .map(|_| {
            let begun = Instant::now();
            let _ = forward();
            begun.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    let [best, median] = [times.first(), times.get(times.len() / 2)];
    let object = serde_json::json!({ "inference_s": median, "best_s": best, "threads": threads });
    println!("{object}");
    Ok(())
}

fn dense(path: &nn::Path<'_>, widths: &[i64]) -> nn::Sequential {
    let mut network = nn::seq();
    for (index, pair) in widths.windows(2).enumerate() {
        if let [width, height] = pair {
            network = network.add(nn::linear(path, *width, *height, Default::default()));
        }
        if index + 2 < widths.len() {
            network = network.add_fn(Tensor::relu);
        }
    }
    network
}

fn lenet(path: &nn::Path<'_>) -> nn::Sequential {
    let pool = |x: &Tensor| x.relu().max_pool2d([2, 2], [2, 2], [0, 0], [1, 1], false);
    let padded = nn::ConvConfig { padding: 2, ..Default::default() };
    nn::seq()
        .add(nn::conv2d(path, 1, 6, 5, padded))
        .add_fn(pool)
        .add(nn::conv2d(path, 6, 16, 5, Default::default()))
        .add_fn(pool)
        .add_fn(|x| x.flatten(1, -1))
        .add(dense(path, &[400, 120, 84, 10]))
}
