#!/usr/bin/env bash
# A digit read, attested, proved and checked; then one byte changed. `make demo` builds everything and runs this.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=target/demo
picture=models/digits/images/digit-7.png
assay=target/demo-programs/assay
rm -rf "$out"
mkdir -p "$out"

title() { printf '\n== %s\n' "$1"; }

title 'You ask: this picture, and a nonce that nobody has seen before'
nonce=$(node -e 'console.log(crypto.randomBytes(32).toString("hex"))')
printf '%s\nnonce %s\n' "$picture" "$nonce"
cp "$picture" "$out/image.png"

title 'The operator runs it: a network by libtorch under an attestation, the decision with a proof'
"$assay" run models/digits/operation.toml --input "image=$picture" --nonce "$nonce" -o "$out/receipt.cbor"

title 'You say what you accept: a policy, learned from this receipt the first time'
"$assay" policy from "$out/receipt.cbor" -o "$out/policy.json" 2>/dev/null
node scripts/review.mjs "$out/policy.json" "$nonce"

title 'Checked on the command line'
now=$(node -e 'console.log(Date.now())')
"$assay" verify "$out/receipt.cbor" --policy "$out/policy.json" --now-ms "$now" --value "image=$out/image.png"

title 'Checked in a browser tab, with the network off; then one byte of the receipt is changed'
node scripts/demo.mjs "$out" "$now"

# The same change, on the command line: the same reason.
if said=$("$assay" verify "$out/tampered.cbor" --policy "$out/policy.json" --now-ms "$now" --value "image=$out/image.png"); then
    echo 'assay: error: the command line accepted the changed receipt' >&2
    exit 1
fi
code=$(cat "$out/refused.txt")
[ "$(head -n 1 <<<"$said")" = "$code" ] || {
    printf 'assay: error: the tab says %s, the command line says %s\n' "$code" "$said" >&2
    exit 1
}
rm "$out/refused.txt"

title 'Yours to look at'
printf '  %s\n' "$out/receipt.cbor" "$out/policy.json" "$out/accepted.png" "$out/refused.png"
printf '  node scripts/serve.mjs %s    opens the page: drop the files, change bytes, pull the plug\n' "$out"
