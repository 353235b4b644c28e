#!/usr/bin/env node
// The built package against files of cases: the same text and exit codes as `assay conformance`.
//
//   node verifier-wasm/test/conformance.mjs nitro CASES.json [--json]

import { readFileSync } from "node:fs";

process.exitCode = await main(process.argv.slice(2));

async function main(words) {
  const json = words.includes("--json");
  const [kind, path, ...others] = words.filter((word) => word !== "--json");
  if (kind !== "nitro" || path === undefined || others.length > 0) {
    return failed("usage: node verifier-wasm/test/conformance.mjs nitro CASES.json [--json]");
  }
  try {
    const { ready, attestationConformance } = await import("../dist/index.js");
    await ready();
    const outcome = attestationConformance(readFileSync(path));
    console.log(json ? outcome.json : outcome.text);
    return outcome.disagreed === 0 ? 0 : 1;
  } catch (error) {
    const hint = error.code === "ERR_MODULE_NOT_FOUND" ? "; run `make wasm` first" : "";
    return failed(`${path}: ${error.message}${hint}`);
  }
}

function failed(why) {
  console.error(`assay: error: ${why}`);
  return 2;
}
