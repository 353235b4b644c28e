// Attestation documents through the package: the codes of the core, the text of the command line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import {
  VerifyError, attestationConformance, inspectAttestation, ready, reportText, verifyAttestation, verifyAttestationArchived,
} from "../../verifier-wasm/dist/index.js";
import * as cli from "./cli.mjs";
import { temporary } from "./folder.mjs";
import { documents, genuine, made, shared } from "./nitro.mjs";
import { ROOT } from "./vectors.mjs";

before(ready);

test("every document of our own is accepted, or refused for its own reason", () => {
  const all = documents();
  assert.ok(all.length > 150);
  for (const { id, code, nowMs, policy, bytes } of all) {
    assert.equal(answer(() => verifyAttestation(bytes, policy, { nowMs })), code, id);
  }
});

test("the module says of every flipped bit what native code says", () => {
  const { document, flips } = JSON.parse(readFileSync(made("flips.json"), "utf8"));
  const policy = JSON.stringify(document.policy);
  assert.ok(flips.length > 500);
  for (const [at, bit, code] of flips) {
    const bytes = new Uint8Array(Buffer.from(document.doc, "base64"));
    bytes[at] ^= 1 << bit;
    assert.notEqual(code, null);
    assert.equal(answer(() => verifyAttestation(bytes, policy, { nowMs: document.now_ms })), code, `byte ${at}`);
  }
});

test("a refusal says what to do", () => {
  const { bytes, policy, nowMs } = documents()[0];
  const thrown = caught(() => verifyAttestation(bytes, policy, { nowMs: nowMs + 86_400_000 }));
  assert.equal(thrown.code, "attestation-certificate-expired");
  assert.equal(thrown.section, "8.4");
  assert.match(thrown.hint, /ask for a fresh document/);
  assert.equal(caught(() => verifyAttestation(bytes, "{}", { nowMs })).code, "attestation-policy-field-missing");
  assert.equal(caught(() => verifyAttestation(bytes, "{", { nowMs })).kind, "policy");
  assert.throws(() => verifyAttestation(bytes, policy, { nowMs: nowMs / 1000 }), RangeError);
  assert.throws(() => verifyAttestation(bytes, policy), TypeError);
});

test("a root that is not AWS's is told loudly", () => {
  const { bytes, policy, nowMs } = documents()[0];
  const report = verifyAttestation(bytes, policy, { nowMs });
  assert.equal(report.root.aws, false);
  assert.deepEqual(report.loosened, ["accept_root_other_than_aws"]);
  assert.match(report.trust[0], /^NOT AWS/);
  assert.deepEqual(report.mode, { clock: "live", now_ms: nowMs });
  const { accept_root_other_than_aws: _, ...aws } = JSON.parse(policy);
  assert.equal(caught(() => verifyAttestation(bytes, JSON.stringify(aws), { nowMs })).code, "attestation-root-mismatch");
  assert.deepEqual(verifyAttestationArchived(bytes, policy).mode, { clock: "archived" });
});

test("inspection says first that nothing was verified", () => {
  const view = inspectAttestation(documents()[0].bytes);
  assert.equal(Object.keys(view)[0], "notice");
  assert.match(view.notice, /^NOT VERIFIED/);
  assert.equal(view.region, "synthetic-1");
});

for (const path of [made("cases.json"), shared("cases.json")].filter(Boolean)) {
  test(`the runner agrees, and says what the command line says: ${path}`, () => {
    const run = (...words) => {
      const { status, stdout } = spawnSync(process.execPath, [join(ROOT, "verifier-wasm/test/conformance.mjs"), ...words], { encoding: "utf8", maxBuffer: 1 << 26 });
      return { status, stdout };
    };
    const ours = run("nitro", path);
    assert.match(ours.stdout, /^\d{3} agreed, 0 disagreed\n$/);
    assert.equal(ours.status, 0);
    if (!cli.built) return;
    assert.deepEqual(cli.run("conformance", "nitro", path), ours);
    assert.deepEqual(cli.run("conformance", "nitro", path, "--json"), run("nitro", path, "--json"));
  });
}

test("the runner tells a disagreement, and a file that is none", () => {
  const { root_der_b64, cases } = JSON.parse(readFileSync(made("cases.json"), "utf8"));
  const wrong = { root_der_b64, cases: [{ ...cases[0], id: "x", expect: "reject" }] };
  const outcome = attestationConformance(JSON.stringify(wrong));
  assert.equal(outcome.text, "x reject accept -\n0 agreed, 1 disagreed");
  assert.equal(outcome.disagreed, 1);
  assert.equal(caught(() => attestationConformance("{}")).code, "attestation-policy-field-missing");
  const runner = join(ROOT, "verifier-wasm/test/conformance.mjs");
  const folder = temporary();
  writeFileSync(join(folder, "cases.json"), JSON.stringify(wrong));
  const status = (...words) => spawnSync(process.execPath, [runner, ...words]).status;
  assert.equal(status("nitro", join(folder, "cases.json")), 1);
  assert.equal(status("nitro", join(folder, "none.json")), 2);
  assert.equal(status("sgx", join(folder, "cases.json")), 2);
});

test("AWS's documents are accepted at their own time with their own registers pinned, here and by the command line", (t) => {
  const all = genuine();
  if (all.length === 0) return t.skip("there are none here");
  const folder = temporary();
  let accepted = 0;
  for (const { name, path, bytes, spoilt, debug } of all) {
    const view = (() => { try { return inspectAttestation(bytes); } catch { return null; } })();
    assert.ok(view !== null || spoilt, name);
    for (const permitted of [false, true]) {
      const pcrs = view?.pcrs ?? { 0: "00".repeat(48), 1: "00".repeat(48), 2: "00".repeat(48) };
      const policy = JSON.stringify({
        pcr_sets: [pcrs], nonce: "any_nonce_accepted", user_data: "any_user_data_accepted",
        public_key: "any_public_key_accepted", accept_debug_enclave: permitted,
      });
      let report = null;
      const code = answer(() => { report = verifyAttestationArchived(bytes, policy); });
      if (!spoilt) assert.equal(code, debug && !permitted ? "attestation-debug-enclave" : null, name);
      else assert.notEqual(code, null, name);
      if (code === null) {
        accepted += permitted ? 1 : 0;
        assert.equal(report.root.aws, true);
        assert.equal(answer(() => verifyAttestation(bytes, JSON.stringify({ ...JSON.parse(policy), max_age_ms: 1 }), { nowMs: 1.9e12 })), "attestation-certificate-expired");
      }
      if (!cli.built) continue;
      writeFileSync(join(folder, "policy.json"), policy);
      const theirs = cli.run("attestation", "verify", path, "--policy", join(folder, "policy.json"), "--archived", "--json");
      assert.equal(theirs.status, code === null ? 0 : 1, name);
      if (code === null) assert.equal(theirs.stdout, reportText(report), name);
      else assert.equal(theirs.stdout.split("\n")[0], `refused: ${code}`, name);
    }
  }
  assert.deepEqual([accepted, all.length], [39, 43]);
});

function answer(call) {
  try {
    call();
    return null;
  } catch (error) {
    if (error instanceof VerifyError) return error.code;
    throw error;
  }
}

function caught(call) {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof VerifyError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was accepted" });
}
