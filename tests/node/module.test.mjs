// What is in the module, and in the package.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { documents, shared } from "./nitro.mjs";
import { ROOT } from "./vectors.mjs";

const DIST = join(ROOT, "verifier-wasm/dist");
const module = readFileSync(join(DIST, "assay_verifier_bg.wasm"));

test("the only certificate in the module is AWS's root", () => {
  const found = certificates(module).map(sha256);
  assert.deepEqual(found, ["641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b"]);
  assert.equal(found[0], sha256(readFileSync(join(ROOT, "verifier/src/attestation/aws_nitro_root_g1.der"))));
});

test("our generator's root and its name are not in the module", () => {
  const [{ root }] = documents();
  assert.deepEqual(traces(module, root), []);
  // The search finds what is there.
  for (const planted of [root, key(root), Buffer.from("assay synthetic root of tests")]) {
    assert.notDeepEqual(traces(Buffer.concat([module, planted, module]), root), []);
  }
});

test("the shared vectors' root is not in the module", (t) => {
  const path = shared("synthetic_root.der");
  if (path === null) return t.skip("it is not here");
  assert.deepEqual(traces(module, readFileSync(path)), []);
});

test("no development attester is in the module", () => {
  // Roots are made by each installation: this one's, where it has one, and the name that they all have.
  const name = readFileSync(join(ROOT, "prover/src/attester/software/certificates.rs"), "utf8").match(/"CN=([^,"]*development[^,"]*)/)[1];
  assert.ok(name.length > 12 && Buffer.from(`\0${name}\0`).includes(name), name);
  assert.ok(!module.includes(name), name);
  const path = join(process.env.ASSAY_CACHE || join(homedir(), ".cache/assay"), "state/attester/development-root.der");
  if (!existsSync(path)) return console.log(`skipped: ${path} is not here: nothing was attested on this machine yet`);
  assert.deepEqual(traces(module, readFileSync(path)), []);
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

/** What of a test root is in the bytes: the whole, its key, its words. */
function traces(bytes, root) {
  const found = { root: bytes.includes(root), key: bytes.includes(key(root)), words: bytes.includes("assay synthetic") };
  return Object.keys(found).filter((name) => found[name]);
}

/** Its key: an uncompressed P-384 point. */
function key(root) {
  const point = root.indexOf(Buffer.from("03620004", "hex"));
  assert.ok(point > 0);
  return root.subarray(point + 3, point + 100);
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}
