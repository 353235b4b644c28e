// Another judge of the signatures: OpenSSL through Node's crypto, on certificates and envelopes taken apart by other readers.

import assert from "node:assert/strict";
import { X509Certificate, createPublicKey, verify } from "node:crypto";
import { before, test } from "node:test";
import { decode, encode } from "cborg";
import { VerifyError, inspectAttestation, ready, verifyAttestation, verifyAttestationArchived } from "../../verifier-wasm/dist/index.js";
import { documents, genuine } from "./nitro.mjs";

before(ready);

/** Our reasons that are a matter of signatures and keys alone. */
const SIGNATURES = new Set([
  "attestation-certificate-signature-form", "attestation-certificate-signature-invalid", "attestation-key-point",
  "attestation-signature-invalid", "attestation-signature-scalar",
]);

test("OpenSSL refuses every signature that we refuse, and no other, of our own documents", () => {
  let [both, refused] = [0, 0];
  for (const { id, code, bytes } of documents()) {
    // Others are refused before the signatures are looked at, or after they held.
    if (code !== null && !SIGNATURES.has(code)) continue;
    const theirs = holds(bytes);
    assert.equal(theirs, code === null, `${id}: ${code}`);
    both += 1;
    refused += theirs ? 0 : 1;
  }
  assert.ok(both > 20 && refused >= 5, `${both}, ${refused}`);
});

test("both refuse each bit that is flipped in a signature or in what is signed", () => {
  const { bytes, policy, nowMs } = documents()[0];
  const ours = (bytes) => {
    try {
      verifyAttestation(bytes, policy, { nowMs });
      return true;
    } catch (error) {
      assert.ok(error instanceof VerifyError);
      return false;
    }
  };
  assert.ok(ours(bytes) && holds(bytes));
  // The envelope's signature whole; then the payload where it is neither a length nor a certificate's form.
  const places = [...Array(96).keys()].map((at) => bytes.length - 96 + at);
  const text = Buffer.from(bytes).indexOf("the client's nonce");
  places.push(...[...Array(18).keys()].map((at) => text + at));
  for (const at of places) {
    const flipped = bytes.slice();
    flipped[at] ^= 1 << (at % 8);
    assert.equal(holds(flipped), false, `byte ${at}`);
    assert.equal(ours(flipped), false, `byte ${at}`);
  }
});

test("OpenSSL and we agree on AWS's documents", (t) => {
  const all = genuine();
  if (all.length === 0) return t.skip("there are none here");
  let compared = 0;
  for (const { name, bytes } of all) {
    let view;
    try {
      view = inspectAttestation(bytes);
    } catch {
      continue; // no document to take signatures from
    }
    const policy = JSON.stringify({
      pcr_sets: [view.pcrs], nonce: "any_nonce_accepted", user_data: "any_user_data_accepted",
      public_key: "any_public_key_accepted", accept_debug_enclave: true,
    });
    let ours = true;
    try {
      verifyAttestationArchived(bytes, policy);
    } catch (error) {
      assert.ok(SIGNATURES.has(error.code), `${name}: ${error.code}`);
      ours = false;
    }
    assert.equal(holds(bytes), ours, name);
    compared += 1;
  }
  assert.equal(compared, 41);
});

/** Whether every certificate is signed by the one above it, and the document by the leaf. */
function holds(bytes) {
  try {
    const untagged = bytes[0] === 0xd2 ? bytes.subarray(1) : bytes;
    const [head, , payload, signature] = decode(untagged, { useMaps: true });
    const fields = decode(payload, { useMaps: true });
    const chain = [...fields.get("cabundle"), fields.get("certificate")].map((der) => new X509Certificate(der));
    const signed = chain.slice(1).every((certificate, above) => certificate.verify(chain[above].publicKey));
    const message = encode(["Signature1", head, new Uint8Array(), payload]);
    const key = createPublicKey({ key: chain.at(-1).publicKey.export({ type: "spki", format: "der" }), format: "der", type: "spki" });
    return signed && verify("sha384", message, { key, dsaEncoding: "ieee-p1363" }, signature);
  } catch {
    return false; // OpenSSL throws for a key that is off the curve
  }
}
