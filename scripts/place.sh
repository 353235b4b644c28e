#!/usr/bin/env bash
# Copies programs that cargo built into a folder of this clone, wherever cargo's own target folder is.
# usage: place.sh FOLDER NAME...
set -euo pipefail

target=$(cargo metadata --no-deps --format-version 1 | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
folder=$1
shift
mkdir -p "$folder"
for name in "$@"; do
    to=$folder/${name##*/}
    # A copy, never a link: what cargo does next with its own file changes nothing here.
    cp "$target/release/$name" "$to.new"
    mv "$to.new" "$to"
done
