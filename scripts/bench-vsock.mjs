#!/usr/bin/env node
// Writes what tests/examples/bench_vsock.rs measured to BENCHMARKS.md. usage: bench-vsock.mjs FILE, as `make bench-vsock` runs it

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { record } from "./bench/record.mjs";

const result = JSON.parse(readFileSync(process.argv[2], "utf8"));
const date = new Date().toISOString().slice(0, 10);
const machine = `QEMU's \`nitro-enclave\` machine, TCG, one processor, on ${cpus()[0].model.trim()}, ${cpus().length} cores`;
const ms = (time) => `${time.toFixed(1)} ms`;
record("vsock", { machine, date }, `**Emulated**: says that it works and what it costs beside each other, nothing of Nitro hardware.

| through \`assay host\`, emulated | |
|---|---|
| from start to ready: boot, configuration, keys of proofs | ${result.ready_s.toFixed(1)} s |
| connection and request, median | ${ms(result.connection_and_request_ms)} |
| request on a connection that stays, median | ${ms(result.request_ms)} |
| answer of ${result.answer_bytes.toLocaleString("en")} bytes, median | ${ms(result.answer_ms)} |
| request body of ${result.body_bytes / 2 ** 20} MiB, median | ${result.body_mib_per_s.toFixed(1)} MiB/s |`);
console.log(JSON.stringify(result, null, 2));
