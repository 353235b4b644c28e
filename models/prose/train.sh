#!/usr/bin/env bash
# Makes the model again from this repository's documents and a grammar, and puts it in place.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

here=models/prose
made=target/train/prose
rm -rf "$made"
mkdir -p "$made"
mapfile -t documents < <(git ls-files README.md ARCHITECTURE.md FORMAT.md SECURITY.md 'docs/*.md' 'zkml/*.md')
# What one step frees, the next one takes again: without this, half of the time goes into pages that come and go.
export MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=8589934592 MALLOC_TOP_PAD_=268435456
cargo run --release -p assay-prover --example train_prose -- "$made" "${documents[@]}" | tee "$made/log"
tail -n 1 "$made/log" >"$made/metrics.json"
rm "$made/log"

card=$(<"$here/card.template.md")
for field in weights steps seed seconds loss; do
    card=${card//"{$field}"/$(sed -n -E "s/.*\"$field\":([0-9.]+).*/\1/p" "$made/metrics.json")}
done
card=${card//'{documents}'/$(printf '`%s`, ' "${documents[@]}" | sed 's/, $//')}
card=${card//'{digests}'/$(cd "$made" && sha256sum -- *)}
printf '%s\n' "$card" >"$made/CARD.md"
mv "$made"/* "$here"
