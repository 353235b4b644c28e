#!/usr/bin/env python3
"""Takes rules of tests/removals.toml away, one at a time, and looks whether a test notices.

usage: removals.py [WORD...]   only rules whose text or file has one of the words
Works in a checkout of HEAD of its own under target/; exits 1 if a removal went unnoticed.
"""

import os
import re
import subprocess
import sys
import time
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COPY = ROOT / "target/removals"
# Tests that know the rules of a part, those that know most first. Those that try every byte take minutes, and ask for
# a refusal only, not for its reason.
SLOW = ["every_byte", "arbitrary", "truncation", "thousand"]
TESTS = {
    "verifier": [["-p", "assay-tests", "--test", "receipts", "--test", "groth16", "--test", "batch", "--test", "reports", "--test", "printable"], ["-p", "assay-verifier", "--lib"]],
    "zkml": [["-p", "assay-zkml", "--lib"]],
}


def main(words):
    table = tomllib.loads((ROOT / "tests/removals.toml").read_text())
    rules = [(part, rule) for part, rules in table.items() for rule in rules]
    chosen = [(p, r) for p, r in rules if not words or any(w in r["rule"] + r["file"] for w in words)]
    checkout()
    unnoticed = 0
    begin = time.monotonic()
    for done, (part, rule) in enumerate(chosen, 1):
        names = without(part, rule)
        unnoticed += not names
        left = (time.monotonic() - begin) / done * (len(chosen) - done)
        verdict = f"noticed by {names[0]}" + (f" and {len(names) - 1} more" if len(names) > 1 else "") if names else "NOT NOTICED"
        print(f"{done}/{len(chosen)} {rule['rule']} {verdict} ({left / 60:.0f} min left)", flush=True)
    print(f"{len(chosen) - unnoticed} noticed, {unnoticed} not")
    return 1 if unnoticed else 0


def checkout():
    if not COPY.exists():
        run("git", "worktree", "add", "--force", "--detach", str(COPY), "HEAD")
    run("git", "-C", str(COPY), "checkout", "--force", "--detach", run("git", "rev-parse", "HEAD").strip())


def without(part, rule):
    """Names of the tests that fail without the rule; a build that fails counts as none."""
    path = COPY / rule["file"]
    text = path.read_text()
    if text.count(rule["text"]) != 1:
        sys.exit(f"assay: error: {rule['file']} has {text.count(rule['text'])} times: {rule['text']}")
    path.write_text(text.replace(rule["text"], rule["less"]))
    try:
        for words in TESTS[part]:
            environment = os.environ | {"PROPTEST_MAX_SHRINK_ITERS": "0"}
            command = ["cargo", "test", "--profile", "removals", "--no-fail-fast", *words, "--"]
            command += [word for name in SLOW for word in ("--skip", name)]
            result = subprocess.run(command, cwd=COPY, env=environment, capture_output=True, text=True)
            names = re.findall(r"^test (.+) \.\.\. FAILED$", result.stdout, re.MULTILINE)
            if names:
                return names
            if result.returncode != 0:
                print(result.stderr[-2000:], file=sys.stderr)
                sys.exit(f"assay: error: without «{rule['rule']}» the tests were not built")
        return []
    finally:
        path.write_text(text)


def run(*words):
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
