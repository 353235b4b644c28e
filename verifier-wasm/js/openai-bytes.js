import { ExchangeError, LIMITS } from "./openai-error.js";

/** Bytes as they arrive. The room doubles, so each byte is copied a bounded number of times however they are cut. */
export class Gathered {
  #bytes = new Uint8Array(1024);
  #length = 0;
  #what;

  /** `what` is one of those that have a limit. */
  constructor(what) {
    this.#what = what;
  }

  get length() {
    return this.#length;
  }

  add(piece) {
    const length = this.#length + piece.length;
    const most = LIMITS[this.#what];
    if (length > most) throw new ExchangeError(`${this.#what}-too-long`, `${this.#what}: expected at most ${most} bytes, found more`);
    if (length > this.#bytes.length) {
      const wider = new Uint8Array(Math.min(most, Math.max(length, 2 * this.#bytes.length)));
      wider.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = wider;
    }
    this.#bytes.set(piece, this.#length);
    this.#length = length;
  }

  /** What was gathered; from here on it begins anew. */
  take() {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }
}

/** A body in pieces, that can be left from outside while somebody waits for the next one. */
export function pieces(body) {
  const reader = body?.getReader();
  return {
    cancel: (reason) => reader?.cancel(reason),
    async *[Symbol.asyncIterator]() {
      if (reader === undefined) return;
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    },
  };
}

/** Everything that comes. */
export async function gathered(what, source) {
  const all = new Gathered(what);
  for await (const piece of source) all.add(piece);
  return all.take();
}

export const utf8 = (string) => new TextEncoder().encode(string);
export const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");

export function base64(bytes) {
  let binary = "";
  // In parts: a call takes so many arguments and no more.
  for (let at = 0; at < bytes.length; at += 8192) binary += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(binary);
}

export function unbase64(string) {
  let binary;
  try {
    binary = atob(string);
  } catch {
    throw new ExchangeError("receipt-base64", "the receipt is not written in base64");
  }
  return Uint8Array.from(binary, (character) => character.charCodeAt(0));
}
