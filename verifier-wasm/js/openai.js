import { explain, ready, verify } from "./index.js";
import { gathered, hex, pieces, unbase64 } from "./openai-bytes.js";
import { ExchangeError, LIMITS } from "./openai-error.js";
import { Questions } from "./openai-questions.js";
import { stream } from "./openai-stream.js";

export { ExchangeError, LIMITS };

/**
 * Returns a `fetch` for an OpenAI client: each question carries a nonce of its own, and no answer ends well before its
 * receipt is accepted under `policy`. What is not verified says so in a header.
 */
export function verifiedFetch({
  policy, fetch = globalThis.fetch, nowMs = Date.now, hold = false, onVerified = () => {}, onAbandoned = () => {},
}) {
  const own = copied(policy);
  const questions = new Questions();
  return async (input, init) => {
    // A request of another kind (of a library, a frame) would be read by one and sent by another.
    if (typeof input !== "string" && !(input instanceof URL) && !(input instanceof Request)) {
      throw new TypeError("expected a string, a URL or a Request of this realm");
    }
    const method = (init?.method ?? (input instanceof Request ? input.method : "GET")).toUpperCase();
    // A list of models or a receipt is no exchange: nothing was asked of a model.
    if (method === "GET" || method === "HEAD") return unverified(await fetch(input, init));
    if (method !== "POST") throw new TypeError(`expected GET, HEAD or POST, found ${method}: no receipt is of any other`);
    await ready();
    // A policy that cannot be used is refused before anything is asked.
    explain(new Uint8Array(), own, { nowMs: nowMs(), expectedNonce: NO_NONCE });
    const sent = new Request(input, init);
    const request = new Uint8Array(await sent.arrayBuffer());
    const question = await questions.ask(sent.url, request);
    const { nonce, attempts } = question;
    const attempt = new Attempt(() => questions.again(question), () => onAbandoned({ request, attempts }));
    let answer;
    try {
      answer = await fetch(...again(input, init, sent, request, nonce));
    } catch (error) {
      attempt.failed();
      throw error;
    }
    // What is not a success is no answer to rely on; the client makes an error of it.
    if (!answer.ok) {
      attempt.failed();
      return unverified(answer);
    }
    // A client makes an empty answer of status 204, and no error.
    if (answer.body === null) {
      attempt.failed();
      throw new ExchangeError("receipt-missing", `an answer with a receipt has a body, found none, status ${answer.status}`);
    }
    const media = answer.headers.get("content-type")?.split(";")[0].trim().toLowerCase();
    const accept = async (receipt, response, check) => {
      const values = { request, response };
      const report = verify(receipt, own, { nowMs: nowMs(), values, expectedNonce: nonce });
      check?.(report);
      agree(report, answer.status, media);
      if (!attempt.accepted()) throw new DOMException("the answer was left before it was accepted", "AbortError");
      await onVerified({ report, receipt, attempts, ...values });
    };
    const source = pieces(answer.body);
    const asked = (url, more) => fetch(url, { ...init, body: undefined, ...more });
    const body = media === EVENTS
      ? stream(source, accept, hold)
      : whole(source, accept, () => receiptOf(answer.headers, sent.url, asked));
    attempt.leaveWith(init?.signal ?? (input instanceof Request ? input.signal : undefined));
    // Of the headers that came none is covered: this one is ours.
    return new Response(handed(body, attempt, source.cancel), { status: answer.status, headers: { "content-type": media ?? "" } });
  };
}

/** A policy is its text: what changes in the caller's bytes later changes nothing here. */
function copied(policy) {
  if (typeof policy === "string") return policy;
  if (Object.prototype.toString.call(policy) === "[object Uint8Array]") return policy.slice();
  throw new TypeError("policy must be a string or a Uint8Array of JSON text");
}

/** What a policy is tried with, before there is a question. */
const NO_NONCE = new Uint8Array(32);

/** One time that a question is sent, and how it ended: the first word counts. */
class Attempt {
  #again;
  #left;
  #ends = new AbortController();

  /** `again`: nothing was accepted; `left`: because whoever was to read the answer went away. */
  constructor(again, left) {
    this.#again = again;
    this.#left = left;
  }

  /** Whether it had not ended before. */
  accepted() {
    const open = !this.#ends.signal.aborted;
    this.#ends.abort();
    return open;
  }

  failed() {
    if (this.#ends.signal.aborted) return;
    this.#ends.abort();
    this.#again();
  }

  abandoned() {
    if (this.#ends.signal.aborted) return;
    this.failed();
    this.#left();
  }

  /** From here on there is an answer to leave. */
  leaveWith(signal) {
    if (signal?.aborted) this.abandoned(); // its event is over
    signal?.addEventListener("abort", () => this.abandoned(), { once: true, signal: this.#ends.signal });
  }
}

/** The request with its nonce, and with all that the caller's `fetch` knows beyond the standard: a dispatcher, a proxy, a certificate. */
function again(input, init, sent, body, nonce) {
  const headers = new Headers(sent.headers);
  headers.set("assay-nonce", hex(nonce));
  if (input instanceof Request) return [new Request(sent, { ...init, headers, body })];
  return [sent.url, { ...init, method: "POST", headers, body }];
}

/** An answer in one piece: nothing of it is passed on before it is verified. */
async function* whole(source, accept, receipt) {
  const response = await gathered("body", source);
  await accept(await receipt(), response);
  yield response;
}

async function receiptOf(headers, asked, fetch) {
  const inline = headers.get("assay-receipt-cbor");
  if (inline !== null) return unbase64(inline);
  const id = headers.get("assay-receipt");
  if (id === null) throw new ExchangeError("receipt-missing", "the answer names no receipt (header assay-receipt)");
  if (!/^[0-9a-f]{64}$/.test(id)) throw new ExchangeError("receipt-id", `expected 64 hexadecimal digits, found ${id}`);
  const at = new URL(asked);
  at.pathname = at.pathname.replace(/\/v1\/.*$/, `/v1/receipts/${id}`);
  const answer = await fetch(at.href, { method: "GET", headers: { accept: "application/cbor" } });
  if (!answer.ok) throw new ExchangeError("receipt-missing", `receipt ${id} cannot be had: status ${answer.status}`);
  return gathered("receipt", pieces(answer.body));
}

/** The receipt covers status and kind of the answer, too: what came has to be what it says. */
function agree({ steps, values }, status, media) {
  const said = steps[0]?.settings.find(({ name }) => name === "status")?.value;
  if (said !== status) throw new ExchangeError("status-mismatch", `the receipt is of an answer with status ${said}, found ${status}`);
  const type = values.find(({ name }) => name === "response")?.type.media;
  if (type !== media) throw new ExchangeError("media-mismatch", `the receipt is of an answer of type ${type}, found ${media}`);
}

/** What nothing vouches for, and says so. */
function unverified(answer) {
  if (answer.status < 200) return answer; // opaque: nothing of it can be read
  const headers = new Headers(answer.headers);
  headers.set("assay", "unverified");
  // They were of the bytes before they were decoded.
  for (const name of ["content-length", "content-encoding", "transfer-encoding"]) headers.delete(name);
  const { body, status, statusText } = answer;
  return new Response(body && body.pipeThrough(bounded()), { status, statusText, headers });
}

function bounded() {
  let total = 0;
  return new TransformStream({
    transform(piece, controller) {
      total += piece.length;
      if (total > LIMITS.body) throw new ExchangeError("body-too-long", `body: expected at most ${LIMITS.body} bytes, found more`);
      controller.enqueue(piece);
    },
  });
}

/** A body that errs where its maker throws, so that the client's caller sees the very error and no retry is made. */
function handed(made, attempt, cancel) {
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await made.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        attempt.failed();
        controller.error(error);
        await cancel(error)?.catch(() => undefined); // whoever sends more sends it to nobody
      }
    },
    async cancel(reason) {
      attempt.abandoned();
      await cancel(reason);
    },
  });
}

const EVENTS = "text/event-stream";
