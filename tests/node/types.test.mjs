// The types, in a consumer that is as strict as it gets.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { temporary } from "./folder.mjs";
import { ROOT } from "./vectors.mjs";

const CONSUMER = `
import { type RejectCode, VerifyError, explain, inspect, ready, reportText, resultBytes, verify, verifyArchived } from "assay-verifier";
import type { Report, VerifiedArchivedReport, VerifiedReport } from "assay-verifier";
import {
  type AttestationReport, type VerifiedArchivedAttestation, type VerifiedAttestation, attestationConformance, inspectAttestation,
  verifyAttestation, verifyAttestationArchived,
} from "assay-verifier";
import { ExchangeError, LIMITS, verifiedFetch } from "assay-verifier/openai";

export function attested(document: Uint8Array, policy: string): AttestationReport {
  const live: VerifiedAttestation = verifyAttestation(document, policy, { nowMs: Date.now() });
  const archived: VerifiedArchivedAttestation = verifyAttestationArchived(document, policy);
  // @ts-expect-error: what was judged at its own time admits nobody now
  const wrong: VerifiedAttestation = archived;
  // @ts-expect-error: what was only looked at was not verified
  const looked: AttestationReport = inspectAttestation(document);
  // @ts-expect-error: a clock has to be given
  verifyAttestation(document, policy);
  const counted: number = attestationConformance("{}").disagreed;
  reportText(live);
  return counted > 0 ? wrong : looked;
}

export function asks(policy: string): typeof fetch {
  // @ts-expect-error: a policy has to be given
  verifiedFetch({});
  return verifiedFetch({ policy, hold: true, onVerified: ({ report, response, attempts }) => {
    const live: VerifiedReport = report;
    const most: number = LIMITS.body * attempts;
    if (response.length > most) throw new Error(reportText(live));
  }, onAbandoned: ({ request, attempts }) => {
    if (request.length < attempts) throw new Error();
  } });
}

export function why(error: unknown): string {
  if (!(error instanceof ExchangeError)) return "";
  // @ts-expect-error: no such code
  if (error.code === "receipt-nowhere") return "";
  return error.code;
}

export async function check(receipt: Uint8Array, policy: string): Promise<RejectCode | Uint8Array> {
  await ready();
  try {
    const live: VerifiedReport = verify(receipt, policy, {
      nowMs: Date.now(), values: { image: new Uint8Array() }, expectedNonce: new Uint8Array(32),
    });
    const archived: VerifiedArchivedReport = verifyArchived(receipt, new TextEncoder().encode(policy));
    const time: number = live.mode.now_ms;
    const report: Report = Math.random() < time ? live : archived;
    reportText(report);
    // @ts-expect-error: a report that says accepted is no verified report
    resultBytes(report, "digit");
    // @ts-expect-error: live and archived are different things
    const wrong: VerifiedReport = archived;
    return resultBytes(live, String(wrong));
  } catch (error) {
    if (error instanceof VerifyError) return error.code;
    throw error;
  }
}

export const reports: readonly Report[] = [
  explain(new Uint8Array(), "{}", { nowMs: 1 }),
  explain(new Uint8Array(), "{}", { archived: true, values: {} }),
];
// @ts-expect-error: a clock has to be chosen
explain(new Uint8Array(), "{}", {});
// @ts-expect-error: seconds, dates and texts are no nowMs
verify(new Uint8Array(), "{}", { nowMs: new Date() });
// @ts-expect-error: no such code
export const code: RejectCode = "invalid";
// @ts-expect-error: only the package makes them
new VerifyError();
export const notice: string = inspect(new Uint8Array()).notice;
`;

for (const [name, settings] of Object.entries({
  bundler: { module: "ESNext", moduleResolution: "bundler" },
  node: { module: "NodeNext", moduleResolution: "NodeNext" },
})) {
  test(`a strict consumer compiles: ${name}`, () => {
    const folder = temporary();
    mkdirSync(join(folder, "node_modules"));
    symlinkSync(join(ROOT, "verifier-wasm/dist"), join(folder, "node_modules/assay-verifier"));
    writeFileSync(join(folder, "package.json"), '{"type": "module"}');
    writeFileSync(join(folder, "consumer.ts"), CONSUMER);
    const compilerOptions = {
      ...settings, target: "ES2022", lib: ["ES2022", "DOM"], types: [], strict: true, noEmit: true, skipLibCheck: false,
      exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noPropertyAccessFromIndexSignature: true,
      verbatimModuleSyntax: true, isolatedModules: true,
    };
    writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["consumer.ts"] }));
    const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
    const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", folder], { encoding: "utf8" });
    assert.equal(status, 0, stdout);
  });
}
