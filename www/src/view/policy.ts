/** What was demanded: digest, roots, clock, and every word that loosens a check. */

import type { Report } from "assay-verifier";
import { el, hash } from "../dom.js";
import type { PolicyWords } from "../policy.js";
import { mark } from "./icons.js";
import { broken } from "./trust.js";
import { clock } from "./words.js";

export async function policy(report: Report, words: PolicyWords | null): Promise<readonly Node[]> {
  const roots = await Promise.all((words?.images ?? []).map(async (image) => {
    const root = image.otherRoot === null ? [AWS] : ["not AWS: root ", hash(await sha256(image.otherRoot))];
    return row(`Root of ${image.name}`, ...root);
  }));
  const images = (words?.images ?? []).map((image) => row(`PCR0 of ${image.name}`, image.pcr0 === null ? "not pinned" : hash(image.pcr0)));
  return [
    el("dl", { class: "facts" },
      row("Policy digest", hash(report.policy, 12)),
      row("Clock", clock(report)),
      ...(roots.length === 0 ? [row("Root", "no step may be shown by an enclave")] : roots),
      ...images,
      row("Nonce", words?.nonce === "caller_nonce" ? "the one that you give" : words?.nonce ? hash(words.nonce) : "none of yours: the receipt may be old")),
    el("h3", {}, "Loosened by the policy"),
    report.loosened.length === 0
      ? el("p", { class: "muted" }, "Nothing.")
      : el("ul", { class: "loosened" }, ...report.loosened.map((word) =>
        el("li", {}, mark("warning", 18), el("span", {}, ...emphasised(word))))),
  ];
}

const AWS = "AWS Nitro Enclaves root G1";

function row(term: string, ...what: readonly (Node | string)[]): HTMLElement {
  return el("div", {}, el("dt", {}, term), el("dd", {}, ...what));
}

/** The policy's own word, then what it means. */
function emphasised(word: string): readonly (Node | string)[] {
  const found = /^(.*?)([a-z]+(?:_[a-z]+)+)(.*)$/s.exec(word);
  return found ? [found[1] ?? "", el("code", {}, found[2] ?? ""), ...broken(found[3] ?? "")] : [word];
}

async function sha256(hex: string): Promise<string> {
  const bytes = Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
