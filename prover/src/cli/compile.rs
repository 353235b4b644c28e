//! `compile`: from an ONNX model to the folder that `setup` and `prove` take.

use std::time::Instant;

use assay_zkml::{Compiled, Fidelity, Found, Graph, Wanted, WeightScales, compile, search};

use super::{Outcome, args::CompileArgs, memory, read};
use crate::{error::Error, folder::Folder, samples};

/// Chooses a quantization, or takes the one that is given; says what proving will take; writes the
/// folder.
pub(super) fn run(args: &CompileArgs) -> Result<Outcome, Error> {
    let begun = Instant::now();
    let onnx = read(&args.model)?;
    let (manifest, found) = match &args.manifest {
        Some(path) => (read(path)?, None),
        None => {
            let found = chosen(&onnx, args)?;
            (found.manifest.to_bytes(), Some(found))
        }
    };
    let compiled = compile(&onnx, &manifest)?;
    if !args.json {
        describe(&compiled)?;
        if let Some(Found { report, bits, scales, tried, .. }) = &found {
            say!();
            say!("{report}");
            say!(
                "chosen from {tried} tried: inputs of {} bits, weights of {}{}, activations of {}",
                bits.input,
                bits.weight,
                if *scales == WeightScales::PerChannel { " at a scale per channel" } else { "" },
                bits.activation
            );
            if args.calibrate.is_none() {
                say!("the samples are random numbers of the range: --calibrate takes real ones");
            }
        }
    }
    Folder::write(&args.output, &onnx, &manifest, &compiled)?;
    if args.json {
        let estimate = compiled.estimate();
        let object = serde_json::json!({
            "rows": estimate.rows,
            "domain": estimate.domain,
            "terms": estimate.terms,
            "key_bytes": estimate.proving_key_bytes,
            "setup_bytes": estimate.setup_bytes,
            "prove_bytes": estimate.prove_bytes,
            "setup_s": estimate.setup_s,
            "prove_s": estimate.prove_s,
            "layers": compiled.rows()?,
            "circuit": compiled.circuit(),
            "manifest": compiled.manifest().digest(),
            "bits": found.as_ref().map(|found| found.bits),
            "weight_scales": found.as_ref().map(|found| found.scales),
            "tried": found.as_ref().map(|found| found.tried),
            "fidelity": found.as_ref().map(|found| &found.report),
            "random_samples": found.is_some() && args.calibrate.is_none(),
            "compile_s": begun.elapsed().as_secs_f64(),
            "peak_rss_mb": memory::peak_mb(),
        });
        say!("{object}");
    } else {
        say!("{}: circuit {}", args.output.display(), compiled.circuit());
    }
    Ok(Outcome::Accepted)
}

/// The cheapest quantization that keeps the fidelity.
fn chosen(onnx: &[u8], args: &CompileArgs) -> Result<Found, Error> {
    let graph = Graph::from_onnx(onnx)?;
    let shapes: Vec<Vec<usize>> = graph.input_shapes().map(|(_, shape)| shape.to_vec()).collect();
    // Some seconds of inference for each quantization that is tried.
    let most = (WORK / graph.multiplications().max(1)).clamp(16, 1000);
    let (samples, headroom) = match &args.calibrate {
        Some(path) => {
            let all = samples::read(path, &shapes, args.range)?;
            let step = all.len().div_ceil(most).max(1);
            (all.into_iter().step_by(step).collect(), 1)
        }
        // What occurs may be larger than what random numbers give.
        None => (samples::random(&shapes, args.range, most.min(256)), 3),
    };
    tell!("choosing a quantization on {} samples", samples.len());
    let wanted = Wanted {
        range: args.range,
        samples: &samples,
        headroom,
        public: &args.public,
        fidelity: args.fidelity.unwrap_or(if args.calibrate.is_some() {
            Fidelity::Top1(0.998)
        } else {
            Fidelity::Top1(0.95)
        }),
        weight_bits: args.weight_bits,
        activation_bits: args.activation_bits,
        input_bits: args.input_bits,
    };
    Ok(search(onnx, &wanted)?)
}

/// Multiplications of all samples, about.
const WORK: usize = 1 << 26;

/// Rows layer by layer, the domain with the layer that fills it, and what setup and proof will take.
fn describe(compiled: &Compiled) -> Result<(), Error> {
    let estimate = compiled.estimate();
    let layers = compiled.rows()?;
    let width = layers.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, rows) in &layers {
        say!("{name:width$}  {rows:9} rows");
    }
    let (rows, domain) = (estimate.rows, estimate.domain);
    let used = rows + compiled.r1cs().public_inputs() + 1;
    say!("{rows} rows in a domain of {domain}: {} to spare", domain - used);
    if let Some((name, most)) = layers.iter().max_by_key(|(_, rows)| *rows) {
        let excess = used - domain / 2;
        say!(
            "half the domain, and about half the time, is {excess} rows away; most rows are those of {name}, {most}"
        );
    }
    say!("{estimate}");
    Ok(())
}

/// `LOW,HIGH`.
pub(super) fn range(text: &str) -> Result<(f64, f64), String> {
    const EXPECTED: &str = "expected LOW,HIGH, two numbers in ascending order";
    let (low, high) = text.split_once(',').ok_or(EXPECTED)?;
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    match (number(low), number(high)) {
        (Some(low), Some(high)) if low < high => Ok((low, high)),
        _ => Err(EXPECTED.to_owned()),
    }
}

/// `top1=PART` or `max-abs=NUMBER`.
pub(super) fn fidelity(text: &str) -> Result<Fidelity, String> {
    text.parse()
}
