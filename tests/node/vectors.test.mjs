// Every vector through the package: the expected code, thrown and reported, and the command line's very text.

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { VerifyError, explain, ready, reportText, verify, verifyArchived } from "../../verifier-wasm/dist/index.js";
import * as cli from "./cli.mjs";
import { clock, expected, vectors } from "./vectors.mjs";

before(ready);

for (const vector of vectors()) {
  test(vector.name, () => {
    const { receipt, policy } = vector;
    const answer = (call) => {
      try {
        return call().verdict;
      } catch (error) {
        if (error instanceof VerifyError) return error.code;
        throw error;
      }
    };
    const verified = vector.archived
      ? answer(() => verifyArchived(receipt, policy, expected(vector)))
      : answer(() => verify(receipt, policy, { nowMs: vector.nowMs, ...expected(vector) }));
    assert.equal(verified, vector.expect);
    let report;
    try {
      report = explain(receipt, policy, { ...clock(vector), ...expected(vector) });
    } catch (error) {
      // A policy that cannot be read has no report.
      assert.equal(error.code, vector.expect);
      return;
    }
    assert.equal(report.code ?? "accepted", vector.expect);
    const own = cli.built && cli.report(vector);
    if (own) {
      assert.equal(own.text, reportText(report), own.errors);
      assert.equal(own.status, vector.expect === "accepted" ? 0 : 1);
    }
  });
}
