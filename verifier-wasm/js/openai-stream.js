import { Gathered, base64, unbase64, utf8 } from "./openai-bytes.js";
import { ExchangeError, LIMITS } from "./openai-error.js";

/**
 * A stream, verified: each event is passed on as it comes, marked `"assay": "unverified"`; then one that is made here,
 * marked `"verified"`, once the receipt was accepted, and only then the end. With `hold` nothing is passed on before.
 *
 * `accept` takes the receipt, the bytes that it covers, and the check of what carried it.
 */
export async function* stream(source, accept, hold) {
  const covered = new Gathered("stream");
  let [first, carrier, ended] = [undefined, undefined, false];
  for await (const event of events(source)) {
    const told = text(event);
    if (carrier !== undefined) {
      // The receipt covers what came before it; only the end may come after.
      if (ended || told !== DONE) throw new ExchangeError("receipt-not-last", "bytes that the receipt does not cover follow it");
      ended = true;
    } else if (told.startsWith(RECEIPT)) {
      carrier = told;
    } else {
      covered.add(event);
      const said = object(told);
      if (typeof said.id === "string") first ??= said;
      if (!hold) yield marked(said, "unverified");
    }
  }
  if (carrier === undefined || !ended) throw cut();
  const receipt = carried(carrier);
  const bytes = covered.take();
  let last;
  await accept(receipt, bytes, (report) => {
    last = lastEvent(first, receipt, report.operation);
    // The receipt does not cover what carries it: it says what our service writes there, or it is refused.
    if (carrier !== `${RECEIPT}data: ${JSON.stringify(last)}\n\n`) {
      throw new ExchangeError("receipt-event", "the event assay.receipt is not what the service writes for this receipt and these events");
    }
  });
  if (hold) for await (const event of events([bytes])) yield marked(object(text(event)), "verified");
  yield marked(last, "verified");
  yield utf8(DONE);
}

export function cut() {
  return new ExchangeError("receipt-missing", "the stream ended without its receipt: it may have been cut short");
}

/** The receipt in an event `assay.receipt`. */
function carried(event) {
  let found;
  try {
    found = JSON.parse(event.slice(`${RECEIPT}data: `.length)).assay_receipt.receipt;
  } catch {
    found = undefined;
  }
  if (typeof found !== "string") throw new ExchangeError("receipt-event", "the event assay.receipt carries no receipt");
  return unbase64(found);
}

/** What the service writes there, from constants, the receipt, and what a covered event says of the answer. */
function lastEvent(covered, receipt, digest) {
  const { id, object, model } = covered ?? {};
  if (!Object.hasOwn(CHOICES, object) || typeof id !== "string" || typeof model !== "string") {
    throw new ExchangeError("receipt-event", "no event that the receipt covers says of which answer it is");
  }
  return {
    id, object, created: 0, model, choices: [CHOICES[object]], ...(Object.hasOwn(covered, "usage") ? { usage: null } : {}),
    assay_receipt: { id: digest, receipt: base64(receipt) },
  };
}

/** A choice without a word, for each kind of event. */
const CHOICES = {
  "chat.completion.chunk": { index: 0, delta: {}, logprobs: null, finish_reason: null },
  text_completion: { index: 0, text: "", logprobs: null, finish_reason: null },
};

/** What an event says. What is read as something else elsewhere is refused. */
function object(event) {
  const match = /^data: (\{[^\r\n]*\})\n\n$/.exec(event);
  try {
    return JSON.parse(match[1]);
  } catch {
    throw new ExchangeError("stream-event", `expected one line with a JSON object, found ${JSON.stringify(event.slice(0, 80))}`);
  }
}

/** Whoever sends an `assay` of its own has it replaced. */
function marked(said, state) {
  return utf8(`data: ${JSON.stringify({ ...said, assay: state })}\n\n`);
}

/** Events with the empty line that ends each. Throws for one that is cut short, and for what is too long. */
async function* events(source) {
  const event = new Gathered("event");
  let [total, feed] = [0, false]; // whether the last byte of the event so far is a line feed
  for await (const piece of source) {
    total += piece.length;
    if (total > LIMITS.stream) throw new ExchangeError("stream-too-long", `stream: expected at most ${LIMITS.stream} bytes, found more`);
    let begin = 0;
    for (let at = piece.indexOf(FEED); at >= 0; at = piece.indexOf(FEED, at + 1)) {
      if (!(at > begin ? piece[at - 1] === FEED : feed)) {
        feed = false; // it was of a byte that came before this one
        continue;
      }
      event.add(piece.subarray(begin, at + 1));
      yield event.take();
      begin = at + 1;
      feed = false;
    }
    if (begin === piece.length) continue;
    event.add(piece.subarray(begin));
    feed = piece[piece.length - 1] === FEED;
  }
  if (event.length > 0) throw cut();
}

/** Bytes as they are: no mark at the beginning is passed over, no broken character replaced. */
function text(bytes) {
  try {
    return DECODER.decode(bytes);
  } catch {
    throw new ExchangeError("stream-event", "expected UTF-8, found an event that is none");
  }
}

const DECODER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const FEED = 10;
const RECEIPT = "event: assay.receipt\n";
const DONE = "data: [DONE]\n\n";
