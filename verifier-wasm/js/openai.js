import { ready, verify } from "./index.js";

/** Why an answer came without what its verification needs. */
export class ExchangeError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "ExchangeError";
    this.code = code;
  }
}

/**
 * Returns a `fetch` for an OpenAI client: each request carries a nonce of its own, and no answer ends well before its
 * receipt is accepted under `policy`.
 */
export function verifiedFetch({ policy, fetch = globalThis.fetch, nowMs = Date.now, onVerified = () => {} }) {
  const policyFor = withNonces(policy);
  return async (input, init) => {
    const sent = new Request(input, init);
    // A list of models or a receipt is no exchange: nothing was asked of a model.
    if (sent.method !== "POST") return fetch(sent);
    await ready();
    const request = new Uint8Array(await sent.arrayBuffer());
    const nonce = hex(crypto.getRandomValues(new Uint8Array(32)));
    const headers = new Headers(sent.headers);
    headers.set("assay-nonce", nonce);
    const { method, signal, credentials, redirect, url } = sent;
    const answer = await fetch(url, { method, headers, body: request, signal, credentials, redirect });
    // What is not a success is no answer to rely on; the client makes an error of it.
    if (!answer.ok) return answer;
    const accept = async (receipt, response) => {
      const values = { request, response };
      const report = verify(receipt, policyFor(nonce), { nowMs: nowMs(), values });
      await onVerified({ report, receipt, ...values });
    };
    const media = answer.headers.get("content-type")?.split(";")[0].trim();
    const body = media === "text/event-stream" ? stream(answer, accept) : whole(answer, accept, url, fetch, signal);
    return new Response(body, { status: answer.status, statusText: answer.statusText, headers: plain(answer.headers) });
  };
}

/** The policy of each request: the receipt's nonce must be ours, so there is nothing to accept in place of one. */
function withNonces(policy) {
  const text = typeof policy === "string" ? policy : new TextDecoder("utf-8", { fatal: true }).decode(policy);
  const { accept_without_own_nonce: _, ...rest } = JSON.parse(text);
  if ("nonce" in rest) throw new TypeError("the policy has a nonce, expected none: each request has its own");
  return (nonce) => JSON.stringify({ ...rest, nonce });
}

/** An answer in one piece: nothing of it is passed on before it is verified. */
function whole(answer, accept, url, fetch, signal) {
  return source(async function* () {
    const response = new Uint8Array(await answer.arrayBuffer());
    const inline = answer.headers.get("assay-receipt-cbor");
    await accept(inline === null ? await fetched(answer, url, fetch, signal) : unbase64(inline), response);
    yield response;
  });
}

async function fetched(answer, url, fetch, signal) {
  const id = answer.headers.get("assay-receipt");
  if (id === null) throw new ExchangeError("receipt-missing", "the answer names no receipt (header assay-receipt)");
  if (!/^[0-9a-f]{64}$/.test(id)) throw new ExchangeError("receipt-id", `expected 64 hexadecimal digits, found ${id}`);
  const at = new URL(url);
  at.pathname = at.pathname.replace(/\/v1\/.*$/, `/v1/receipts/${id}`);
  const receipt = await fetch(at.href, { signal, headers: { accept: "application/cbor" } });
  if (!receipt.ok) throw new ExchangeError("receipt-missing", `receipt ${id} cannot be had: status ${receipt.status}`);
  return new Uint8Array(await receipt.arrayBuffer());
}

/**
 * A stream: each event is passed on as it comes, marked `"assay": "unverified"`; the event that carries the receipt as
 * `"assay": "verified"`, if it was accepted, and only then the end.
 */
function stream(answer, accept) {
  return source(async function* () {
    if (answer.body === null) throw cut();
    const covered = [];
    let [seen, ended] = [0, false];
    let [receipt, last] = [];
    for await (const event of events(answer.body)) {
      if (receipt !== undefined) {
        // The receipt covers what came before it; only the end may come after.
        if (ended || text(event) !== DONE) throw new ExchangeError("receipt-not-last", "bytes that the receipt does not cover follow it");
        ended = true;
        continue;
      }
      receipt = carried(event);
      if (receipt === undefined) {
        covered.push(event);
        seen += event.length;
        yield marked(event, "unverified");
      } else {
        last = utf8(text(event).replace(/^event: assay\.receipt\n/, ""));
      }
    }
    if (receipt === undefined) throw cut();
    await accept(receipt, joined(covered, seen));
    yield marked(last, "verified");
    yield utf8(DONE);
  });
}

function cut() {
  return new ExchangeError("receipt-missing", "the stream ended without its receipt: it may have been cut short");
}

/** The receipt in an event `assay.receipt`. */
function carried(event) {
  const match = /^event: assay\.receipt\ndata: (.*)\n\n$/.exec(text(event));
  if (match === null) return undefined;
  let found;
  try {
    found = JSON.parse(match[1]).assay_receipt.receipt;
  } catch {
    found = undefined;
  }
  if (typeof found !== "string") throw new ExchangeError("receipt-event", "the event assay.receipt carries no receipt");
  return unbase64(found);
}

/** An event's object with the mark. Whoever sends an `assay` of its own has it replaced; what is read as something else elsewhere is refused. */
function marked(event, state) {
  const match = /^data: (\{[^\r\n]*\})\n\n$/.exec(text(event));
  let found;
  try {
    found = JSON.parse(match[1]);
  } catch {
    throw new ExchangeError("stream-event", `expected one line with a JSON object, found ${JSON.stringify(text(event).slice(0, 80))}`);
  }
  return utf8(`data: ${JSON.stringify({ ...found, assay: state })}\n\n`);
}

/** Events with the empty line that ends each. Throws for one that is cut short. */
async function* events(body) {
  let rest = new Uint8Array();
  for await (const piece of body) {
    const bytes = joined([rest, piece], rest.length + piece.length);
    let begin = 0;
    // A line feed that ends an empty line may have come with this piece: look again at the last byte.
    for (let at = Math.max(rest.length - 1, 0); at + 1 < bytes.length; at += 1) {
      if (bytes[at] !== 10 || bytes[at + 1] !== 10 || at < begin) continue;
      yield bytes.subarray(begin, at + 2);
      begin = at + 2;
    }
    rest = bytes.subarray(begin);
  }
  if (rest.length > 0) throw cut();
}

/** A body that errs where its maker throws, so that the client's caller sees the very error and no retry is made. */
function source(make) {
  const pieces = make();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await pieces.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(error);
      }
    },
    cancel: () => pieces.return().then(() => undefined),
  });
}

/** Headers that still hold for the body that is handed on. */
function plain(headers) {
  const kept = new Headers(headers);
  for (const name of ["content-length", "content-encoding", "transfer-encoding"]) kept.delete(name);
  return kept;
}

function joined(pieces, length) {
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

const DONE = "data: [DONE]\n\n";
const utf8 = (string) => new TextEncoder().encode(string);
const text = (bytes) => new TextDecoder().decode(bytes);
const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

function unbase64(string) {
  let binary;
  try {
    binary = atob(string);
  } catch {
    throw new ExchangeError("receipt-base64", "the receipt is not written in base64");
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}

