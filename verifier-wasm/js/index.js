import load, * as core from "./assay_verifier.js";

export { VerifyError } from "./error.js";

let loading;
let loaded = false;

/** Loads the module, once. */
export function ready() {
  loading ??= compile().then(async (module) => {
    await load({ module_or_path: module });
    loaded = true;
  });
  // A network that failed may be tried again.
  return loading.catch((error) => {
    loading = undefined;
    throw error;
  });
}

/** Accepts a receipt as of `nowMs`, or throws a VerifyError. */
export function verify(receipt, policy, options) {
  const now = time(options?.nowMs);
  return accepted(face().verify(bytes("receipt", receipt), text(policy), now, ...given(options)));
}

/** Accepts a receipt as of its attestations' own times, or throws a VerifyError. */
export function verifyArchived(receipt, policy, options) {
  return accepted(face().verifyArchived(bytes("receipt", receipt), text(policy), ...given(options)));
}

/** Returns the whole report, whatever it says. */
export function explain(receipt, policy, options) {
  const archived = options?.archived === true;
  if (archived && options.nowMs !== undefined) {
    throw new TypeError("give either nowMs or archived: true");
  }
  const now = archived ? undefined : time(options?.nowMs);
  return parsed(face().explain(bytes("receipt", receipt), text(policy), now, ...given(options)));
}

/** Returns what a receipt says: decoded, not verified. */
export function inspect(receipt) {
  return JSON.parse(face().inspect(bytes("receipt", receipt)));
}

/** Accepts an attestation document by itself as of `nowMs`, or throws a VerifyError. */
export function verifyAttestation(document, policy, options) {
  return parsed(face().verifyAttestation(bytes("document", document), text(policy), time(options?.nowMs)));
}

/** Accepts an attestation document as of its own timestamp, or throws a VerifyError. */
export function verifyAttestationArchived(document, policy) {
  return parsed(face().verifyAttestationArchived(bytes("document", document), text(policy)));
}

/** Returns what an attestation document says: decoded, not verified. */
export function inspectAttestation(document) {
  return parsed(face().inspectAttestation(bytes("document", document)));
}

/** Runs a file of attestation cases (FORMAT.md §8.8) under the root that the file names. */
export function attestationConformance(cases) {
  const [said, json] = face().attestationConformance(text(cases, "cases"));
  return { ...JSON.parse(json), text: said, json };
}

/** Returns the exact text of a report, the same from Rust and the command line. */
export function reportText(report) {
  const text = texts.get(report);
  if (text === undefined) throw new TypeError("this report does not come from this module");
  return text;
}

/** Returns the bytes of a result of a verified report. */
export function resultBytes(report, name) {
  const bytes = results.get(report)?.get(name);
  if (bytes === undefined) throw new TypeError(`no verified result is named ${name}`);
  return bytes.slice();
}

const texts = new WeakMap();
const results = new WeakMap();

/** Node reads the file, a browser fetches it; neither depends on a server's media types. */
async function compile() {
  const url = new URL("./assay_verifier_bg.wasm", import.meta.url);
  if (url.protocol === "file:") {
    const fs = "node:fs/promises"; // out of sight of bundlers: a browser never comes here
    const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ fs);
    return WebAssembly.compile(await readFile(url));
  }
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} cannot be loaded: ${response.status}`);
  return WebAssembly.compile(await response.arrayBuffer());
}

function face() {
  if (!loaded) throw new Error("assay-verifier is not loaded yet: call `await ready()` first");
  return core;
}

function accepted([text, bytes]) {
  const report = parsed(text);
  results.set(report, new Map(bytes));
  return report;
}

function parsed(text) {
  const report = JSON.parse(text);
  texts.set(report, text);
  return report;
}

function bytes(what, value) {
  if (!isBytes(value)) throw new TypeError(`${what} must be a Uint8Array`);
  return value;
}

/** By its tag: one of another frame or test environment is as good. */
function isBytes(value) {
  return Object.prototype.toString.call(value) === "[object Uint8Array]";
}

/** A policy is its text: bytes pass as they are, and its digest is over them. */
function text(policy, what = "policy") {
  if (typeof policy === "string") return new TextEncoder().encode(policy);
  if (isBytes(policy)) return policy;
  throw new TypeError(`${what} must be a string or a Uint8Array of JSON text`);
}

function time(nowMs) {
  if (typeof nowMs !== "number") {
    throw new TypeError("nowMs must be a number of milliseconds since 1970, such as Date.now()");
  }
  if (!Number.isSafeInteger(nowMs) || nowMs < 0) {
    throw new RangeError(`nowMs must be a whole number of milliseconds since 1970, found ${nowMs}`);
  }
  return BigInt(nowMs);
}

function given(options) {
  const entries = Object.entries(options?.values ?? {});
  const values = entries.map(([name, value]) => bytes(`values.${name}`, value));
  const nonce = options?.expectedNonce;
  return [entries.map(([name]) => name), values, nonce === undefined ? undefined : bytes("expectedNonce", nonce)];
}
