# Sourced by the scripts beside it: folders, words, Debian's archive. Whoever sources it has `set -euo pipefail`.

cd "$(dirname "${BASH_SOURCE[0]}")/.."
SELF=enclave-image/$(basename "$0")
# shellcheck source=pins.sh
. enclave-image/pins.sh
ASSAY_CACHE=${ASSAY_CACHE:-$HOME/.cache/assay}
CACHE=$ASSAY_CACHE/enclave
mkdir -p "$CACHE/sources" "$CACHE/logs"
# What the image is built for: named, so that flags are for it and not for the programs that build.
TRIPLE=x86_64-unknown-linux-gnu

say() { printf 'assay: %s\n' "$*" >&2; }

fail() { # what, hint
    printf 'assay: error: %s\n' "$1" >&2
    [ -z "${2:-}" ] || printf 'assay: hint: %s\n' "$2" >&2
    exit 2
}

# Runs a long command with its output in a log, which is shown where it fails.
logged() { # name, command...
    local log=$CACHE/logs/$1.log
    shift
    ("$@") >"$log" 2>&1 || {
        tail -n 30 "$log" >&2
        fail "this failed: $*" "the whole log is $log"
    }
}

# A name for what is made from these words and files: another recipe is another folder.
recipe() { sha256sum <<<"$*" | cut -c1-12; }

# apt with lists and cache of its own: needs no root and changes nothing of the machine's. The archive is the one that
# the machine's own source list names; suites of other releases are added, because what is pinned lies there.
archive() { # apt-get's or apt-cache's arguments...
    local apt=$CACHE/apt tool=$1
    shift
    mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
    [ -s "$apt/sources.list" ] && [ -z "$(find "$apt/sources.list" -mmin +720)" ] || archive_lists
    "$tool" -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User= \
        -o Debug::NoLocking=1 -q "$@"
}

archive_lists() {
    local apt=$CACHE/apt main security key=/usr/share/keyrings/debian-archive-keyring.gpg release
    command -v apt-get >/dev/null || fail "apt-get is missing: the image is built on Debian"
    release=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    [ -s "$key" ] || fail "$key is missing" "sudo apt-get install debian-archive-keyring"
    # Both forms of source lists: `URIs: …` and `deb [options] … suite`.
    uris() {
        { cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
            sed -n -E 's/^URIs: *([^ ]+).*/\1/p; s/^deb +(\[[^]]*\] +)?([^ ]+) .*/\2/p'
    }
    main=$(uris | grep -E '/debian/?$' | head -n 1) || fail "no source list of this machine names a Debian archive"
    security=$(uris | grep -E '/debian-security/?$' | head -n 1) || security=${main%/}-security
    {
        for suite in "$release" "$release-updates"; do
            echo "deb [signed-by=$key] $main $suite main"
        done
        for suite in "$release-security" "$KERNEL_SUITE"; do
            echo "deb [signed-by=$key] $security $suite main"
        done | sort -u
        echo "deb-src [signed-by=$key] $main $QEMU_SUITE main"
    } >"$apt/sources.list.part"
    apt-get -o Dir::Etc::SourceList="$apt/sources.list.part" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Sandbox::User= \
        -o Debug::NoLocking=1 -qq update >&2 || fail "the lists of Debian's archive cannot be had"
    mv "$apt/sources.list.part" "$apt/sources.list"
}

# A pinned file, from the cache or by a command that leaves it in the current folder.
pinned() { # file, SHA-256, command...
    local file=$1 sha256=$2 found
    shift 2
    if [ ! -e "$CACHE/sources/$file" ]; then
        say "fetching $file, once for this cache"
        local part=$CACHE/sources/part-$$
        mkdir -p "$part"
        (cd "$part" && "$@") >"$CACHE/logs/fetch.log" 2>&1 || true
        [ -e "$part/$file" ] && mv "$part/$file" "$CACHE/sources/$file"
        rm -rf "$part"
        [ -e "$CACHE/sources/$file" ] || fail "$file (SHA-256 $sha256) cannot be had" \
            "Debian's snapshot archive keeps every version; put the file into $CACHE/sources"
    fi
    found=$(sha256sum "$CACHE/sources/$file" | cut -d' ' -f1)
    [ "$found" = "$sha256" ] || fail "$CACHE/sources/$file has SHA-256 $found, expected $sha256" "remove it"
}
