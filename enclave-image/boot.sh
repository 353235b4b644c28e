#!/usr/bin/env bash
# Runs a command that boots target/enclave/assay.eif (tests/src/enclave.rs), with what it needs for that: QEMU and the
# host's side of its vsock, both built once for the cache. usage: boot.sh COMMAND...
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

qemu=$(enclave-image/qemu.sh)
vsock=$(enclave-image/vsock.sh)
ASSAY=$PWD/target/enclave/assay ASSAY_QEMU=$qemu ASSAY_VSOCK=$vsock/bin/vhost-device-vsock ASSAY_ENCLAVE=$PWD/target/enclave \
    ASSAY_IMAGE_TOOL=$CACHE/target-image/release/assay-image exec "$@"
