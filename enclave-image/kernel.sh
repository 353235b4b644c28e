#!/usr/bin/env bash
# Builds the enclave's kernel and prints the folder with bzImage and its configuration: the cached one, or anew in
# the folder that is named, which is how two builds are compared. usage: kernel.sh [FOLDER]
set -euo pipefail
anew=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

config=enclave-image/kernel.config
folder=${anew:-$CACHE/kernel-$(recipe "$KERNEL_SHA256" "$(cc --version | head -n 1)" "$(ld --version | head -n 1)" \
    "$(cat "$config" "$SELF" | sha256sum)")}
if [ ! -e "$folder/bzImage" ]; then
    . "$(enclave-image/tools.sh)/env"
    pinned "$KERNEL_FILE" "$KERNEL_SHA256" archive apt-get download "$KERNEL_PACKAGE=$KERNEL_PACKAGE_VERSION"
    say "building the kernel, six minutes of a processor"
    work=$folder.part
    rm -rf "$work"
    mkdir -p "$work"
    dpkg -x "$CACHE/sources/$KERNEL_FILE" "$work"
    tar -C "$work" -xf "$work/usr/src/linux-source-$KERNEL_VERSION.tar.xz"
    source=$work/linux-source-$KERNEL_VERSION
    # Nothing of this machine or this moment: LC_ALL and TZ for what tools print, the rest for `uname -v`.
    export LC_ALL=C TZ=UTC KBUILD_BUILD_TIMESTAMP='1970-01-01 00:00:00 UTC' KBUILD_BUILD_USER=assay \
        KBUILD_BUILD_HOST=enclave KBUILD_BUILD_VERSION=1 SOURCE_DATE_EPOCH=0
    unset MAKEFLAGS MAKELEVEL MFLAGS
    host=(HOSTCFLAGS="-idirafter $TOOLS/usr/include" HOSTLDFLAGS="-L$LIB -Wl,-rpath,$LIB")
    logged kernel-config make -C "$source" "${host[@]}" KCONFIG_ALLCONFIG="$PWD/$config" allnoconfig
    # A setting that the kernel did not take is an error here and not a surprise later.
    while IFS= read -r setting; do
        case $setting in
        CONFIG_*=n) ! grep -q "^${setting%=n}=" "$source/.config" || fail "the kernel did not take $setting" ;;
        CONFIG_*) grep -qxF "$setting" "$source/.config" || fail "the kernel did not take $setting" ;;
        esac
    done <"$config"
    ! grep -q '=m$' "$source/.config" || fail "the kernel's configuration has modules"
    logged kernel make -C "$source" "${host[@]}" -j"${ASSAY_JOBS:-2}" bzImage
    mkdir -p "$folder"
    cp "$source/.config" "$folder/config"
    cp "$source/arch/x86/boot/bzImage" "$folder/bzImage.part"
    mv "$folder/bzImage.part" "$folder/bzImage"
    rm -rf "$work"
fi
echo "$folder"
