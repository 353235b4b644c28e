/** What the page has been given, and what came of it. */

import { VerifyError, explain, inspect } from "assay-verifier";
import type { Report, Values, View } from "assay-verifier";
import { type PolicyWords, policyWords } from "./policy.js";
import { type Chosen, valueOf } from "./values.js";

export type Clock = { readonly is: "archived" } | { readonly is: "at"; readonly nowMs: number } | { readonly is: "now" };

/** One bit of one byte, changed to see what happens. */
export interface Flip {
  readonly offset: number;
  readonly before: number;
  readonly after: number;
}

export interface Given {
  readonly receipt: Chosen | null;
  readonly policy: Chosen | null;
  /** Files, by the name of the value. */
  readonly values: ReadonlyMap<string, Chosen>;
  readonly clock: Clock;
  readonly flip: Flip | null;
}

export type State =
  | { readonly is: "broken"; readonly why: string }
  | { readonly is: "empty" }
  | { readonly is: "judged"; readonly report: Report; readonly view: View | null; readonly words: PolicyWords | null }
  | { readonly is: "loading" }
  | { readonly is: "unusable"; readonly why: string; readonly code: VerifyError["code"] | null }
  | { readonly is: "waiting"; readonly view: View | null; readonly lacks: "policy" | "receipt" };

export const NOTHING: Given = { receipt: null, policy: null, values: new Map(), clock: { is: "now" }, flip: null };

/** The bytes that are checked: the file's, with the changed byte. */
export function receiptBytes(given: Given): Uint8Array | null {
  if (given.receipt === null) return null;
  const bytes = given.receipt.bytes.slice();
  if (given.flip !== null) bytes[given.flip.offset] = given.flip.after;
  return bytes;
}

/** Checks what was given. The only place that calls the verifier. */
export async function judge(given: Given): Promise<State> {
  const receipt = receiptBytes(given);
  const view = receipt && look(receipt);
  if (receipt === null && given.policy === null) return { is: "empty" };
  if (receipt === null) return { is: "waiting", view: null, lacks: "receipt" };
  if (given.policy === null) return { is: "waiting", view, lacks: "policy" };
  try {
    const words = policyWords(given.policy.bytes);
    const values = await readValues(given, words, view);
    const report = explain(receipt, given.policy.bytes, { ...time(given.clock), values });
    return { is: "judged", report, view, words };
  } catch (error) {
    const code = error instanceof VerifyError ? error.code : null;
    return { is: "unusable", why: error instanceof Error ? error.message : String(error), code };
  }
}

/** What the receipt says, for drawing; null where it cannot be read. */
export function look(receipt: Uint8Array): View | null {
  try {
    return inspect(receipt);
  } catch {
    return null;
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

async function readValues(given: Given, words: PolicyWords | null, view: View | null): Promise<Values> {
  const claimed = new Map(view?.operation.values.map((value) => [value.name, value.type]));
  const values: Record<string, Uint8Array> = {};
  for (const [name, file] of given.values) {
    const type = words?.types.get(name) ?? claimed.get(name) ?? { media: "application/octet-stream" };
    try {
      values[name] = await valueOf(file, type);
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return values;
}
