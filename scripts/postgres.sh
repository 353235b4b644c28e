#!/usr/bin/env bash
# Runs a command beside a PostgreSQL of its own, in a temporary folder, reachable through a socket there.
# usage: postgres.sh COMMAND...   ($ASSAY_TEST_POSTGRES is its URL)
set -euo pipefail

bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1)
folder=$(mktemp -d)
# PostgreSQL refuses to run as root: then it is its own user's.
as=()
if [ "$(id -u)" = 0 ]; then
    chown postgres "$folder"
    as=(runuser -u postgres --)
fi
stop() {
    "${as[@]}" "$bin/pg_ctl" -D "$folder/data" -m immediate stop >"$folder/stop.log" 2>&1 || true
    rm -rf "$folder"
}
trap stop EXIT
cd "$folder"
"${as[@]}" "$bin/initdb" -D "$folder/data" -U assay --auth trust >"$folder/initdb.log"
"${as[@]}" "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/data/log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$folder'" start >"$folder/start.log"
"${as[@]}" "$bin/createdb" -h "$folder" -U assay assay
cd - >/dev/null
chmod 755 "$folder"
ASSAY_TEST_POSTGRES="postgres://assay@localhost/assay?host=$folder" "$@"
