// Attestation documents for the tests: ours, written by the generator, and those of ASSAY_SHARED where it is present.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./vectors.mjs";

const MADE = process.env.ASSAY_NITRO ?? join(ROOT, "target/nitro");
const SHARED = join(process.env.ASSAY_SHARED ?? join(ROOT, "../shared"), "nitro");

/** A file that `make nitro` writes. */
export function made(name) {
  const path = join(MADE, name);
  if (!existsSync(path)) throw new Error(`${path} is missing: run \`make nitro\``);
  return path;
}

/** Every document of our own: id, code (null: accepted), nowMs, policy text, bytes. */
export function documents() {
  return JSON.parse(readFileSync(made("documents.json"), "utf8")).map((one) => ({
    id: one.id, code: one.code, nowMs: one.now_ms, policy: JSON.stringify(one.policy),
    root: Buffer.from(one.policy.accept_root_other_than_aws ?? "", "hex"),
    bytes: new Uint8Array(Buffer.from(one.doc, "base64")),
  }));
}

/** Path of a file of ASSAY_SHARED, or null, said once. */
export function shared(name) {
  const path = join(SHARED, name);
  if (existsSync(path)) return path;
  console.log(`skipped: ${path} is not here`);
  return null;
}

/** AWS-signed documents, and such that were spoilt: their names say which. */
export function genuine() {
  const folder = shared("genuine");
  if (folder === null) return [];
  return readdirSync(folder).filter((name) => name.endsWith(".bin")).sort().map((name) => ({
    name, path: join(folder, name), bytes: new Uint8Array(readFileSync(join(folder, name))),
    spoilt: /MALFORMED|BADSIG|NITROTPM/.test(name), debug: name.includes("debug"),
  }));
}
