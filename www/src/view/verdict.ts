/** The answer, before anything else. */

import type { RejectCode, Report, Value } from "assay-verifier";
import { el, hash } from "../dom.js";
import { HINTS, SAYS } from "../says.js";
import type { State } from "../state.js";
import { mark } from "./icons.js";
import { isPicture, picture } from "./image.js";
import { broken } from "./trust.js";
import { attester } from "./warning.js";
import { clock } from "./words.js";

/** What can be done from here. */
export interface Actions {
  readonly again: () => void;
  readonly archive: () => void;
  readonly cancel: () => void;
}

/** What stands in the verdict's place; empty where there is nothing to say yet. */
export function verdict(state: State, does: Actions): readonly Node[] {
  switch (state.is) {
    case "checking":
      return head("waiting", "Checking", [
        el("p", { class: "sentence" }, "This runs beside the page; nothing is decided yet."),
        el("p", {}, button("cancel", "Cancel", does.cancel)),
      ]);
    case "cancelled":
      return head("waiting", "Not checked", [
        el("p", { class: "sentence" }, "You cancelled the check: nothing was decided."),
        el("p", {}, button("again", "Check again", does.again)),
      ]);
    case "empty":
    case "loading":
      return [];
    case "broken":
      return head("refused", "Cannot check", [el("p", { class: "sentence" }, state.why)]);
    case "unusable":
      return head("refused", "Cannot check", [
        el("p", { class: "sentence" }, state.code === null ? "Something that you gave cannot be read." : SAYS[state.code]),
        el("p", { class: "detail" }, state.why, state.code && " ", state.code && code(state.code)),
      ]);
    case "waiting":
      return head("waiting", "Not checked", [
        el("p", { class: "sentence" }, state.lacks === "policy"
          ? "Give a policy as well: a receipt is only ever accepted under what you demand."
          : "Give the receipt as well."),
        state.view && el("p", { class: "detail" },
          `What it says, unchecked: an operation “${state.view.operation.name}” of ${state.view.operation.steps.length} steps, digest `,
          hash(state.view.operation.digest)),
      ]);
    case "judged":
      return state.report.code === undefined ? accepted(state.report, state) : refused(state.report, state.report.code, does.archive);
  }
}

function accepted(report: Report, state: State & { is: "judged" }): readonly Node[] {
  const name = state.words?.operation ?? "";
  const assumptions = report.trust.filter((line) => !line.assumption.startsWith("nothing")).length;
  const whose = attester(report);
  const [kind, word] = whose === "aws-or-none" ? ["accepted", "Accepted"] as const
    : ["doubtful", whose === "development" ? "Accepted, under a development attester" : "Accepted, under a root that is not AWS's"] as const;
  return head(kind, word, [
    el("p", { class: "sentence" },
      whose === "development" && "No Nitro hardware attested this: software on an ordinary machine did. ",
      "This ran as your policy says, with the inputs you named, and these are its results",
      assumptions === 0 ? "." : assumptions === 1 ? ", if the assumption below holds." : `, if the ${assumptions} assumptions below hold.`),
    el("p", { class: "detail" }, name, " · ", clock(report), " · operation ", hash(report.operation ?? "")),
  ], results(report));
}

function refused(report: Report, reason: RejectCode, archive: () => void): readonly Node[] {
  const first = report.checks.find((check) => check.status === "fail");
  const others = report.checks.filter((check) => check.status === "fail").length - 1;
  const hint = HINTS[reason];
  const old = reason === "attestation-certificate-expired" || reason === "attestation-timestamp-too-old";
  return head("refused", "Refused", [
    el("p", { class: "sentence" }, SAYS[reason]),
    el("p", { class: "detail" },
      code(reason), " ", first?.subject !== undefined ? `${first.subject}: ` : "", ...broken(first?.says ?? ""),
      first ? ` (FORMAT.md §${first.section})` : "", others > 0 && `; ${others} more ${others === 1 ? "check fails" : "checks fail"} below`),
    hint && el("p", { class: "detail" }, hint),
    old && el("p", {}, button("archive", "Check as archived", archive)),
  ]);
}

function button(id: string, words: string, act: () => void): HTMLButtonElement {
  const made = el("button", { type: "button", id }, words);
  made.addEventListener("click", act);
  return made;
}

function head(kind: "accepted" | "doubtful" | "refused" | "waiting", word: string, lines: readonly (Node | null | undefined | false | "")[], side?: Node): readonly Node[] {
  return [
    el("div", { class: "seal", "data-kind": kind }, mark(kind === "doubtful" ? "warning" : kind)),
    el("div", { class: "words" }, el("h2", { class: "word" }, word), ...lines.map((line) => line || null)),
    ...(side ? [side] : []),
  ];
}

/** The pictures that went in, and the results. */
function results(report: Report): HTMLElement {
  const given = report.values.filter(isPicture).filter((value) => !report.results.includes(value.name)).slice(0, 1);
  const shown = report.values.filter((value) => report.results.includes(value.name));
  return el("dl", { class: "results" },
    ...given.map((value) => el("div", {}, el("dt", {}, value.name), el("dd", {}, picture(value, 72)))),
    ...shown.map((value) => el("div", {}, el("dt", {}, value.name), el("dd", {}, big(value)))));
}

function big(value: Value): Node {
  if (isPicture(value)) return picture(value, 72);
  const integers = value.integers;
  if (integers?.length === 1) return el("span", { class: "figure" }, String(integers[0]));
  if (integers && integers.length <= 16) return el("span", { class: "numbers" }, integers.join(", "));
  return hash(value.sha256);
}

function code(reason: string): HTMLElement {
  return el("code", { class: "code" }, reason);
}
