/** Why an answer came without what its verification needs. */
export class ExchangeError extends Error {
  constructor(code, message) {
    super(message);
    this.name = "ExchangeError";
    this.code = code;
  }
}

const MIB = 1 << 20;

/**
 * Most bytes of what arrives. A receipt has at most 4 MiB (FORMAT.md §1), an event carries one in base64; the service's
 * longest answer, 4 MiB of texts as vectors, stays below 64 MiB.
 */
export const LIMITS = Object.freeze({ body: 64 * MIB, event: 8 * MIB, receipt: 4 * MIB, stream: 64 * MIB });
