#!/usr/bin/env bash
# Names what is missing, with the command that installs it. usage: prerequisites.sh [cargo|c|python|node|postgres]...
set -euo pipefail

missing=0

lacks() { # what, command
    printf 'assay: error: %s is missing\nassay: hint: %s\n' "$1" "$2" >&2
    missing=1
}

# Whether version $1 is at least $2.
at_least() { [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]; }

apt() { echo "sudo apt-get install $1"; }

cargo_() {
    local wanted found
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null; then
        lacks "cargo (Rust $wanted or newer)" "curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh"
        return
    fi
    found=$(rustc --version | cut -d' ' -f2)
    at_least "$found" "$wanted" || lacks "Rust $wanted (here is $found)" "rustup update stable"
    for part in fmt clippy; do
        cargo "$part" --version >/dev/null 2>&1 || lacks "cargo $part" "rustup component add rustfmt clippy"
    done
}

c_() {
    command -v cc >/dev/null && command -v c++ >/dev/null || lacks "a C and C++ compiler" "$(apt build-essential)"
}

python_() {
    if ! command -v python3 >/dev/null; then
        lacks "Python 3.10 or newer" "$(apt 'python3 python3-pip python3-venv')"
        return
    fi
    local found
    found=$(python3 -c 'import platform; print(platform.python_version())')
    at_least "$found" 3.10 || lacks "Python 3.10 (here is $found)" "$(apt python3)"
    python3 -m pip --version >/dev/null 2>&1 || lacks "pip for $(command -v python3)" "$(apt python3-pip)"
    python3 -c 'import ensurepip, venv' 2>/dev/null || lacks "venv for $(command -v python3)" "$(apt python3-venv)"
}

node_() {
    if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
        lacks "Node 20 or newer, with npm" "$(apt 'nodejs npm')"
        return
    fi
    local found
    found=$(node --version)
    at_least "${found#v}" 20 || lacks "Node 20 (here is $found)" "npm install --global n && n 20"
}

postgres_() {
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || lacks "PostgreSQL" "$(apt 'postgresql postgresql-contrib')"
}

for tool in "$@"; do
    "${tool}_"
done
[ "$missing" = 0 ] || exit 2
