/** Every check, with its reason and section. */

import type { Check, Report } from "assay-verifier";
import { el } from "../dom.js";
import { mark } from "./icons.js";
import { broken } from "./trust.js";

export function checks(report: Report): readonly Node[] {
  const count = (status: Check["status"]) => report.checks.filter((check) => check.status === status).length;
  const counts = (["fail", "pass", "skip", "info"] as const).filter((status) => count(status) > 0);
  return [
    el("p", { class: "counts" }, ...counts.map((status) =>
      el("span", { class: "status", "data-status": status }, mark(status, 16), `${count(status)} ${WORDS[status]}`))),
    el("table", { class: "checks" },
      el("thead", {}, el("tr", {}, ...["Outcome", "Check", "Of", "Why", "FORMAT.md"].map((title) => el("th", { scope: "col" }, title)))),
      el("tbody", {}, ...report.checks.map(row))),
  ];
}

const WORDS: Readonly<Record<Check["status"], string>> = { fail: "failed", info: "for information", pass: "passed", skip: "skipped" };

function row(check: Check): HTMLElement {
  return el("tr", { "data-status": check.status },
    el("td", {}, el("span", { class: "status", "data-status": check.status }, mark(check.status, 16), check.status)),
    el("th", { scope: "row" }, check.id.replaceAll("-", " ")),
    el("td", { class: "subject" }, ...(check.subject === undefined ? [] : broken(check.subject))),
    el("td", { class: "why" }, ...broken(check.says), check.code !== undefined && el("code", { class: "code" }, check.code)),
    el("td", { class: "section" }, `§${check.section}`));
}
