#!/usr/bin/env bash
# Builds the image twice, from two folders with two clocks, and boots it under QEMU. `make enclave-test` runs this.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

qemu=$(enclave-image/qemu.sh)
vsock=$(enclave-image/vsock.sh)
enclave-image/image.sh

# Another clone at another path, all its files of another time; everything is built again, the kernel included.
again=$(recipe "$(cat target/enclave/measurements.json)")
if [ ! -e "$CACHE/built-twice-$again" ]; then
    say 'building all of it again in another folder'
    second=$(mktemp -d "${TMPDIR:-/tmp}/assay-second.XXXXXX")
    trap 'rm -rf "$second"' EXIT
    git ls-files -z | xargs -0 cp --parents -t "$second"
    (cd "$second" && git init -q && git add -A)
    mkdir -p "$second/target"
    ln -s "$(readlink -f "${LIBTORCH:-target/libtorch}")" "$second/target/libtorch"
    find "$second" -exec touch -h -d '2001-09-09 01:46:40 UTC' {} +
    (cd "$second" && TZ=Asia/Kolkata LC_ALL=C enclave-image/image.sh "$second/target/enclave")
    "$CACHE/target-image/release/assay-image" compare target/enclave/measurements.json "$second/target/enclave/measurements.json"
    touch "$CACHE/built-twice-$again"
fi

ASSAY_QEMU=$qemu ASSAY_VSOCK=$vsock/bin/vhost-device-vsock ASSAY_ENCLAVE=$PWD/target/enclave \
    cargo test --release -p assay-tests --test enclave -- --ignored --nocapture
