/** The page: files in, one state, and views of it. */

import { ready } from "assay-verifier";
import { Checker } from "./checker.js";
import { demo } from "./demo.js";
import { byId, el } from "./dom.js";
import { type Slot, chosen, place, put } from "./files.js";
import { policyWords } from "./policy.js";
import { type Clock, type Given, NOTHING, type State, judge } from "./state.js";
import { mark } from "./view/icons.js";
import { checks } from "./view/checks.js";
import { slots } from "./view/files.js";
import { flow } from "./view/flow.js";
import { policy } from "./view/policy.js";
import { trust } from "./view/trust.js";
import { values } from "./view/values.js";
import { verdict } from "./view/verdict.js";
import type { Chosen } from "./values.js";
import { warning } from "./view/warning.js";

const main = byId("main", HTMLElement);
const clockChoice = byId("clock", HTMLSelectElement);
const atField = byId("at-field", HTMLElement);
const at = byId("at", HTMLInputElement);
const offset = byId("offset", HTMLInputElement);
const flip = byId("flip", HTMLButtonElement);
const undo = byId("undo", HTMLButtonElement);
const tamperSays = byId("tamper-says", HTMLElement);
const nonceField = byId("nonce-field", HTMLElement);
const nonce = byId("nonce", HTMLInputElement);
const trouble = byId("trouble", HTMLElement);
const UNTOUCHED = tamperSays.textContent;

const checker = new Checker();
/** How long a check may take before the page says that it runs. */
const PATIENCE_MS = 150;

let given: Given = NOTHING;
let state: State = { is: "loading" };
let turn = 0;

/** Takes what is given, checks it, shows it. A later change overtakes an earlier one. */
async function take(next: Given): Promise<void> {
  given = next;
  const own = ++turn;
  trouble.hidden = true;
  const slow = setTimeout(() => void (own === turn && show({ is: "checking" })), PATIENCE_MS);
  const judged = await judge(next, checker);
  clearTimeout(slow);
  if (own === turn) await show(judged, own);
}

/** Reads files, takes what could be read, and names what could not. */
async function read(files: readonly File[], placed: (all: readonly Chosen[]) => Given): Promise<void> {
  const all = await Promise.allSettled(files.map(chosen));
  const good = all.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const bad = all.flatMap((one) => (one.status === "rejected" ? [one.reason instanceof Error ? one.reason.message : String(one.reason)] : []));
  if (good.length > 0) await take(placed(good));
  if (bad.length === 0) return;
  trouble.replaceChildren(mark("warning", 20), el("div", {}, ...bad.map((why) => el("p", {}, why))));
  trouble.hidden = false;
}

async function show(next: State, own?: number): Promise<void> {
  state = next;
  const report = state.is === "judged" ? state.report : null;
  const under = state.is === "judged" ? await policy(state.report, state.words) : [];
  if (own !== undefined && own !== turn) return;
  const focused = document.activeElement;
  section("verdict", verdict(state, { again: () => void take(given), archive, cancel: () => checker.cancel() }));
  section("warning", report ? warning(report) : []);
  byId("files", HTMLElement).replaceChildren(...slots(given, state, choose));
  body("trust", report ? trust(report) : []);
  byId("trust-about", HTMLElement).textContent = report?.verdict === "refused"
    ? "Nothing of this is enough: the receipt is refused. This is as far as the checks came."
    : "What remains to be believed after every check.";
  body("values", report ? values(report, given.values) : []);
  body("checks", report ? [...checks(report), save(state.is === "judged" ? state.text : "")] : []);
  body("policy", under);
  drawFlow();
  showControls();
  main.dataset["state"] = state.is === "judged" ? state.report.verdict : state.is;
  keepFocus(focused);
  if (own !== undefined) main.dataset["checked"] = String(own);
}

/** What had the focus may have been drawn anew, or be gone: then the verdict has it, so that the keyboard goes on from there. */
function keepFocus(focused: Element | null): void {
  if (focused === null || focused === document.body || focused.isConnected) return;
  const same = focused.id === "" ? null : document.getElementById(focused.id);
  const verdict = byId("verdict", HTMLElement);
  (same ?? (verdict.hidden ? main : verdict)).focus();
}

function section(id: string, content: readonly Node[]): void {
  const own = byId(id, HTMLElement);
  own.hidden = content.length === 0;
  own.dataset["kind"] = content.find((node) => node instanceof HTMLElement)?.dataset["kind"] ?? "";
  own.replaceChildren(...content);
}

function body(id: string, content: readonly Node[]): void {
  byId(id, HTMLElement).hidden = content.length === 0;
  byId(`${id}-body`, HTMLElement).replaceChildren(...content);
}

function drawFlow(): void {
  const drawn = state.is === "judged" && state.view !== null && state.report.steps.length > 0;
  byId("flow", HTMLElement).hidden = !drawn;
  const place = byId("flow-body", HTMLElement);
  if (state.is === "judged" && state.view !== null && drawn) {
    place.replaceChildren(...flow(state.report, state.view, place.clientWidth));
  }
}

function showControls(): void {
  byId("tamper", HTMLElement).hidden = given.receipt === null;
  undo.hidden = given.flip === null;
  if (given.flip === null) {
    tamperSays.replaceChildren(UNTOUCHED);
  } else {
    const hex = (byte: number) => el("code", {}, byte.toString(16).padStart(2, "0"));
    tamperSays.replaceChildren(
      `Byte ${given.flip.offset} of ${given.receipt?.bytes.length ?? 0} was `, hex(given.flip.before), ", now it is ", hex(given.flip.after), ".");
  }
  clockChoice.value = given.clock.is;
  atField.hidden = given.clock.is !== "at";
  nonceField.hidden = given.policy === null || policyWords(given.policy.bytes)?.nonce !== "caller_nonce";
  if (given.clock.is === "at") at.value = String(given.clock.nowMs);
}

function archive(): void {
  void take({ ...given, clock: { is: "archived" } });
}

function choose(slot: Slot, file: File): void {
  void read([file], (all) => all.reduce((known, one) => put(known, slot, one), given));
}

function save(text: string): HTMLElement {
  const link = el("a", { class: "save", download: "report.json" }, "Save the report as JSON");
  link.href = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  return el("p", {}, link);
}

/** The clock as chosen; a time that is no number stays with the last one. */
function clock(): Clock {
  switch (clockChoice.value) {
    case "archived":
      return { is: "archived" };
    case "at": {
      if (at.value === "") at.value = String(Date.now());
      return { is: "at", nowMs: Number(at.value) };
    }
    default:
      return { is: "now" };
  }
}

nonce.addEventListener("change", () => void take({ ...given, nonce: nonce.value.trim() }));
clockChoice.addEventListener("change", () => void take({ ...given, clock: clock() }));
at.addEventListener("change", () => void take({ ...given, clock: clock() }));

flip.addEventListener("click", () => {
  if (given.receipt === null) return;
  const bytes = given.receipt.bytes;
  const wanted = Number.parseInt(offset.value, 10);
  const own = Number.isNaN(wanted) ? Math.floor(Math.random() * bytes.length) : Math.min(Math.max(0, wanted), bytes.length - 1);
  const before = bytes[own] ?? 0;
  void take({ ...given, flip: { offset: own, before, after: before ^ 1 } });
});
undo.addEventListener("click", () => {
  flip.focus();
  void take({ ...given, flip: null });
});

addEventListener("dragover", (event) => {
  event.preventDefault();
  main.dataset["drag"] = "over";
});
addEventListener("dragleave", (event) => {
  if (event.relatedTarget === null) delete main.dataset["drag"];
});
addEventListener("drop", (event) => {
  event.preventDefault();
  delete main.dataset["drag"];
  const files = [...(event.dataTransfer?.files ?? [])];
  void read(files, (all) => place(given, all));
});

let drawnWidth = 0;
new ResizeObserver(([entry]) => {
  const width = entry?.contentRect.width ?? 0;
  if (width !== drawnWidth && width > 0) {
    drawnWidth = width;
    drawFlow();
  }
}).observe(byId("flow-body", HTMLElement));

try {
  // After this the network may go: fonts are otherwise fetched when first needed.
  await Promise.all([ready(), checker.ready(), ...[...document.fonts].map((font) => font.load().catch(() => font))]);
  await take(new URLSearchParams(location.search).has("demo") ? await demo() : NOTHING);
} catch (error) {
  await show({ is: "broken", why: error instanceof Error ? error.message : String(error) });
}
