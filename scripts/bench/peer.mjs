// What one would write without this project: the same five signature checks with well-known JavaScript libraries.
// It checks only signatures and the root, not the rules of FORMAT.md §8: less work than ours, so the comparison is in its favour.

import { p384 } from "@noble/curves/nist.js";
import { AsnConvert } from "@peculiar/asn1-schema";
import { Certificate } from "@peculiar/asn1-x509";
import { decode, encode } from "cborg";

/** Throws unless the chain begins with `root` and every signature holds. */
export function check(document, root) {
  const [head, , payload, signature] = decode(document, { useMaps: true });
  const fields = decode(payload, { useMaps: true });
  const ders = [...fields.get("cabundle"), fields.get("certificate")];
  if (!same(ders[0], root)) throw new Error("another root");
  const chain = ders.map((der) => AsnConvert.parse(der, Certificate));
  let key = point(chain[0]);
  for (const certificate of chain.slice(1)) {
    const signed = new Uint8Array(certificate.tbsCertificateRaw);
    must(p384.verify(new Uint8Array(certificate.signatureValue), signed, key, { format: "der", lowS: false }));
    key = point(certificate);
  }
  const message = encode(["Signature1", head, new Uint8Array(), payload]);
  must(p384.verify(signature, message, key, { format: "compact", lowS: false }));
}

function point(certificate) {
  return new Uint8Array(certificate.tbsCertificate.subjectPublicKeyInfo.subjectPublicKey);
}

function must(holds) {
  if (!holds) throw new Error("a signature does not hold");
}

function same(one, other) {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}
