// Test vectors: a text header, an empty line, and the raw bytes of a receipt.

import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Of the package and of the core. */
const FOLDERS = ["tests/node/fixtures", "tests/vectors"].map((folder) => join(ROOT, folder));

export function vectors() {
  const found = FOLDERS.map((folder) => {
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith(".txt")) : [];
    if (names.length === 0) console.log(`skipped: no vectors in ${folder.slice(ROOT.length)}`);
    return names.sort().map((name) => read(join(folder, name)));
  });
  return found.flat();
}

export function read(path) {
  const file = readFileSync(path);
  const end = file.indexOf("\n\n");
  if (end < 0) throw new Error(`${path} has no header`);
  const vector = { path, name: path.slice(ROOT.length), receipt: new Uint8Array(file.subarray(end + 2)), values: {} };
  for (const line of file.subarray(0, end).toString("utf8").split("\n")) {
    const [, key, value] = /^([^:]+): ?(.*)$/.exec(line) ?? [];
    if (key === undefined) throw new Error(`${path}: ${line}`);
    const named = /^value (.+)$/.exec(key);
    if (named) vector.values[named[1]] = new Uint8Array(Buffer.from(value, "hex"));
    else if (key === "archived") vector.archived = value === "true";
    else if (key === "expect") vector.expect = value;
    else if (key === "note") vector.note = value;
    else if (key === "nonce") vector.expectedNonce = new Uint8Array(Buffer.from(value, "hex"));
    else if (key === "now_ms") vector.nowMs = Number(value);
    else if (key === "policy") vector.policyPath = join(dirname(path), value);
    else throw new Error(`${path}: unknown field ${key}`);
  }
  vector.policy = new Uint8Array(readFileSync(vector.policyPath));
  return vector;
}

/** What `explain` takes. */
export function clock(vector) {
  return vector.archived ? { archived: true } : { nowMs: vector.nowMs };
}

/** What the caller knows by itself, as every function takes it. */
export function expected({ values, expectedNonce }) {
  return expectedNonce === undefined ? { values } : { values, expectedNonce };
}

/** Type of a value by the vector's policy, as the command line and the page find it. */
export function typeOf(vector, name) {
  try {
    const { releases } = JSON.parse(Buffer.from(vector.policy).toString());
    return releases.flatMap(({ plan }) => plan.values).find((value) => value.name === name)?.type;
  } catch {
    return undefined;
  }
}
