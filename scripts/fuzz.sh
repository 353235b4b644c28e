#!/usr/bin/env bash
# Every fuzz target, or those named, one after the other: `scripts/fuzz.sh SECONDS [TARGET…]`. What is found lies in
# fuzz/artifacts; once it is fixed it belongs in fuzz/regressions/TARGET, which the ordinary tests replay.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../fuzz"

seconds=$1
shift
[ $# -gt 0 ] || set -- attestation batch cose der policy_json receipt

rustup toolchain list | grep -q '^nightly' || {
    echo 'assay: error: fuzzing needs the nightly compiler: run `rustup toolchain install nightly --profile minimal`' >&2
    exit 2
}
for target in "$@"; do
    mkdir -p "corpus/$target"
    # Receipts may have 4 MiB, but what is interesting about one is in its first pages.
    cargo +nightly fuzz run --fuzz-dir . "$target" "corpus/$target" "seeds/$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=20000 -print_final_stats=1
done
