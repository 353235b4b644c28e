#!/usr/bin/env bash
# Builds the image twice, from two folders with two clocks, and boots it under QEMU. `make enclave-test` runs this.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# First, so that what cannot be had is named before an hour's work.
enclave-image/boot.sh true
enclave-image/image.sh
CARGO_TARGET_DIR=$CACHE/target-image \
    logged builder-test cargo test --release --locked --manifest-path enclave-image/builder/Cargo.toml

# Another clone at another path, all its files of another time; everything is built again, the kernel included. Once for
# each image: it is the registers that two builds agreed on.
again=$CACHE/built-twice-$(recipe "$(grep PCR target/enclave/measurements.json)")
if [ ! -e "$again" ]; then
    say 'building all of it again in another folder, with another clock'
    second=$(mktemp -d "${TMPDIR:-/tmp}/assay-second.XXXXXX")
    trap 'rm -rf "$second"' EXIT
    git ls-files -z | xargs -0 cp --parents -t "$second"
    (cd "$second" && git init -q && git add -A)
    mkdir -p "$second/target"
    ln -s "$(readlink -f "${LIBTORCH:-target/libtorch}")" "$second/target/libtorch"
    find "$second" -exec touch -h -d '2001-09-09 01:46:40 UTC' {} +
    (cd "$second" && TZ=Asia/Kolkata enclave-image/image.sh "$second/target/enclave")
    "$CACHE/target-image/release/assay-image" compare \
        target/enclave/measurements.json "$second/target/enclave/measurements.json" >"$again.part"
    mv "$again.part" "$again"
fi
say "two builds: $(cat "$again")"

# With the prover's flags and features, so that little of it is to build. One machine after the other: each is emulated by
# a whole processor.
enclave-image/boot.sh enclave-image/cargo.sh "$CACHE" prover test -p assay-prover -p assay-tests --test enclave -- \
    --ignored --nocapture --test-threads 1
