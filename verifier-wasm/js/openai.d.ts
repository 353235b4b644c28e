import type { VerifiedReport } from "./index.js";

/**
 * Returns a `fetch` for an OpenAI client (its option `fetch`): every POST carries a nonce of its own, and what comes
 * back ends well only if its receipt (FORMAT.md §11) is accepted under the policy, for exactly the bytes that were sent and received.
 *
 * An answer in one piece is handed on after that. A stream is handed on as it comes, each event's object with
 * `"assay": "unverified"`; the last has `"assay": "verified"`. A stream that is cut short, or whose receipt is refused, ends
 * in the error, which the client throws: what came before it must not be relied on. Answers that are no success (status 400
 * and above) pass as they are.
 *
 * Throws `TypeError` for a policy that has a nonce, and `SyntaxError` for one that is no JSON.
 * Reading the answer throws `VerifyError` for a receipt that is refused and `ExchangeError` for one that is not there.
 */
export function verifiedFetch(options: VerifiedFetchOptions): typeof globalThis.fetch;

export interface VerifiedFetchOptions {
  /** JSON text, or its bytes, without `nonce`: each request's own is put in, in place of `accept_without_own_nonce`. */
  readonly policy: string | Uint8Array;
  /** What requests are made with; `globalThis.fetch` by default. */
  readonly fetch?: typeof globalThis.fetch;
  /** The time to verify at, in milliseconds since 1970; `Date.now` by default. */
  readonly nowMs?: () => number;
  /** Called with what was accepted, before the answer ends: to keep it, or to show its trust bill. */
  readonly onVerified?: (exchange: VerifiedExchange) => void | Promise<void>;
}

/** One request and its answer, with the receipt that covers them. */
export interface VerifiedExchange {
  readonly report: VerifiedReport;
  readonly receipt: Uint8Array;
  /** The body that was sent. */
  readonly request: Uint8Array;
  /** The body that was received; of a stream, what came before the event `assay.receipt`. */
  readonly response: Uint8Array;
}

/** Why an answer came without what its verification needs. */
export class ExchangeError extends Error {
  private constructor();
  readonly name: "ExchangeError";
  readonly code: "receipt-base64" | "receipt-event" | "receipt-id" | "receipt-missing" | "receipt-not-last" | "stream-event";
}

/** What an event's object has beside the fields of OpenAI's. */
export interface Marked {
  readonly assay?: "unverified" | "verified";
}
