#!/usr/bin/env bash
# cargo, with the flags that a program of the image is built with, so that nothing in it says where it was built; with a
# target folder for each program, so that none has the other's built again. FOLDER has the sources, and gets the targets.
# usage: cargo.sh FOLDER init|prover COMMAND ARGUMENTS...
set -euo pipefail
work=$1 program=$2 command=$3
shift 3
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

source=$work/source
libtorch=$(readlink -f "${LIBTORCH:-target/libtorch}")
export CARGO_TARGET_DIR=$work/target-$program LIBTORCH=$libtorch ASSAY_LIBTORCH_RPATH=/assay/lib

# Neither the compiler's paths nor the preprocessor's.
mapfile -t registries < <(find "${CARGO_HOME:-$HOME/.cargo}/registry/src" -mindepth 1 -maxdepth 1 -type d | sed 's|$|=/cargo|')
RUSTFLAGS=$(printf -- '--remap-path-prefix=%s ' "${registries[@]}" "$CARGO_TARGET_DIR=/target" "$source=/assay")
RUSTFLAGS+='-Cstrip=symbols -Clink-arg=-Wl,--build-id=none'
CFLAGS=$(printf -- '-ffile-prefix-map=%s ' "${registries[@]}" "$libtorch=/libtorch" "$CARGO_TARGET_DIR=/target")
case $program in
init) RUSTFLAGS+=' -Ctarget-feature=+crt-static -Crelocation-model=static' ;;
prover) export CFLAGS CXXFLAGS=$CFLAGS ;;
esac
export RUSTFLAGS

cd "$source"
exec cargo "$command" --release --locked --target "$TRIPLE" "$@"
