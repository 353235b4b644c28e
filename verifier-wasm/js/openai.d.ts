import type { VerifiedReport } from "./index.js";

/**
 * Returns a `fetch` for an OpenAI client (its option `fetch`): every question (POST) carries a nonce of its own, and what comes
 * back ends well only if its receipt (FORMAT.md §11) is accepted under the policy, for exactly the bytes that were sent and received.
 *
 * An answer in one piece is handed on after that. A stream is handed on as it comes, each event's object with
 * `"assay": "unverified"`; the last, which is made here, has `"assay": "verified"`. A stream that is cut short, or whose receipt is
 * refused, ends in the error, which the client throws: what came before it must not be relied on. With `hold` a stream, too, is
 * handed on after that, each event with `"assay": "verified"`.
 *
 * Answers to GET and HEAD, and those that are no success (status 400 and above), are not verified:
 * they have the header `assay: unverified`. Of an answer that is verified, no header is handed on but its type.
 *
 * A question keeps its nonce until an answer to it is accepted: an equal request (address and body, byte for byte) that is made
 * after one failed, was refused or was left has the same nonce, and so the same answer to expect. Equal requests at one time
 * are different questions. To get another answer, ask something else, such as with another `seed`.
 *
 * Throws `TypeError` for a policy that is neither text nor bytes. Asking throws it for other methods than GET, HEAD and POST, and for what is
 * neither a string nor a `URL` or `Request` of this realm. Asking throws `VerifyError` for a policy that cannot be used.
 * Reading the answer throws `VerifyError` for a receipt that is refused and `ExchangeError` for what cannot be examined.
 */
export function verifiedFetch(options: VerifiedFetchOptions): typeof globalThis.fetch;

export interface VerifiedFetchOptions {
  /** JSON text, or its bytes; its digest in reports is over exactly these. It says `"nonce": "caller_nonce"`. */
  readonly policy: string | Uint8Array;
  /** What requests are made with; `globalThis.fetch` by default. It gets what the caller gave, such as a `dispatcher`. */
  readonly fetch?: typeof globalThis.fetch;
  /** The time to verify at, in milliseconds since 1970; `Date.now` by default. */
  readonly nowMs?: () => number;
  /** Whether a stream is handed on only once it was accepted; false by default. */
  readonly hold?: boolean;
  /** Called with what was accepted, before the answer ends: to keep it, or to show its trust bill. */
  readonly onVerified?: (exchange: VerifiedExchange) => void | Promise<void>;
  /**
   * Called when an answer is left before it was accepted: its body was cancelled, or its signal aborted, as a loop does that breaks
   * at `finish_reason`. What was read of it is not verified, and never will be. A reader that just stops, without
   * cancelling, is not noticed.
   */
  readonly onAbandoned?: (question: AbandonedQuestion) => void;
}

/** One request and its answer, with the receipt that covers them. */
export interface VerifiedExchange {
  readonly report: VerifiedReport;
  readonly receipt: Uint8Array;
  /** The body that was sent. */
  readonly request: Uint8Array;
  /** The body that was received; of a stream, what came before the event `assay.receipt`. */
  readonly response: Uint8Array;
  /** How often the question was sent, with its one nonce, until this answer. */
  readonly attempts: number;
}

/** A question whose answer nobody waited for. */
export interface AbandonedQuestion {
  /** The body that was sent. */
  readonly request: Uint8Array;
  /** How often it was sent. */
  readonly attempts: number;
}

/** Most bytes of an answer in one piece, of one event of a stream, of a receipt, and of a whole stream. */
export declare const LIMITS: Readonly<Record<"body" | "event" | "receipt" | "stream", number>>;

/** Why an answer was not accepted before its receipt was asked. */
export class ExchangeError extends Error {
  private constructor();
  readonly name: "ExchangeError";
  readonly code:
    | "body-too-long"
    | "event-too-long"
    | "media-mismatch"
    | "receipt-base64"
    | "receipt-event"
    | "receipt-id"
    | "receipt-missing"
    | "receipt-not-last"
    | "receipt-too-long"
    | "status-mismatch"
    | "stream-event"
    | "stream-too-long";
}

/** What an event's object has beside the fields of OpenAI's. */
export interface Marked {
  readonly assay?: "unverified" | "verified";
}
