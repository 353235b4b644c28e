"""`make bench-zk`: proving, beside ezkl and beside plain inference, in one run on one machine.

usage: zk.py [--models NAME,…] [--no-peer] [--runs N] [--markdown FILE]

For each model one JSON line, ratios first, on standard output, kept in ASSAY_CACHE. The table of all that were
measured here goes between the markers of BENCHMARKS.md, so that one model can be measured again. A model that does not compile, or a peer that does not finish
within its limits (600 s, 20 GB of address space), is a line that says so.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys

import numpy
import onnx
from onnx import reference

import models

ROOT = pathlib.Path(__file__).resolve().parent.parent
CACHE = pathlib.Path(os.environ.get("ASSAY_CACHE") or pathlib.Path.home() / ".cache/assay") / "bench"
ASSAY = os.environ.get("ASSAY") or str(ROOT / "target/release/assay")
INFERENCE = os.environ.get("ASSAY_INFERENCE") or str(ROOT / "target/release/time_inference")
PEER_SECONDS, PEER_BYTES = 600, 20 << 30
# ezkl hashes its inputs with Poseidon, as our commitments do; where that takes minutes, public ones do.
HASHED = {"mlp-64-32-10", "mlp-784-128-10"}
# The same model with other options of `assay compile`, without the peers: values in the open; what fits 2^17 rows,
# and what it loses.
VARIANTS = {
    "mlp-784-128-10-public": ("mlp-784-128-10", ["--public", "inputs,outputs"]),
    "mlp-784-2000-60-4000-10-w6": ("mlp-784-2000-60-4000-10", ["--weight-bits", "6", "--fidelity", "top1=0.9"]),
}
BEGIN, END = "<!-- bench-zk: begin -->", "<!-- bench-zk: end -->"


class Failed(Exception):
    """What a program said last."""


def run(words, seconds=3600, limit=None):
    """The last line of a program's output, as JSON. A program that fails or is late is an error."""
    bound = (lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit))) if limit else None
    words = [str(word) for word in words]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, preexec_fn=bound)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done in {seconds} s") from None
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit {done.returncode}").splitlines()
        raise Failed(next((line for line in said if "error" in line), said[-1])[:300])
    return json.loads(done.stdout.strip().splitlines()[-1])


def ours(name, model, data, options, runs):
    """Compiles, sets up, and proves several times; each in a process of its own."""
    folder = CACHE / "folders" / name
    compiled = run([ASSAY, "compile", model, "-o", folder, "--json", *options])
    setup = run([ASSAY, "setup", folder, "--single-party", "--json"])
    receipt = CACHE / f"{name}.cbor"
    proofs = [run([ASSAY, "prove", folder, "--input", data, "-o", receipt, "--json"]) for _ in range(runs)]
    middle = lambda field: round(statistics.median(proof[field] for proof in proofs), 4)
    manifest = json.loads((folder / "manifest.json").read_text())
    bits = {layer["weight_bits"] for layer in manifest["layers"] if "weight_bits" in layer}
    return {
        "rows": setup["rows"],
        "domain": setup["domain"],
        "weight_bits": max(bits, default=None),
        "compile_s": middle("compile_s"),
        "setup_s": round(setup["setup_s"], 3),
        "setup_peak_rss_mb": setup["peak_rss_mb"],
        "witness_s": middle("witness_s"),
        "prove_s": middle("prove_s"),
        "prove_s_best": round(min(proof["prove_s"] for proof in proofs), 4),
        "verify_s": middle("verify_s"),
        "peak_rss_mb": max(proof["peak_rss_mb"] for proof in proofs),
        "key_bytes": setup["key_bytes"],
        "proof_bytes": proofs[0]["proof_bytes"],
        "predicted": {name: compiled[name] for name in ("setup_s", "setup_bytes", "prove_s", "prove_bytes")},
        "fidelity": fidelity(model, data, manifest, proofs[0]["outputs"], compiled["fidelity"]),
    }


def fidelity(model, data, manifest, outputs, report):
    """The proved output against the model in floating point, by another's evaluator; and what `compile` says of its
    random inputs."""
    session = reference.ReferenceEvaluator(onnx.load(model))
    shape = [dim.dim_value for dim in onnx.load(model).graph.input[0].type.tensor_type.shape.dim]
    reals = numpy.array(json.loads(data.read_text())["input_data"][0], dtype=numpy.float32).reshape(shape)
    real = session.run(None, {"x": reals})[0].reshape(-1)
    scale = 2.0 ** manifest["outputs"][0]["type"]["scale"]
    proved = numpy.array(outputs[0]) * scale
    return {
        "samples": report["samples"],
        "top1": report["top1"],
        "top1_agrees": bool(real.argmax() == proved.argmax()),
        "max_error": round(float(numpy.abs(real - proved).max()), 5),
        "largest_output": round(float(numpy.abs(real).max()), 3),
    }


def theirs(name, model, data, visibility):
    folder = CACHE / "ezkl" / f"{name}-{visibility}"
    words = [sys.executable, ROOT / "bench/peer.py", model, data, folder, visibility]
    return run(words, PEER_SECONDS, PEER_BYTES)


def attempt(function, *args):
    try:
        return function(*args)
    except (Failed, OSError, ValueError, KeyError) as error:
        return {"failed": f"{error}" if isinstance(error, Failed) else f"{type(error).__name__}: {error}"}


def ratio(above, below):
    return round(above / below, 1) if above and below else None


def measure(name, args):
    base, options = VARIANTS.get(name, (name, []))
    model, data, shape = models.write(base, CACHE / "models")
    mine = attempt(ours, name, model, data, options, args.runs)
    plain = attempt(run, [INFERENCE, base])
    visibilities = ["public", *(["hashed"] if name in HASHED else [])]
    peers = {} if args.no_peer or options else {kind: attempt(theirs, name, model, data, kind) for kind in visibilities}
    proves = {kind: peer["witness_s"] + peer["prove_s"] for kind, peer in peers.items() if "prove_s" in peer}
    mine_s, plain_s = mine.get("prove_s"), plain.get("inference_s")
    return {
        "faster_than_ezkl_hashed": ratio(proves.get("hashed"), mine_s),
        "faster_than_ezkl_public": ratio(proves.get("public"), mine_s),
        "memory_below_ezkl": ratio(peers.get("public", {}).get("peak_rss_mb"), mine.get("peak_rss_mb")),
        "overhead_over_libtorch": ratio(mine_s, plain_s),
        "model": name,
        "date": f"{datetime.date.today()}",
        "load_average": os.getloadavg()[0],
        "ours": mine,
        "libtorch": plain,
        **{f"ezkl_{kind}": peer for kind, peer in peers.items()},
    }


def machine():
    info = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    cpu = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu}, {os.cpu_count()} processors, {memory:.0f} GiB, no GPU, {platform.system()} {platform.release()}"


def table(lines):
    """The section of BENCHMARKS.md."""
    show = lambda value, unit="": "–" if value is None else f"{value}{unit}"
    dates = sorted({line["date"] for line in lines})
    out = [
        f"Measured {dates[0]}{f' to {dates[-1]}' if len(dates) > 1 else ''} with `make bench-zk` on {machine()}; load average at the time of each model "
        f"{min(line['load_average'] for line in lines):.1f} to {max(line['load_average'] for line in lines):.1f}.",
        "Random weights and inputs from fixed seeds (`bench/models.py`). Ours: witness, key load and proof, with commitments to "
        "input and output, the median of several runs; ezkl 23.0.5: witness and proof, one run, weights fixed, SRS made before.",
        "",
        "| model | faster than ezkl, hashed / public | memory below ezkl | times libtorch | rows (domain) | weight bits | setup (predicted) | prove (predicted) | verify | peak (predicted) | key | top-1 on random inputs | max error |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        mine = line["ours"]
        if "failed" in mine:
            out.append(f"| {line['model']} | not proved: {mine['failed']} |" + " |" * 11)
            continue
        hashed, public = line["faster_than_ezkl_hashed"], line["faster_than_ezkl_public"]
        seen, predicted = mine["fidelity"], mine["predicted"]
        cells = [
            line["model"],
            f"{show(hashed, '×')} / {show(public, '×')}",
            show(line["memory_below_ezkl"], "×"),
            show(line["overhead_over_libtorch"], "×"),
            f"{mine['rows']:,} ({mine['domain']:,})",
            show(mine["weight_bits"]),
            f"{mine['setup_s']:.2f} s ({predicted['setup_s']:.2f})",
            f"{mine['prove_s']:.3f} s ({predicted['prove_s']:.3f})",
            f"{1000 * mine['verify_s']:.1f} ms",
            f"{mine['peak_rss_mb']:.0f} MB ({predicted['prove_bytes'] / 2**20:.0f})",
            f"{mine['key_bytes'] / 2**20:.1f} MiB",
            f"{100 * seen['top1']:.1f} % of {seen['samples']}",
            f"{seen['max_error']} of {seen['largest_output']}",
        ]
        out.append("| " + " | ".join(cells) + " |")
    out += ["", "ezkl, from the same run:", "", "| model | input | setup | witness + prove | verify | peak | key | proof |", "|---|---|---|---|---|---|---|---|"]
    for line in lines:
        for kind in ("public", "hashed"):
            peer = line.get(f"ezkl_{kind}")
            if peer is None:
                continue
            if "failed" in peer:
                out.append(f"| {line['model']} | {kind} | {peer['failed']} |" + " |" * 5)
                continue
            cells = [
                line["model"], kind, f"{peer['setup_s']:.1f} s", f"{peer['witness_s'] + peer['prove_s']:.2f} s",
                f"{1000 * peer['verify_s']:.0f} ms", f"{peer['peak_rss_mb']:.0f} MB",
                f"{peer['key_bytes'] / 2**20:.0f} MiB", f"{peer['proof_bytes']:,} bytes",
            ]
            out.append("| " + " | ".join(cells) + " |")
    return "\n".join(out)


def write_section(path, text):
    """Replaces what is between the markers, whole or not at all; without markers, appends."""
    old = path.read_text() if path.exists() else "# Benchmarks\n\nEvery number here is written by the command named with it.\n"
    if BEGIN not in old:
        old += f"\n## Proving\n\n{BEGIN}\n{END}\n"
    head, rest = old.split(BEGIN, 1)
    new = f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}"
    partial = path.with_suffix(".partial")
    partial.write_text(new)
    partial.replace(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", default=",".join([*models.MODELS, *VARIANTS]))
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--markdown", type=pathlib.Path, default=ROOT / "BENCHMARKS.md")
    args = parser.parse_args()
    kept = CACHE / "measured"
    kept.mkdir(parents=True, exist_ok=True)
    for name in args.models.split(","):
        line = json.dumps(measure(name, args))
        print(line, flush=True)
        (kept / f"{name}.json").write_text(line)
    lines = [json.loads(path.read_text()) for path in (kept / f"{name}.json" for name in [*models.MODELS, *VARIANTS]) if path.exists()]
    write_section(args.markdown, table(lines))


main()
