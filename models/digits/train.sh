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
"$python" $here/write_card.py "$made"
mv "$made/features.pt" "$made/head.onnx" "$made/metrics.json" "$made/CARD.md" $here
git status --short $here || true
