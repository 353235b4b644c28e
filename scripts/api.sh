#!/usr/bin/env bash
# Lets schemathesis loose on a service of its own. usage: api.sh SCHEMATHESIS
set -euo pipefail

schemathesis=$(realpath "$1")
folder=$(mktemp -d)
# Two ports that are free now: the interface's, and that of administration.
read -r port admin < <(python3 -c 'import socket
both = [socket.socket() for _ in range(2)]
[s.bind(("127.0.0.1", 0)) for s in both]
print(*[s.getsockname()[1] for s in both])')
service=
stop() {
    [ -z "$service" ] || kill "$service" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$folder"
}
trap stop EXIT
ASSAY_ADMIN_LISTEN=127.0.0.1:$admin target/release/assay serve models/digits/operation.toml --listen "127.0.0.1:$port" --state "$folder/state" 2>"$folder/log" &
service=$!
for _ in $(seq 600); do
    curl --silent --fail "http://127.0.0.1:$port/readyz" >/dev/null && break
    kill -0 "$service" 2>/dev/null || { cat "$folder/log" >&2; exit 1; }
    sleep 0.1
done
# One digit, so that there are a receipt and a job to ask for.
image=$(base64 -w0 models/digits/images/digit-7.png)
answer=$(curl --silent --fail "http://127.0.0.1:$port/v1/operations/digits" \
    --header 'content-type: application/json' --data "{\"inputs\": {\"image\": {\"base64\": \"$image\"}}}")
receipt=$(sed 's/.*"operation":"\([0-9a-f]*\)".*/\1/' <<<"$answer")
job=$(sed 's/.*"jobs":\[{"id":"\([0-9a-f]*\)".*/\1/' <<<"$answer")
sed "s/RECEIPT/$receipt/; s/JOB/$job/" scripts/api.toml >"$folder/schemathesis.toml"
cd "$folder"
for at in "$port" "$admin"; do
    "$schemathesis" run "http://127.0.0.1:$at/openapi.json" || { grep -v INFO "$folder/log" | tail -n 20 >&2; exit 1; }
done
