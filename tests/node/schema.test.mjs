// The published schema of policies agrees with what reads them.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { explain, ready } from "../../verifier-wasm/dist/index.js";
import { ROOT, vectors } from "./vectors.mjs";

before(ready);

const schema = JSON.parse(readFileSync(join(ROOT, "verifier/policy.schema.json"), "utf8"));
const valid = new Ajv2020({ strictTypes: false }).compile(schema);

/** The code with which the policy is refused before any receipt is looked at. */
function refused(policy) {
  try {
    explain(new Uint8Array(), JSON.stringify(policy), { archived: true });
    return null;
  } catch (error) {
    return error.code;
  }
}

test("every policy that can be used is in the schema", () => {
  const texts = new Set(vectors().map(({ policy }) => Buffer.from(policy).toString()));
  const outside = { "nonce-hex": 0, "policy-malformed": 0, "policy-inconsistent": 0, "version-unknown": 0 };
  for (const text of texts) {
    const policy = JSON.parse(text);
    const code = refused(policy);
    if (code === null) assert.ok(valid(policy), JSON.stringify(valid.errors));
    else if (!valid(policy)) outside[code]++;
  }
  for (const [code, count] of Object.entries(outside)) assert.ok(count > 0, code);
});

test("what the schema refuses, the verifier refuses: any part of any policy left out, doubled or of another kind", () => {
  const policies = vectors().filter(({ name }) => /vectors\/accepted(_branched|_any_input)?\.txt$/.test(name)).map(({ policy }) => JSON.parse(Buffer.from(policy).toString()));
  assert.equal(policies.length, 3);
  let changes = 0;
  for (const policy of policies) {
    for (const change of changed(policy)) {
      if (!valid(change)) {
        const [{ instancePath, message }] = valid.errors;
        assert.notEqual(refused(change), null, `the verifier reads what the schema refuses: ${instancePath} ${message}`);
        changes++;
      }
    }
  }
  assert.ok(changes > 500, String(changes));
});

/** The same with one part changed. */
function* changed(json) {
  yield null;
  if (typeof json === "string") yield* ["", `${json} `, 7, [json]];
  if (typeof json === "number") yield* [-1, 1.5, String(json), 1e15];
  if (typeof json === "boolean") yield* [0, "true"];
  if (Array.isArray(json)) {
    yield* [[], {}, json[0] ?? 1];
    for (const [at, part] of json.entries()) for (const other of changed(part)) yield json.with(at, other);
  } else if (typeof json === "object" && json !== null) {
    yield* [[], { ...json, unknown_field: true }];
    for (const [key, part] of Object.entries(json)) {
      const { [key]: _, ...less } = json;
      yield less;
      for (const other of changed(part)) yield { ...json, [key]: other };
    }
  }
}
