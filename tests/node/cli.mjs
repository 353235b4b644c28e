// The command line, where it is built: $ASSAY, else target/release/assay.

import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporary } from "./folder.mjs";
import { ROOT, typeOf } from "./vectors.mjs";

export const ASSAY = process.env.ASSAY ?? join(ROOT, "target/release/assay");

export const built = existsSync(ASSAY);
if (!built) console.log(`skipped: the command line is not built (${ASSAY})`);

/** The report of `assay explain --json`; null where this vector cannot be put to the command line. */
export function report(vector) {
  const folder = temporary();
  const file = (name, bytes) => {
    const path = join(folder, name);
    writeFileSync(path, bytes);
    return path;
  };
  const values = Object.entries(vector.values).map(([name, bytes]) => {
    const type = typeOf(vector, name);
    const written = vector.files?.[name] ?? form(bytes, type);
    return written === null ? null : `${name}=${file(`value-${name}`, written)}`;
  });
  if (values.includes(null)) return null;
  const clock = vector.archived ? ["--archived"] : ["--now-ms", String(vector.nowMs)];
  const words = [
    "explain", file("receipt.cbor", vector.receipt), "--policy", file("policy.json", vector.policy), "--json", ...clock,
    ...values.flatMap((value) => ["--value", value]),
    ...(vector.expectedNonce ? ["--nonce", Buffer.from(vector.expectedNonce).toString("hex")] : []),
  ];
  const { status, stdout, stderr } = spawnSync(ASSAY, words, { encoding: "utf8", maxBuffer: 1 << 26 });
  return { status, text: stdout, errors: stderr };
}

/** How the command line wants a value: integers as JSON, byte strings as they are. */
function form(bytes, type) {
  if (type === undefined) return null; // the command line knows no such value either
  if ("media" in type) return bytes;
  const integers = decode(bytes, type.dtype);
  return integers === null ? null : JSON.stringify(integers);
}

function decode(bytes, dtype) {
  const copy = bytes.slice().buffer;
  const width = { i8: 1, i16: 2, i32: 4, u8: 1 }[dtype];
  if (width === undefined || bytes.length % width !== 0) return null;
  const view = { i8: Int8Array, i16: Int16Array, i32: Int32Array, u8: Uint8Array }[dtype];
  return [...new view(copy)];
}

/** Any command: its exit code and what it prints. */
export function run(...words) {
  const { status, stdout } = spawnSync(ASSAY, words, { encoding: "utf8", maxBuffer: 1 << 26 });
  return { status, stdout };
}
