#!/usr/bin/env bash
# Builds the image and compares it with what was published. Exit 0: the same registers; 1: others, from the same inputs;
# 3: other inputs, which are listed. usage: verify.sh [measurements.json]
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

published=${1:-enclave-image/measurements.json}
[ -e "$published" ] || fail "$published is missing: no image was released yet" "name a file of measurements"
enclave-image/image.sh >&2
"$CACHE/target-image/release/assay-image" compare "$published" target/enclave/measurements.json
