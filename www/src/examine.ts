/** The examination itself, which runs beside the page: files in, the report's text out. The only place that calls the verifier to judge. */

import { VerifyError, explain, reportText } from "assay-verifier";
import type { RejectCode, Values } from "assay-verifier";
import { policyWords } from "./policy.js";
import { type Clock, look } from "./state.js";
import { type Chosen, valueOf } from "./values.js";

/** What is examined. Bytes, names and numbers alone: it goes from one thread to another. */
export interface Question {
  readonly receipt: Uint8Array;
  readonly policy: Uint8Array;
  /** Files, by the name of the value. */
  readonly files: ReadonlyMap<string, Chosen>;
  readonly clock: Clock;
  /** The caller's, in hexadecimal; empty where none was given. */
  readonly nonce: string;
}

export type Finding =
  | { readonly is: "judged"; readonly text: string }
  | { readonly is: "unusable"; readonly why: string; readonly code: RejectCode | null };

export async function examine(question: Question): Promise<Finding> {
  try {
    const report = explain(question.receipt, question.policy, { ...time(question.clock), ...nonce(question.nonce), values: await values(question) });
    return { is: "judged", text: reportText(report) };
  } catch (error) {
    const code = error instanceof VerifyError ? error.code : null;
    return { is: "unusable", why: error instanceof Error ? error.message : String(error), code };
  }
}

function time(clock: Clock) {
  switch (clock.is) {
    case "archived":
      return { archived: true } as const;
    case "at":
      return { nowMs: clock.nowMs };
    case "now":
      return { nowMs: Date.now() };
  }
}

function nonce(hex: string): { readonly expectedNonce?: Uint8Array } {
  if (hex === "") return {};
  if (!/^(?:[0-9a-fA-F]{2}){16,64}$/.test(hex)) throw new Error(`expected a nonce of 16 to 64 bytes in hexadecimal, found “${hex}”`);
  return { expectedNonce: Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)) };
}

async function values({ receipt, policy, files }: Question): Promise<Values> {
  const words = policyWords(policy);
  const claimed = new Map(look(receipt)?.operation.values.map((value) => [value.name, value.type]));
  const found: Record<string, Uint8Array> = {};
  for (const [name, file] of files) {
    const type = words?.types.get(name) ?? claimed.get(name) ?? { media: "application/octet-stream" };
    try {
      found[name] = await valueOf(file, type);
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return found;
}
