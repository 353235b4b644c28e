/** The disclosed values. */

import type { Report, Value } from "assay-verifier";
import { el, hash } from "../dom.js";
import { spoken } from "../spoken.js";
import type { Chosen } from "../values.js";
import { isPicture, picture } from "./image.js";
import { typeWords } from "./words.js";

/** `files`: what the caller brought. A value that the report has was held against its commitment, and so was the file. */
export function values(report: Report, files: ReadonlyMap<string, Chosen>): readonly Node[] {
  if (report.values.length === 0) return [el("p", { class: "muted" }, "None.")];
  return [el("ul", { class: "values" }, ...report.values.map((value) =>
    one(value, report.results.includes(value.name), files.get(value.name))))];
}

function one(value: Value, result: boolean, file: Chosen | undefined): HTMLElement {
  const text = "media" in value.type && file !== undefined ? spoken(file.bytes, value.type.media) : null;
  return el("li", {},
    el("div", { class: "face" }, face(value)),
    el("div", { class: "about-value" },
      el("h3", {}, value.name, result && el("span", { class: "tag" }, "result")),
      el("p", { class: "muted" }, typeWords(value.type)),
      text !== null && el("blockquote", {}, ...text.split("\n").flatMap((line, at) => (at === 0 ? [line] : [el("br"), line]))),
      el("p", { class: "muted" }, "SHA-256 ", hash(value.sha256)),
      el("p", { class: "muted" }, `${value.commitment.split(":")[0]} commitment `, hash(value.commitment.split(":")[1] ?? ""))));
}

function face(value: Value): Node {
  if (isPicture(value)) return picture(value, 84);
  const integers = value.integers;
  if (integers === undefined) return el("span", { class: "muted" }, "bytes");
  if (integers.length === 1) return el("span", { class: "figure" }, String(integers[0]));
  if (integers.length <= 64) return bars(value.name, integers);
  return el("span", { class: "muted" }, `${integers.length} integers`);
}

/** Small tensors as bars from zero: which is the greatest is seen at once. */
function bars(name: string, integers: readonly number[]): HTMLElement {
  const [low, high] = [Math.min(0, ...integers), Math.max(0, ...integers)];
  const list = el("ol", { class: "bars", "aria-label": `${name}: ${integers.join(", ")}` });
  for (const [index, integer] of integers.entries()) {
    const bar = el("li", { title: `${index}: ${integer}`, "data-greatest": integer === Math.max(...integers) });
    const unit = 100 / (high - low || 1);
    bar.style.setProperty("--height", `${Math.max(2, Math.abs(integer) * unit)}%`);
    bar.style.setProperty("--from", `${(Math.min(0, integer) - low) * unit}%`);
    list.append(bar);
  }
  return list;
}
