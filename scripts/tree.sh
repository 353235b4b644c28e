#!/usr/bin/env bash
# Prints what git sees of the tree; given what it printed before, fails if that has changed.
set -euo pipefail

git rev-parse --is-inside-work-tree >/dev/null 2>&1 || exit 0
now=$(git status --porcelain; git diff HEAD | git hash-object --stdin)
if [ $# = 0 ]; then
    printf '%s' "$now"
elif [ "$now" != "$1" ]; then
    printf 'assay: error: the build changed the tree\n%s\n' "$now" >&2
    printf 'assay: hint: commit what it wrote, or stop it from writing there\n' >&2
    exit 1
fi
