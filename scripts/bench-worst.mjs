// Receipts that were made to be slow, in WebAssembly: milliseconds to explain each, worst first.
// usage: bench-worst.mjs FOLDER   (written by the example `worst` of assay-tests)

import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { explain, ready } from "../verifier-wasm/dist/index.js";

const RUNS = 5;
const folder = process.argv[2];
const read = (name) => new Uint8Array(readFileSync(join(folder, name)));

await ready();
const cases = JSON.parse(readFileSync(join(folder, "index.json"), "utf8")).map((one) => {
  const [receipt, policy] = [read(one.receipt), read(one.policy)];
  const values = Object.fromEntries(Object.entries(one.values).map(([name, file]) => [name, read(file)]));
  const times = [];
  let report;
  for (let run = 0; run <= RUNS; run += 1) {
    const begun = performance.now();
    report = explain(receipt, policy, { nowMs: one.now_ms, values });
    if (run > 0) times.push(performance.now() - begun); // the first is for the compiler
  }
  times.sort((a, b) => a - b);
  const ms = Number(times[RUNS >> 1].toFixed(1));
  return { what: one.name, bytes: receipt.length, ms, code: report.code ?? "accepted", report_bytes: JSON.stringify(report).length };
});
cases.sort((a, b) => b.ms - a.ms);
const refused = cases.filter(({ what }) => what.startsWith("refused"));
for (const { what, code } of cases) {
  if (what.startsWith("accepted") !== (code === "accepted")) throw new Error(`${what}: ${code}`);
}
console.log(JSON.stringify({ worst_refused_ms: refused[0].ms, limit_ms: 200, cpu: cpus()[0].model, node: process.version, cases }, null, 2));
