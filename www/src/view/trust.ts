/** The trust bill, step by step. */

import type { Report } from "assay-verifier";
import { el, hash } from "../dom.js";
import { mark } from "./icons.js";
import { moment } from "./words.js";

export function trust(report: Report): readonly Node[] {
  if (report.trust.length === 0) return [el("p", {}, "Nothing could be established: the receipt cannot be read.")];
  const steps = [...new Set(report.trust.map((line) => line.step))];
  const bills = steps.map((step): HTMLElement =>
    el("div", { class: "bill" },
      el("h3", {}, step ?? "The whole"),
      el("ul", {}, ...report.trust.filter((line) => line.step === step).map((line) => assumption(line.assumption)))));
  return report.paths.length === 0 ? bills : [...bills, ways(report)];
}

/** By what each way from an input to a result is shown. */
function ways(report: Report): HTMLElement {
  const lines = report.paths.flatMap(({ input, result, methods }) => methods.map((way) => {
    const kind = way.includes("none") ? "warning" : "none";
    return el("li", { "data-kind": kind }, mark(kind, 18), el("span", {}, `${input} to ${result}: ${way.join(", ")}`));
  }));
  return el("div", { class: "bill" }, el("h3", {}, "From input to result"), el("ul", { class: "ways" }, ...lines));
}

function assumption(text: string): HTMLElement {
  const kind = text.startsWith("nothing") ? "pass" : loud(text) ? "warning" : "none";
  return el("li", { "data-kind": kind }, mark(kind, 18), el("span", {}, ...broken(text)));
}

/** What the report itself calls out: a root that is not AWS's, a key that one party could misuse, no evidence. */
function loud(text: string): boolean {
  return ["not AWS", "single-party", "the operator's word", "may be a debug enclave"].some((word) => text.includes(word));
}

/** Long hashes in short form, and times as people write them; the whole is in the title. */
export function broken(text: string): readonly (Node | string)[] {
  return text.split(/([0-9a-f]{64,96}|[0-9]{13} ms)/).map((part) => {
    if (/^[0-9a-f]{64,96}$/.test(part)) return hash(part);
    const time = /^([0-9]{13}) ms$/.exec(part);
    return time ? el("time", { title: part }, moment(Number(time[1]))) : part;
  });
}
