import { utf8 } from "./openai-bytes.js";

/**
 * One nonce for each question, however often it is sent.
 *
 * The seed of an answer follows from nonce and request. Whoever relays the request and could have it sent again with
 * another nonce, by an error, a timeout or a broken answer, would have as many answers to choose from as there are
 * attempts. So the nonce of a question that has no accepted answer is kept, and the next equal request (address and
 * body, byte for byte) takes it over: a client that tries again sends exactly these, and no header that tells an attempt
 * from a new question would bind a caller who tries again by its own loop.
 *
 * Equal requests at a time are different questions: a nonce that is under way is never given to another. When two of
 * them fail and are sent again, which takes whose nonce makes no difference, since nothing else tells them apart: there
 * are as many nonces as questions, and so as many answers.
 */
export class Questions {
  /** Those that wait to be sent again, by what they ask; the longest waiting first. */
  #waiting = new Map();
  #count = 0;

  async ask(url, request) {
    const key = await digest(url, request);
    const waiting = this.#waiting.get(key);
    const question = waiting === undefined ? { key, nonce: crypto.getRandomValues(new Uint8Array(32)), attempts: 0 } : this.#taken(key, waiting);
    question.attempts += 1;
    return question;
  }

  /** Nothing was accepted: whoever asks this again asks with the same nonce. */
  again(question) {
    const [oldest] = this.#waiting;
    if (this.#count >= MOST) this.#taken(...oldest);
    const waiting = this.#waiting.get(question.key);
    if (waiting === undefined) this.#waiting.set(question.key, [question]);
    else waiting.push(question);
    this.#count += 1;
  }

  #taken(key, waiting) {
    if (waiting.length === 1) this.#waiting.delete(key);
    this.#count -= 1;
    return waiting.shift();
  }
}

/** Questions that are remembered; beyond, the one that waits longest is forgotten. Each takes some hundred bytes. */
const MOST = 4096;

/** Of address and body; an address has no zero byte. */
async function digest(url, request) {
  const both = new Uint8Array(await new Blob([utf8(`${url}\0`), request]).arrayBuffer());
  return String.fromCharCode(...new Uint8Array(await crypto.subtle.digest("SHA-256", both)));
}
