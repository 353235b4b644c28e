#!/usr/bin/env bash
# Makes both models again and puts them in place, if they are as good as the card says. usage: train.sh PYTHON
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

python=$1
here=models/digits
made=target/train/digits
rm -rf "$made"
mkdir -p "$made"

# The instructions that every x86-64 processor has, so that training takes the same path on each.
export ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE

"$python" $here/export_data.py
cargo run --release -p assay-prover --example train_digits -- \
    $here/data "$made/features.pt" "$made/head" "$made/metrics.json"
"$python" $here/write_onnx.py "$made/head" "$made/head.onnx"
target/release/assay quantize "$made/head.onnx" --input i8:1x48:-4:0..127 --output "$made/head.manifest.json"
"$python" $here/write_card.py "$made"
mv "$made"/{features.pt,head.onnx,head.manifest.json,metrics.json,CARD.md} $here
if ! target/release/assay eval $here/operation.toml --data $here/data; then
    echo 'train: hint: models that differ from the committed ones need their new digests in operation.toml' >&2
    exit 1
fi
