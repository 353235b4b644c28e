#!/usr/bin/env bash
# Builds the host's side of QEMU's vsock, and prints the folder with bin/vhost-device-vsock.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=$CACHE/vhost-device-vsock-$VHOST_DEVICE_VSOCK
if [ ! -x "$folder/bin/vhost-device-vsock" ]; then
    scripts/prerequisites.sh cargo c
    say "building vhost-device-vsock $VHOST_DEVICE_VSOCK, once for this cache"
    install=(env -u CARGO_BUILD_TARGET cargo install vhost-device-vsock --version "$VHOST_DEVICE_VSOCK" --root "$folder.part" --target-dir
        "$CACHE/target-vsock" --locked)
    CARGO_PROFILE_RELEASE_OPT_LEVEL=1 logged vhost-device-vsock "${install[@]}"
    rm -rf "$folder" "$CACHE/target-vsock"
    mv "$folder.part" "$folder"
fi
echo "$folder"
