// Times the package beside the peer, in whatever runs this: Node or a page. Both take turns, so that both meet the same machine.

import * as verifier from "assay-verifier";
import { check } from "./peer.mjs";

/** Median milliseconds per document, and what the peer takes for the first. */
export async function measure(documents, rounds) {
  await verifier.ready();
  const bytes = documents.map((one) => Uint8Array.from(atob(one.doc), (char) => char.charCodeAt(0)));
  const policies = documents.map((one) => JSON.stringify(one.policy));
  const hex = documents[0].policy.accept_root_other_than_aws;
  const root = Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
  const ours = (at) => {
    let code = null;
    try {
      verifier.verifyAttestation(bytes[at], policies[at], { nowMs: documents[at].now_ms });
    } catch (error) {
      code = error.code;
    }
    if (code !== documents[at].code) throw new Error(`${documents[at].id}: ${code}`);
  };
  const spoilt = bytes[0].slice();
  spoilt[spoilt.length - 1] ^= 1;
  try {
    check(spoilt, root);
  } catch {
    const times = { peer: [], ours: documents.map(() => []) };
    for (let round = 0; round < rounds + WARM; round++) {
      const peer = timed(() => check(bytes[0], root));
      const own = documents.map((_, at) => timed(() => ours(at)));
      if (round < WARM) continue;
      times.peer.push(peer);
      own.forEach((time, at) => times.ours[at].push(time));
    }
    return { peer: median(times.peer), ...Object.fromEntries(documents.map((one, at) => [one.id, median(times.ours[at])])) };
  }
  throw new Error("the peer accepts a signature that does not hold");
}

function timed(call) {
  const start = performance.now();
  call();
  return performance.now() - start;
}

function median(times) {
  return times.toSorted((one, other) => one - other)[times.length >> 1];
}

const WARM = 10;
