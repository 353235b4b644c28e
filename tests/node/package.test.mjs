// The face of the package.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import {
  VerifyError, explain, inspect, ready, reportText, resultBytes, verify, verifyArchived,
} from "../../verifier-wasm/dist/index.js";
import { ROOT, read } from "./vectors.mjs";

const live = read(join(ROOT, "tests/node/fixtures/accepted_live.txt"));
const { receipt, policy, nowMs, values } = live;

test("a call before ready() throws a sentence", () => {
  const script = `
    import { inspect } from ${JSON.stringify(join(ROOT, "verifier-wasm/dist/index.js"))};
    try { inspect(new Uint8Array()); } catch (error) { console.log(error.message); }`;
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", script], { encoding: "utf8" });
  assert.match(said, /not loaded yet: call `await ready\(\)` first/);
});

test("ready() may be called again, and together", async () => {
  await Promise.all([ready(), ready()]);
  await ready();
});

test("a receipt is accepted, with its results", () => {
  const report = verify(receipt, policy, { nowMs, values });
  assert.equal(report.verdict, "accepted");
  assert.deepEqual(report.mode, { clock: "live", now_ms: nowMs });
  assert.deepEqual([...resultBytes(report, "brightest")], [11, 0, 0, 0]);
  assert.throws(() => resultBytes(report, "image"), TypeError); // disclosed, and no result
  resultBytes(report, "brightest").fill(9); // a copy: the verified bytes cannot be changed
  assert.deepEqual([...resultBytes(report, "brightest")], [11, 0, 0, 0]);
  const archived = verifyArchived(receipt, policy, { values });
  assert.deepEqual(archived.mode, { clock: "archived" });
});

test("only a verified report has results", () => {
  const report = explain(receipt, policy, { nowMs, values });
  assert.equal(report.verdict, "accepted");
  assert.throws(() => resultBytes(report, "brightest"), TypeError);
});

test("a report's text is the report", () => {
  const report = explain(receipt, policy, { nowMs, values });
  assert.deepEqual(JSON.parse(reportText(report)), report);
  assert.ok(reportText(report).endsWith("}\n"));
  assert.throws(() => reportText({ ...report }), TypeError);
});

test("a policy is its bytes: the same text gives the same digest, another space another", () => {
  const text = new TextDecoder().decode(policy);
  const digest = (policy) => explain(receipt, policy, { nowMs, values }).policy;
  assert.equal(digest(text), digest(policy));
  assert.notEqual(digest(`${text} `), digest(policy));
});

test("a refusal is an error with code, kind and section", () => {
  const thrown = caught(() => verify(receipt, policy, { nowMs }));
  assert.ok(thrown instanceof VerifyError && thrown instanceof Error);
  assert.equal(thrown.name, "VerifyError");
  const failed = explain(receipt, policy, { nowMs }).checks.find((check) => check.status === "fail");
  const { code, kind, section } = thrown;
  assert.deepEqual({ code, kind, section }, { code: failed.code, kind: failed.kind, section: failed.section });
  assert.equal(thrown.message, failed.says);
});

test("kinds are the report's, for every kind", () => {
  const cases = [
    [receipt.subarray(1), policy, values],
    [receipt, policy, { image: values.image.map((byte) => byte ^ 1) }],
    [receipt, replaced(policy, '"brightest-pixel"', '"darkest-pixel"'), values],
    [receipt, policy, {}],
  ];
  const kinds = cases.map(([receipt, policy, values]) => {
    const failed = explain(receipt, policy, { nowMs, values }).checks.find((check) => check.status === "fail");
    const thrown = caught(() => verify(receipt, policy, { nowMs, values }));
    assert.equal(thrown.kind, failed.kind);
    return thrown.kind;
  });
  assert.deepEqual(kinds, ["malformed", "unproven", "not-pinned", "policy"]);
});

test("explain throws only for a policy or a name that cannot be read", () => {
  assert.equal(explain(new Uint8Array(), policy, { nowMs }).code, "cbor-malformed");
  assert.equal(caught(() => explain(receipt, "{}", { nowMs })).code, "policy-malformed");
  assert.equal(caught(() => explain(receipt, policy, { nowMs, values: { "No Name": new Uint8Array() } })).code, "name-invalid");
});

test("an empty or absent policy never verifies", () => {
  for (const none of ["", "{}", "null", "[]", new Uint8Array()]) {
    assert.equal(caught(() => verify(receipt, none, { nowMs, values })).code, "policy-malformed");
  }
  for (const none of [undefined, null, {}, 7]) assert.throws(() => verify(receipt, none, { nowMs, values }), TypeError);
});

test("time is whole milliseconds", () => {
  for (const bad of [undefined, null, "1767225600000", 1767225600000n, new Date(nowMs)]) {
    assert.throws(() => verify(receipt, policy, { nowMs: bad, values }), TypeError);
  }
  for (const bad of [Number.NaN, Infinity, -1, nowMs + 0.5, 2 ** 53, nowMs / 1000]) {
    assert.throws(() => verify(receipt, policy, { nowMs: bad, values }), RangeError);
  }
  assert.throws(() => verify(receipt, policy, { nowMs: nowMs / 1000, values }), /looks like seconds/);
  assert.throws(() => explain(receipt, policy, { values }), TypeError);
  assert.throws(() => explain(receipt, policy, { archived: true, nowMs, values }), TypeError);
});

test("bytes are bytes", () => {
  for (const bad of ["", [1, 2], new ArrayBuffer(3), new Uint16Array(3), undefined]) {
    assert.throws(() => inspect(bad), TypeError);
    assert.throws(() => verify(receipt, policy, { nowMs, values: { image: bad } }), TypeError);
  }
  assert.equal(verify(Buffer.from(receipt), Buffer.from(policy), { nowMs, values }).verdict, "accepted");
});

test("inspection says first that nothing was verified", () => {
  const view = inspect(receipt);
  assert.equal(Object.keys(view)[0], "notice");
  assert.match(view.notice, /^NOT VERIFIED/);
  assert.equal(view.operation.name, "brightest-pixel");
  assert.equal(caught(() => inspect(receipt.subarray(1))).kind, "malformed");
});

function caught(call) {
  try {
    call();
  } catch (error) {
    assert.ok(error instanceof VerifyError, String(error));
    return error;
  }
  throw new assert.AssertionError({ message: "it was accepted" });
}

function replaced(bytes, from, to) {
  return new TextDecoder().decode(bytes).replace(from, to);
}
