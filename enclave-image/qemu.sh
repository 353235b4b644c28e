#!/usr/bin/env bash
# Builds QEMU with the machine `nitro-enclave`, unpatched, and prints the folder with it and its firmware.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

folder=$CACHE/qemu-$(recipe "$QEMU_SHA256" "$(sha256sum <"$SELF")")
if [ ! -e "$folder/qemu-system-x86_64" ]; then
    tools=$(enclave-image/tools.sh)
    . "$tools/env"
    pinned "$QEMU_FILE" "$QEMU_SHA256" archive apt-get source --only-source --tar-only --download-only "$QEMU_SOURCE"
    scripts/prerequisites.sh c python
    say "building QEMU $QEMU_VERSION, four minutes of two processors"
    rm -rf "$folder" "$folder.part"
    mkdir -p "$folder.part/build"
    cd "$folder.part"
    tar xf "$CACHE/sources/$QEMU_FILE"
    source=$PWD/qemu-$QEMU_VERSION
    # Its configure works offline with what is at hand, and Debian's meson may be too old.
    python3 -m venv python
    python/bin/python -m pip install --quiet meson==1.5.0 pycotap==1.3.1 distlib ninja
    # Debian's tarball lacks firmware that is not free and that this machine does not need; its build wants the files.
    for name in $(sed -n "s/^ *'\(edk2-.*\)\.fd',\{0,1\}$/\1/p" "$source/pc-bios/meson.build"); do
        [ -e "$source/pc-bios/$name.fd.bz2" ] || : | bzip2 >"$source/pc-bios/$name.fd.bz2"
    done
    printf 'CONFIG_%s=y\n' NITRO_ENCLAVE VIRTIO_MMIO VHOST_USER_VSOCK >"$source/configs/devices/x86_64-softmmu/nitro.mak"
    cd build
    export PATH=$folder.part/python/bin:$PATH
    logged qemu-configure "$source/configure" --python="$folder.part/python/bin/python" --disable-install-blobs \
        --target-list=x86_64-softmmu --without-default-features --without-default-devices --with-devices-x86_64=nitro \
        --enable-system --enable-tcg --enable-gnutls --enable-libcbor --enable-vhost-user --enable-fdt=system \
        --enable-pixman --enable-trace-backends=nop --disable-debug-info --disable-docs --disable-tools --disable-user \
        --disable-werror \
        --extra-cflags="-idirafter $TOOLS/usr/include" \
        --extra-ldflags="-L$LIB -Wl,-rpath,$LIB -Wl,--disable-new-dtags -Wl,-rpath-link,$LIB"
    logged qemu ninja -j"${ASSAY_JOBS:-2}" qemu-system-x86_64
    ./qemu-system-x86_64 -M help | grep -q '^nitro-enclave' || fail "this QEMU has no machine nitro-enclave"
    mkdir -p "$folder/firmware"
    cp "$TOOLS"/usr/share/qemu/*.{bin,rom} "$folder/firmware/"
    cp "$TOOLS"/usr/share/seabios/*.bin "$folder/firmware/"
    cp qemu-system-x86_64 "$folder/qemu.part"
    mv "$folder/qemu.part" "$folder/qemu-system-x86_64"
    rm -rf "$folder.part"
fi
echo "$folder"
