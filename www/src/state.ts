/** What the page has been given, and what came of it. */

import { inspect } from "assay-verifier";
import type { RejectCode, Report, View } from "assay-verifier";
import { Cancelled, type Checker } from "./checker.js";
import { type PolicyWords, policyWords } from "./policy.js";
import type { Chosen } from "./values.js";

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
  /** The caller's, in hexadecimal, where a policy asks for it; empty where none was given. */
  readonly nonce: string;
  readonly flip: Flip | null;
}

export type State =
  | { readonly is: "broken"; readonly why: string }
  | { readonly is: "cancelled" }
  | { readonly is: "checking" }
  | { readonly is: "empty" }
  | { readonly is: "judged"; readonly report: Report; readonly text: string; readonly view: View | null; readonly words: PolicyWords | null }
  | { readonly is: "loading" }
  | { readonly is: "unusable"; readonly why: string; readonly code: RejectCode | null }
  | { readonly is: "waiting"; readonly view: View | null; readonly lacks: "policy" | "receipt" };

export const NOTHING: Given = { receipt: null, policy: null, values: new Map(), clock: { is: "now" }, nonce: "", flip: null };

/** The bytes that are checked: the file's, with the changed byte. */
export function receiptBytes(given: Given): Uint8Array | null {
  if (given.receipt === null) return null;
  const bytes = given.receipt.bytes.slice();
  if (given.flip !== null) bytes[given.flip.offset] = given.flip.after;
  return bytes;
}

/** Checks what was given. */
export async function judge(given: Given, checker: Checker): Promise<State> {
  const receipt = receiptBytes(given);
  const view = receipt && look(receipt);
  if (receipt === null && given.policy === null) return { is: "empty" };
  if (receipt === null) return { is: "waiting", view: null, lacks: "receipt" };
  if (given.policy === null) return { is: "waiting", view, lacks: "policy" };
  try {
    const found = await checker.check({ receipt, policy: given.policy.bytes, files: given.values, clock: given.clock, nonce: given.nonce });
    if (found.is === "unusable") return found;
    return { is: "judged", report: JSON.parse(found.text) as Report, text: found.text, view, words: policyWords(given.policy.bytes) };
  } catch (error) {
    if (error instanceof Cancelled) return { is: "cancelled" };
    return { is: "broken", why: error instanceof Error ? error.message : String(error) };
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
