#!/usr/bin/env bash
# Builds the enclave image into target/enclave, or anew, kernel included, into the folder that is named.
# ASSAY_SIGN_KEY and ASSAY_SIGN_CERTIFICATE sign it. usage: image.sh [FOLDER]
set -euo pipefail
anew=${1:+$(mkdir -p "$1" && cd "$1" && pwd)}
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
out=${anew:-$PWD/target/enclave}
# A target folder for each set of flags, so that none has another's built again.
work=${anew:-$CACHE}
mkdir -p "$out"

# One at a time: clones share the cache.
exec 9>"$CACHE/lock"
flock -n 9 || { say 'waiting for another build of an image' && flock 9; }

kernel=$(enclave-image/kernel.sh ${anew:+"$anew/kernel"})

# The sources lie in one place for all clones, so that flags that name it are the same, and only what changed is built again.
source=$work/source
mkdir -p "$source"
git ls-files -z --cached --others --exclude-standard | sort -z >"$work/source.list"
while IFS= read -r -d '' file; do
    [ -f "$file" ] && ! cmp -s "$file" "$source/$file" || continue
    mkdir -p "$(dirname "$source/$file")"
    cp "$file" "$source/$file"
done <"$work/source.list"
(cd "$source" && find . -path ./target -prune -o -type f -printf '%P\0' | sort -z | comm -z -13 "$work/source.list" - | xargs -0r rm -f)

# Before anything is built: flags name the folders that this makes.
logged fetch env -C "$source" cargo fetch --locked --target "$TRIPLE"
say 'building init'
logged init enclave-image/cargo.sh "$work" init build -p assay-init
init=$work/target-init/$TRIPLE/release/init
say 'building the prover'
# And `assay`, for the host: of no interest where two images are compared.
programs=(--bin assay-engine)
[ -n "$anew" ] || programs+=(--bin assay)
logged prover enclave-image/cargo.sh "$work" prover build -p assay-prover "${programs[@]}"
prover=$work/target-prover/$TRIPLE/release/assay-engine
[ -n "$anew" ] || cp "${prover%-engine}" "$out/"
libtorch=$(readlink -f "${LIBTORCH:-target/libtorch}")

# Ramdisk 0: init, and the folders it mounts on.
rm -rf "$out/stage"
first=$out/stage/init second=$out/stage/prover
mkdir -p "$first"/{dev,proc,sys,run,tmp}
cp "$init" "$first/init"

# Ramdisk 1: the prover, the libraries it names, models. The system's libraries lie where their loader looks.
mkdir -p "$second"/assay/{bin,lib,models} "$second"/lib/x86_64-linux-gnu "$second"/lib64
cp "$prover" "$second/assay/bin/assay-engine"
inputs=$out/inputs.tsv
: >"$inputs.part"
input() { printf '%s\t%s\t%s\t%s\n' "$@" >>"$inputs.part"; } # kind, name, version, SHA-256
file_digest() { sha256sum <"$1" | cut -d' ' -f1; }
package_of() { # the Debian package that a file is of, and its version
    local package
    package=$(dpkg-query -S "$(realpath "$1")" 2>/dev/null || dpkg-query -S "$(realpath "$1" | sed 's|^/usr||')") ||
        fail "$1 is of no Debian package"
    dpkg-query -W -f='${Package}\t${Version}\n' "${package%%: *}"
}
while read -r library; do
    name=$(basename "$library")
    case $library in
    "$libtorch"/*)
        # A fifth of libtorch are symbols for debuggers.
        strip --strip-unneeded -o "$second/assay/lib/$name" "$library"
        input libtorch "$name" "$(cat "$libtorch/build-version")" "$(file_digest "$library")"
        ;;
    *)
        case $name in
        ld-linux-*) cp -L "$library" "$second/lib64/$name" ;;
        *) cp -L "$library" "$second/lib/x86_64-linux-gnu/$name" ;;
        esac
        found=$(package_of "$library")
        input package "${found%%$'\t'*}/$name" "${found#*$'\t'}" "$(file_digest "$library")"
        ;;
    esac
done < <(LD_LIBRARY_PATH=$libtorch/lib ldd "$prover" | sed -n -E 's/^.*=> (\/[^ ]+) .*/\1/p; s/^\s*(\/[^ ]+) .*/\1/p' | sort -u)
for model in models/*/; do
    folder=$second/assay/$model
    mkdir -p "$folder"
    # What an operation names, or what a language model is, and nothing that it was trained or measured with.
    if [ -e "$model/operation.toml" ]; then
        cp "$model/operation.toml" "$folder"
        sed -n -E 's/^(model|manifest) = "(.*)"$/\2/p' "$model/operation.toml" | while read -r file; do
            cp "$model/$file" "$folder"
        done
    else
        cp "$model"/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json} "$folder"
    fi
done

input source linux "$KERNEL_PACKAGE_VERSION" "$KERNEL_SHA256"
input source kernel.config "$KERNEL_VERSION" "$(file_digest enclave-image/kernel.config)"
input source assay "$(cargo metadata --no-deps --format-version 1 | sed -n 's/.*"name":"assay-prover","version":"\([^"]*\)".*/\1/p')" \
    "$(git ls-files -z .cargo Cargo.toml enclave-image models prover verifier zkml ':!enclave-image/measurements.json' | sort -z | xargs -0 sha256sum | sha256sum | cut -d' ' -f1)"
input lock Cargo.lock 4 "$(file_digest Cargo.lock)"
input lock enclave-image/builder/Cargo.lock 4 "$(file_digest enclave-image/builder/Cargo.lock)"
input toolchain rustc "$(rustc --version)" "$(file_digest "$(rustc --print sysroot)"/lib/librustc_driver-*.so)"
input toolchain gcc "$(cc --version | head -n 1)" "$(file_digest "$(cc -print-prog-name=cc1)")"
input toolchain g++ "$(c++ --version | head -n 1)" "$(file_digest "$(c++ -print-prog-name=cc1plus)")"
input toolchain ld "$(ld --version | head -n 1)" "$(file_digest "$(command -v ld)")"
input toolchain strip "$(strip --version | head -n 1)" "$(file_digest "$(command -v strip)")"
input toolchain libc.a "$(dpkg-query -W -f='${Version}' libc6-dev)" "$(file_digest "$(cc -print-file-name=libc.a)")"
sort "$inputs.part" >"$inputs"
rm "$inputs.part"

say 'packing'
builder=$CACHE/target-image
CARGO_TARGET_DIR=$builder logged builder cargo build --release --locked --manifest-path enclave-image/builder/Cargo.toml
pack=$builder/release/assay-image
"$pack" cpio "$first" -o "$out/init.cpio"
"$pack" cpio "$second" -o "$out/prover.cpio"
"$pack" pack --kernel "$kernel/bzImage" --cmdline "$ENCLAVE_CMDLINE" --init "$out/init.cpio" --prover "$out/prover.cpio" \
    --inputs "$inputs" --part "init=$first/init" --part "prover=$second/assay/bin/assay-engine" \
    --part "libtorch=$second/assay/lib" --part "libraries=$second/lib" --part "models=$second/assay/models" \
    ${ASSAY_SIGN_KEY:+--key "$ASSAY_SIGN_KEY" --certificate "$ASSAY_SIGN_CERTIFICATE"} \
    -o "$out/assay.eif" --measurements "$out/measurements.json"
rm -rf "$out/stage" "$out"/*.cpio
