#!/usr/bin/env node
// Time per attestation document: native, WebAssembly in Node and in Chromium, beside a JavaScript peer. One JSON object.
//
//   make bench-attest                                         builds everything and runs this
//   node scripts/bench-attest.mjs FOLDER [--write]            FOLDER as `make nitro` made it

import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { cpus } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";
import { record } from "./bench/record.mjs";
import { launch } from "./chromium.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const ROUNDS = 51;
/** The most that any input may take in WebAssembly, and the least by which the peer must be slower. */
const [MOST_MS, LEAST_RATIO] = [50, 2];

const folder = resolve(process.argv[2]);
const documents = JSON.parse(readFileSync(join(folder, "bench.json"), "utf8"));
const work = join(folder, "bench");
rmSync(work, { recursive: true, force: true });
mkdirSync(work);
await build({
  entryPoints: [join(ROOT, "scripts/bench/attest.mjs")], outfile: join(work, "attest.js"), bundle: true, format: "esm",
  alias: { "assay-verifier": join(ROOT, "verifier-wasm/dist/index.js") }, target: "es2023", logLevel: "error",
});
writeFileSync(join(work, "package.json"), '{"type": "module"}');
writeFileSync(join(work, "assay_verifier_bg.wasm"), readFileSync(join(ROOT, "verifier-wasm/dist/assay_verifier_bg.wasm")));

const native = JSON.parse(execFileSync(
  "cargo", ["run", "--release", "--quiet", "-p", "assay-tests", "--example", "nitro", "--", "bench", join(folder, "bench.json")], { cwd: ROOT, encoding: "utf8" },
));
const { measure } = await import(pathToFileURL(join(work, "attest.js")));
const node = await measure(documents, ROUNDS);
const { result: page, version } = await inChromium();

const ratio = (measured) => round(measured.peer / measured.typical);
const worst = (measured) => round(Math.max(...documents.map((one) => measured[one.id])));
const rounded = (measured) => Object.fromEntries(Object.entries(measured).map(([name, time]) => [name, round(time)]));
const result = {
  ratio: Math.min(ratio(node), ratio(page)),
  ratio_node: ratio(node),
  ratio_chromium: ratio(page),
  worst_wasm_ms: Math.max(worst(node), worst(page)),
  unit: "median milliseconds per document",
  native: rounded(native),
  wasm_node: rounded(node),
  wasm_chromium: rounded(page),
  peer: `@noble/curves ${version_of("@noble/curves")}, cborg ${version_of("cborg")}, @peculiar/asn1-x509 ${version_of("@peculiar/asn1-x509")}`,
  rounds: ROUNDS,
  machine: `${cpus()[0].model.trim()}, ${cpus().length} cores; Node ${process.versions.node}; Chromium ${version}`,
  date: new Date().toISOString().slice(0, 10),
};
console.log(JSON.stringify(result, null, 2));
if (process.argv.includes("--write")) record("attestation", result, table(result));
if (result.ratio < LEAST_RATIO || result.worst_wasm_ms > MOST_MS) {
  console.error(`assay: error: at least ${LEAST_RATIO} times faster and at most ${MOST_MS} ms is what was promised`);
  process.exitCode = 1;
}

async function inChromium() {
  const types = { js: "text/javascript", wasm: "application/wasm" };
  const server = createServer((request, response) => {
    const name = request.url.slice(1);
    const body = name === "" ? "<!doctype html>" : ["attest.js", "assay_verifier_bg.wasm"].includes(name) && readFileSync(join(work, name));
    response.writeHead(body ? 200 : 404, { "Content-Type": types[name.split(".").at(-1)] ?? "text/html" });
    response.end(body || "");
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${server.address().port}/`);
    const result = await page.evaluate(async ([documents, rounds]) => {
      const { measure } = await import("/attest.js");
      return measure(documents, rounds);
    }, [documents, ROUNDS]);
    return { result, version: browser.version() };
  } finally {
    await browser.close();
    server.close();
  }
}

function table(result) {
  const row = (what, times) => `| ${what} | ${times.typical} | ${times["largest accepted"]} | ${times["largest refused"]} | ${times.peer ?? ""} |`;
  return [
    "| ms per document, median | typical | largest accepted | largest refused | peer, typical |",
    "|---|---|---|---|---|",
    row("native", result.native), row("WebAssembly in Node", result.wasm_node), row("WebAssembly in Chromium", result.wasm_chromium), "",
    `The peer takes ${result.ratio_node} times as long in Node and ${result.ratio_chromium} times in Chromium. It is ${result.peer}:`,
    "the same five signature checks and the root, none of the other rules. The largest document has eight authorities, nine",
    "signatures, and every field full; the refused one fails at the last signature.",
  ].join("\n");
}

function version_of(name) {
  return JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")).devDependencies[name];
}

function round(number) {
  return Math.round(number * 100) / 100;
}
