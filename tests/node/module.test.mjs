// What is in the module, and in the package.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "./vectors.mjs";

const DIST = join(ROOT, "verifier-wasm/dist");
const module = readFileSync(join(DIST, "assay_verifier_bg.wasm"));

test("the only certificate in the module is AWS's root", () => {
  const found = certificates(module).map(sha256);
  assert.deepEqual(found, ["641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"]);
  assert.equal(found[0], sha256(readFileSync(join(ROOT, "verifier/src/attestation/aws_nitro_root_g1.der"))));
});

test("the test vectors' root is not in the module", (t) => {
  const path = join(process.env.ASSAY_SHARED ?? join(ROOT, "../shared"), "nitro/synthetic_root.der");
  if (!existsSync(path)) return t.skip(`${path} is not here`);
  const der = readFileSync(path);
  // Its key as well: an uncompressed P-384 point.
  const point = der.indexOf(Buffer.from("03620004", "hex"));
  assert.ok(point > 0);
  assert.ok(!module.includes(der) && !module.includes(der.subarray(point + 3, point + 100)));
});

test("no path of this machine is in the module", () => {
  for (const path of [ROOT.replace(/\/$/, ""), homedir()]) assert.ok(!module.includes(`${path}/`), path);
});

test("the package is its allowlist", () => {
  const manifest = JSON.parse(readFileSync(join(DIST, "package.json"), "utf8"));
  assert.equal(Object.keys(manifest.exports["."])[0], "types");
  assert.equal(manifest.type, "module");
  assert.equal(manifest.sideEffects, false);
  assert.equal(manifest.dependencies, undefined);
  assert.deepEqual(readdirSync(DIST).sort(), [...manifest.files, "package.json"].sort());
  const packed = JSON.parse(execFileSync("npm", ["pack", "--dry-run", "--json"], { cwd: DIST, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  assert.deepEqual(packed[0].files.map((file) => file.path).sort(), [...manifest.files, "package.json"].sort());
});

/** Everything that is a whole DER sequence which begins with another sequence, as certificates do. */
function certificates(bytes) {
  const found = [];
  for (let at = bytes.indexOf("3082", 0, "hex"); at >= 0; at = bytes.indexOf("3082", at + 1, "hex")) {
    const length = 4 + bytes.readUInt16BE(at + 2);
    const inner = bytes.readUInt16BE(at + 4) === 0x3082 ? 4 + bytes.readUInt16BE(at + 6) : 0;
    if (inner > 0 && inner < length && at + length <= bytes.length) found.push(bytes.subarray(at, at + length));
  }
  return found;
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
