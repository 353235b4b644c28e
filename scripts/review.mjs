// The review of a learned policy, as a person would do it: what to look at, then the mark is removed.

import { readFileSync, writeFileSync } from "node:fs";

const [path, nonce] = process.argv.slice(2);
const policy = JSON.parse(readFileSync(path, "utf8"));
const say = (title, words) => console.log(`  ${title.padEnd(12)} ${words}`);

console.log(`It is marked "unreviewed": nothing is accepted under it until you have read it. Look at`);
say("the nonce", policy.nonce === nonce ? "yours" : `NOT yours: ${policy.nonce}`);
say("the inputs", Object.entries(policy.inputs).map(([name, rule]) => `${name}: ${JSON.stringify(rule)}`).join(", "));
const [release] = policy.releases;
for (const step of release.plan.steps) {
  const what = step.function.model ? `model ${step.function.model.slice(0, 16)}…` : step.function.glue;
  say(`step ${step.name}`, `${what}, shown by ${step.evidence?.map((all) => all.join(" and ")).join(" or ") ?? "the operator's word"}`);
}
const loose = [
  policy.accept_single_party_setup && "accept_single_party_setup: whoever made the proving key could forge; here that is you",
  ...Object.entries(release.images ?? {}).map(
    ([name, image]) => image.accept_root_other_than_aws && `${name}: accept_root_other_than_aws: a development attester on this machine, not AWS hardware`,
  ),
];
for (const word of loose.filter(Boolean)) say("loosened", word);
if (policy.nonce !== nonce) {
  console.error("assay: error: the policy was learned from a receipt that does not carry your nonce");
  process.exit(1);
}
// Only the mark goes: the rest stays as it was read, byte for byte.
writeFileSync(path, readFileSync(path, "utf8").replace(/^ *"unreviewed": true,\n/m, ""));
console.log(`Read; the mark is removed: ${path}`);
