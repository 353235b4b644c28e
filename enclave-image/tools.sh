#!/usr/bin/env bash
# Prints a folder with what Debian packages for building the kernel and QEMU and this machine lacks: unpacked, not
# installed. `env` in it is to be sourced. usage: tools.sh
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

PACKAGES='bc bison flex libcbor-dev libelf-dev libfdt-dev libglib2.0-dev libgnutls28-dev libpixman-1-dev m4 pkg-config
    qemu-system-data seabios xz-utils zlib1g-dev'
folder=$CACHE/tools-$(recipe "$PACKAGES" "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$(sha256sum <"$SELF")")
if [ ! -d "$folder" ]; then
    say 'fetching build tools, once for this cache'
    rm -rf "$folder.part" "$CACHE/apt/cache/archives"
    mkdir -p "$folder.part" "$CACHE/apt/cache/archives/partial"
    # Firmware is taken from its packages wherever the machine has it.
    # shellcheck disable=SC2086
    logged tools archive apt-get install --yes --download-only --reinstall --no-install-recommends $PACKAGES
    for package in "$CACHE"/apt/cache/archives/*.deb; do
        dpkg -x "$package" "$folder.part"
    done
    # Packages are unpacked elsewhere than they think, and their links may mean libraries that the machine has.
    find "$folder.part" -name '*.pc' -exec sed -i "s|^prefix=/usr|prefix=$folder/usr|" {} +
    find "$folder.part" -xtype l -name '*.so*' | while read -r link; do
        target=$(ldconfig -p | sed -n "s|.*x86-64.*=> \(.*/$(basename "$(readlink "$link")")\)$|\1|p" | head -n 1)
        [ -n "$target" ] || target=/usr/lib/x86_64-linux-gnu/$(basename "$(readlink "$link")")
        [ ! -e "$target" ] || ln -sfn "$target" "$link"
    done
    cat >"$folder.part/env" <<ENV
TOOLS=$folder
LIB=\$TOOLS/usr/lib/x86_64-linux-gnu
export PATH=\$TOOLS/usr/bin:\$PATH PKG_CONFIG_PATH=\$LIB/pkgconfig
export BISON_PKGDATADIR=\$TOOLS/usr/share/bison M4=\$(command -v m4 || echo \$TOOLS/usr/bin/m4)
ENV
    mv "$folder.part" "$folder"
fi
echo "$folder"
