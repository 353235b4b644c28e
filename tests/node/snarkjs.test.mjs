// snarkjs as the judge: of a circuit, of a key, of proofs. From the model to the receipt by the command line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import * as snarkjs from "snarkjs";
import { ASSAY, built } from "./cli.mjs";
import { temporary } from "./folder.mjs";
import { ROOT } from "./vectors.mjs";

const HEAD = join(ROOT, "models/digits/head.onnx");
const MANIFEST = join(ROOT, "models/digits/head.manifest.json");
const skip = !built;
const all = temporary();
const at = (name) => join(all, name);
const folder = at("head");

function assay(...words) {
  const { status, stdout, stderr } = spawnSync(ASSAY, words, { encoding: "utf8" });
  return { status, stdout, stderr };
}

function good(...words) {
  const done = assay(...words);
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
}

const json = (name) => JSON.parse(readFileSync(at(name), "utf8"));
const last = (text) => JSON.parse(text.trim().split("\n").at(-1));
// Features as the attested step gives them: 48 of them, in steps of 2^-4.
const reals = Array.from({ length: 48 }, (_, index) => ((index * 7) % 32) / 16);

before(() => {
  if (skip) return;
  good("compile", HEAD, "--manifest", MANIFEST, "-o", folder);
  const setup = last(good("setup", folder, "--single-party", "--json"));
  assert.equal(setup.rows, 1993);
  writeFileSync(at("input.json"), JSON.stringify({ input_data: [reals] }));
});

after(async () => {
  await globalThis.curve_bls12381?.terminate();
});

test("a receipt's proof holds for snarkjs, and for its own inputs alone", { skip }, async () => {
  const nonce = "ab".repeat(32);
  const prove = () => last(good("prove", folder, "--input", at("input.json"), "--nonce", nonce, "-o", at("r.cbor"), "--json"));
  const proved = prove();
  for (const field of ["rows", "witness_s", "prove_s", "verify_s", "peak_rss_mb"]) {
    assert.equal(typeof proved[field], "number", field);
  }
  assert.equal(proved.outputs[0].length, 10);
  good("export", "snarkjs", at("r.cbor"), "-o", at("export"));
  const [key, inputs, proof] = ["verification_key", "public", "proof"].map((name) => json(`export/${name}.json`));
  assert.equal(inputs.length, 3);
  assert.equal(await snarkjs.groth16.verify(key, inputs, proof), true);
  for (const index of inputs.keys()) {
    const other = inputs.with(index, String(BigInt(inputs[index]) + 1n));
    assert.equal(await snarkjs.groth16.verify(key, other, proof), false, `input ${index}`);
  }
  // T10: the same statement of another operation, with other randomness throughout.
  assert.notEqual(prove().operation, proved.operation);
  good("export", "snarkjs", at("r.cbor"), "-o", at("again"));
  const again = json("again/proof.json");
  for (const point of ["pi_a", "pi_b", "pi_c"]) assert.notDeepEqual(again[point], proof[point]);
  assert.equal(await snarkjs.groth16.verify(key, inputs, again), false);
});

test("so does one about values in the open, in a smaller circuit", { skip }, async () => {
  const open = at("open");
  good("compile", HEAD, "--public", "inputs,outputs", "--input-bits", "5", "--weight-bits", "8", "--activation-bits", "8", "-o", open);
  const setup = last(good("setup", open, "--single-party", "--json"));
  assert.ok(setup.rows < 1993 / 2, `${setup.rows} rows`);
  const input = at("half.json");
  writeFileSync(input, JSON.stringify({ input_data: [reals.map((real) => real / 2)] }));
  const { outputs } = last(good("prove", open, "--input", input, "-o", at("open.cbor"), "--json"));
  good("export", "snarkjs", at("open.cbor"), "-o", at("export-open"));
  const [key, inputs, proof] = ["verification_key", "public", "proof"].map((name) => json(`export-open/${name}.json`));
  // The context, 48 features as they are, and ten logits of 32 bits, seven to an element.
  assert.equal(inputs.length, 1 + 48 + 2);
  assert.deepEqual(inputs.slice(1, 49).map(Number), reals.map((real) => Math.min(real * 16, 31)));
  const packed = outputs[0].map((logit, slot) => (BigInt(logit) + (1n << 31n)) << BigInt(32 * (slot % 7)));
  const sum = (slots) => slots.reduce((sum, slot) => sum + slot, 0n);
  assert.deepEqual(inputs.slice(49).map(BigInt), [sum(packed.slice(0, 7)), sum(packed.slice(7))]);
  assert.equal(await snarkjs.groth16.verify(key, inputs, proof), true);
  for (const index of [0, 1, 48, 49, 50]) {
    const other = inputs.with(index, String(BigInt(inputs[index]) + 1n));
    assert.equal(await snarkjs.groth16.verify(key, other, proof), false, `input ${index}`);
  }
});

test("snarkjs reads the circuit", { skip }, async () => {
  good("export", "r1cs", folder, "-o", at("head.r1cs"));
  const info = await snarkjs.r1cs.info(at("head.r1cs"));
  const { nConstraints, nPubInputs, nOutputs, n8 } = info;
  assert.deepEqual({ nConstraints, nPubInputs, nOutputs, n8 }, { nConstraints: 1993, nPubInputs: 3, nOutputs: 0, n8: 32 });
  assert.equal(BigInt(info.prime), 0x73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001n);
});

test("what is not the folder's is refused by name, and nothing is written", { skip }, () => {
  const words = ["prove", folder, "--input", at("input.json"), "-o", at("none.cbor")];
  const refused = (code) => {
    const { status, stderr } = assay(...words);
    assert.equal(status, 2);
    assert.match(stderr, new RegExp(`\\[${code}\\]`));
    assert.ok(!readdirSync(all).includes("none.cbor"));
  };
  for (const [name, code] of [
    ["model.onnx", "folder-file-changed"], ["manifest.json", "folder-file-changed"],
    ["card.cbor", "folder-file-changed"], ["key.pk", "zkml-key-file-damaged"],
  ]) {
    const bytes = readFileSync(join(folder, name));
    writeFileSync(join(folder, name), Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1) ^ 1])]));
    refused(code);
    writeFileSync(join(folder, name), bytes);
  }
  const index = readFileSync(join(folder, "assay.json"), "utf8");
  writeFileSync(join(folder, "assay.json"), index.replace(/"circuit": "../, '"circuit": "zz'));
  refused("folder-index");
  writeFileSync(join(folder, "assay.json"), index.replace(/"circuit": ".{64}"/, `"circuit": "${"00".repeat(32)}"`));
  refused("folder-circuit");
  writeFileSync(join(folder, "assay.json"), index.replace(/,?\s*"key.pk": ".{64}"/, ""));
  refused("folder-incomplete");
  writeFileSync(join(folder, "assay.json"), index);
  // 8 is 2^7 steps of 2^-4: one more than the manifest declares is taken to its end, two are refused.
  writeFileSync(at("input.json"), JSON.stringify({ input_data: [reals.with(3, 8.125)] }));
  refused("zkml-input-real");
  writeFileSync(at("input.json"), JSON.stringify({ input_data: [reals.slice(1)] }));
  refused("zkml-input-length");
  writeFileSync(at("input.json"), JSON.stringify({ input_data: [reals] }));
  assert.equal(assay(...words).status, 0);
});

test("a setup that is interrupted leaves the folder as it was", { skip }, () => {
  const fresh = at("fresh");
  good("compile", HEAD, "--manifest", MANIFEST, "-o", fresh);
  const before = readdirSync(fresh).sort();
  const { signal, status } = spawnSync(ASSAY, ["setup", fresh, "--single-party"], { timeout: 40, killSignal: "SIGINT" });
  assert.ok(signal === "SIGINT" || status === 0);
  if (signal === "SIGINT") assert.deepEqual(readdirSync(fresh).sort(), before);
  good("setup", fresh, "--single-party");
  // Compiling the same again keeps the key, compiling another model takes it away.
  good("compile", HEAD, "--manifest", MANIFEST, "-o", fresh);
  assert.ok(readdirSync(fresh).includes("key.pk"));
  assert.equal(assay("prove", fresh, "--input", at("input.json"), "-o", at("kept.cbor")).status, 0);
  const other = JSON.parse(readFileSync(MANIFEST, "utf8"));
  const input = other.inputs[0];
  const type = `${input.type.dtype}:${input.type.shape.join("x")}:${input.type.scale}:${input.low}..${input.high - 1}`;
  good("quantize", HEAD, "--input", type, "-o", at("other.json"));
  good("compile", HEAD, "--manifest", at("other.json"), "-o", fresh);
  assert.ok(!readdirSync(fresh).includes("key.pk"));
});
