/**
 * The operation as a picture: values, the steps that take and give them, and the methods that hold.
 *
 * Left to right where there is room, else top to bottom. The same facts follow as a list, for
 * readers who do not see pictures.
 */

import type { Method, Report, Step, Type, Value, View } from "assay-verifier";
import { el, svg } from "../dom.js";
import { type Sign, strokes } from "./icons.js";
import { cells, isPicture } from "./image.js";
import { typeWords } from "./words.js";

export function flow(report: Report, view: View, width: number): readonly Node[] {
  const graph = layers(report, view);
  const placed = across(graph, width) ?? down(graph, width);
  const edges = graph.flat().flatMap((node) => node.from.map((name) => edge(placed, name, node)));
  const drawing = svg("svg", {
    class: "flow", role: "img", "aria-label": "Picture of the steps; a list follows",
    width: placed.width, height: placed.height, viewBox: `0 0 ${placed.width} ${placed.height}`,
  }, ...edges, ...graph.flat().map((node) => box(node, placed)));
  return [drawing, el("ol", { class: "sr-only" }, ...report.steps.map((step) => el("li", {}, inWords(step, report))))];
}

interface ValueNode {
  readonly kind: "value";
  readonly name: string;
  readonly from: readonly string[];
  readonly type: Type;
  readonly commitment: string;
  /** Absent where it is not disclosed, or does not match. */
  readonly shown: Value | undefined;
  readonly failed: boolean;
  readonly result: boolean;
}

interface StepNode {
  readonly kind: "step";
  readonly name: string;
  readonly from: readonly string[];
  readonly step: Step;
  readonly failed: boolean;
}

type Node_ = StepNode | ValueNode;

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Placed {
  readonly along: "across" | "down";
  readonly width: number;
  readonly height: number;
  readonly boxes: ReadonlyMap<Node_, Box>;
}

/** Nodes by their distance from the inputs: a node stands after everything it needs. */
function layers(report: Report, view: View): readonly (readonly Node_[])[] {
  const depth = new Map<string, number>();
  const graph: Node_[][] = [];
  const add = (node: Node_, at: number) => {
    (graph[at] ??= []).push(node);
  };
  const claimed = new Map(view.operation.values.map((value) => [value.name, value]));
  const value = (name: string, from: readonly string[], at: number) => {
    const known = claimed.get(name);
    if (known === undefined) return;
    depth.set(name, at);
    add({
      kind: "value", name, from, type: known.type, commitment: known.commitment,
      shown: report.values.find((shown) => shown.name === name),
      failed: failed(report, ["opening", "input", "result", "caller-value"], name),
      result: report.results.includes(name),
    }, at);
  };
  const given = new Set(report.steps.flatMap((step) => step.outputs));
  for (const name of claimed.keys()) if (!given.has(name)) value(name, [], 0);
  for (const step of report.steps) {
    const at = 1 + Math.max(0, ...step.inputs.map((name) => depth.get(name) ?? 0));
    add({ kind: "step", name: step.name, from: step.inputs, step, failed: failed(report, STEP_CHECKS, step.name) }, at);
    for (const name of step.outputs) value(name, [`step ${step.name}`], at + 1);
  }
  return graph.filter((layer) => layer !== undefined);
}

const STEP_CHECKS = ["tee-evidence", "zk-proof", "recompute", "requirement"];

function failed(report: Report, ids: readonly string[], subject: string): boolean {
  return report.checks.some((check) =>
    check.status === "fail" && ids.includes(check.id) && (check.subject ?? "").split(", ").includes(subject));
}

const VALUE_WIDTH = 110;
const STEP_WIDTH = 152;
const TALL = 156;

function across(graph: readonly (readonly Node_[])[], width: number): Placed | null {
  const widths = graph.map((layer) => Math.max(...layer.map((node) => (node.kind === "step" ? STEP_WIDTH : VALUE_WIDTH))));
  const sum = widths.reduce((total, each) => total + each, 0);
  const gap = Math.min(56, (width - sum) / Math.max(1, graph.length - 1));
  if (gap < 20) return null;
  const rows = Math.max(...graph.map((layer) => layer.length));
  const height = rows * TALL + (rows - 1) * 20;
  const boxes = new Map<Node_, Box>();
  let x = (width - sum - gap * (graph.length - 1)) / 2;
  graph.forEach((layer, at) => {
    const tall = layer.length * TALL + (layer.length - 1) * 20;
    layer.forEach((node, row) => {
      const own = node.kind === "step" ? STEP_WIDTH : VALUE_WIDTH;
      boxes.set(node, { x: x + (widths[at]! - own) / 2, y: (height - tall) / 2 + row * (TALL + 20), width: own, height: TALL });
    });
    x += widths[at]! + gap;
  });
  return { along: "across", width, height, boxes };
}

const FLAT = 78;
const BETWEEN = 30;

function down(graph: readonly (readonly Node_[])[], width: number): Placed {
  const boxes = new Map<Node_, Box>();
  const most = Math.min(width, 440);
  graph.forEach((layer, at) => {
    const own = Math.min(most, (width - 12 * (layer.length - 1)) / layer.length);
    const left = (width - own * layer.length - 12 * (layer.length - 1)) / 2;
    layer.forEach((node, column) => {
      boxes.set(node, { x: left + column * (own + 12), y: at * (FLAT + BETWEEN), width: own, height: FLAT });
    });
  });
  return { along: "down", width, height: graph.length * (FLAT + BETWEEN) - BETWEEN, boxes };
}

function edge(placed: Placed, name: string, to: Node_): SVGGElement | string {
  const wanted = name.startsWith("step ") ? (node: Node_) => node.kind === "step" && `step ${node.name}` === name
    : (node: Node_) => node.kind === "value" && node.name === name;
  const from = [...placed.boxes.keys()].find(wanted);
  const [a, b] = [from && placed.boxes.get(from), placed.boxes.get(to)];
  if (from === undefined || a === undefined || b === undefined) return "";
  const step = from.kind === "step" ? from : to.kind === "step" ? to : null;
  const state = step === null ? "none" : step.failed ? "fail" : step.step.held.length > 0 ? "pass" : "none";
  const [x1, y1, x2, y2] = placed.along === "across"
    ? [a.x + a.width, a.y + a.height / 2, b.x, b.y + b.height / 2]
    : [a.x + a.width / 2, a.y + a.height, b.x + b.width / 2, b.y];
  const middle = placed.along === "across" ? (x1 + x2) / 2 : (y1 + y2) / 2;
  const line = placed.along === "across"
    ? `M${x1} ${y1}C${middle} ${y1} ${middle} ${y2} ${x2 - 3} ${y2}`
    : `M${x1} ${y1}C${x1} ${middle} ${x2} ${middle} ${x2} ${y2 - 3}`;
  const head = placed.along === "across" ? `M${x2 - 7} ${y2 - 4}L${x2 - 1} ${y2}l-6 4` : `M${x2 - 4} ${y2 - 7}L${x2} ${y2 - 1}l4 -6`;
  return svg("g", { class: "edge", "data-state": state }, svg("path", { d: line }), svg("path", { d: head }));
}

function box(node: Node_, placed: Placed): SVGGElement {
  const at = placed.boxes.get(node)!;
  const group = svg("g", { transform: `translate(${at.x} ${at.y})`, class: node.kind, "data-state": stateOf(node) });
  group.append(svg("rect", { class: "card", x: 0.5, y: 0.5, width: at.width - 1, height: at.height - 1, rx: node.kind === "value" ? 18 : 10 }));
  const draw = node.kind === "value" ? (placed.along === "across" ? tallValue : flatValue) : placed.along === "across" ? tallStep : flatStep;
  group.append(...(draw as (node: Node_, at: Box) => readonly SVGElement[])(node, at));
  return group;
}

function stateOf(node: Node_): string {
  if (node.failed) return "fail";
  if (node.kind === "value") return node.shown ? "shown" : "hidden";
  return node.step.held.length > 0 ? "pass" : node.step.pending.length > 0 ? "pending" : "none";
}

function tallValue(node: ValueNode, at: Box): readonly SVGElement[] {
  const middle = at.width / 2;
  const line = (y: number, name: string, words: string, size: number, mono = false) =>
    words_(words, { x: middle, y, class: name, "text-anchor": "middle" }, size, at.width - 16, mono);
  return [
    svg("g", { transform: `translate(${middle - 28} 14)` }, ...face(node, 56)),
    line(92, "name", node.name, 14),
    line(109, "kind", typeWords(node.type).split(" · ")[0] ?? "", 10.5),
    line(130, "hash", shortCommitment(node.commitment), 10.5, true),
    line(144, "kind", algorithm(node.commitment), 9.5),
  ];
}

function flatValue(node: ValueNode, at: Box): readonly SVGElement[] {
  const room = at.width - 92;
  return [
    svg("g", { transform: "translate(14 13)" }, ...face(node, 52)),
    words_(node.name, { x: 80, y: 27, class: "name" }, 14, room),
    words_(typeWords(node.type), { x: 80, y: 44, class: "kind" }, 11, room),
    words_(`${algorithm(node.commitment)} ${shortCommitment(node.commitment)}`, { x: 80, y: 62, class: "hash" }, 10.5, room, true),
  ];
}

function tallStep(node: StepNode, at: Box): readonly SVGElement[] {
  const chips = chipsOf(node);
  const room = at.width - 28;
  const first = at.height - 14 - chips.length * 28 + 4;
  return [
    words_(node.name, { x: 14, y: 30, class: "name" }, 16, room),
    words_(functionWords(node.step.function), { x: 14, y: 50, class: "hash" }, 10.5, room, true),
    ...chips.map((chip, index) => chipAt(chip, 14, first + index * 28, room)),
  ];
}

function flatStep(node: StepNode, at: Box): readonly SVGElement[] {
  const chips = chipsOf(node);
  const wide = 124;
  const first = (at.height - chips.length * 28 + 4) / 2;
  const room = at.width - wide - 36;
  return [
    words_(node.name, { x: 16, y: 36, class: "name" }, 16, room),
    words_(functionWords(node.step.function), { x: 16, y: 55, class: "hash" }, 10.5, room, true),
    ...chips.map((chip, index) => chipAt(chip, at.width - wide - 12, first + index * 28, wide)),
  ];
}

interface Chip {
  readonly sign: Sign;
  readonly words: string;
  readonly state: "fail" | "none" | "pass" | "pending";
}

/** One for each method that is promised or holds. */
function chipsOf(node: StepNode): readonly Chip[] {
  const { promised, held, pending } = node.step;
  const methods = [...new Set([...promised, ...held])];
  if (methods.length === 0) return [{ sign: "none", words: "operator's word", state: "none" }];
  return methods.map((method): Chip => {
    if (held.includes(method)) return { sign: method, words: NAMES[method], state: "pass" };
    if (pending.includes(method)) return { sign: "pending", words: `${NAMES[method]} pending`, state: "pending" };
    return { sign: method, words: `${NAMES[method]} not shown`, state: node.failed ? "fail" : "none" };
  });
}

const NAMES: Readonly<Record<Method, string>> = { recompute: "recomputed", tee: "tee", zk: "zk" };

function chipAt(chip: Chip, x: number, y: number, width: number): SVGElement {
  return svg("g", { class: "chip", "data-state": chip.state, transform: `translate(${x} ${y})` },
    svg("rect", { width, height: 24, rx: 12 }),
    svg("g", { class: "sign", transform: "translate(8 4) scale(0.667)" }, ...strokes(chip.sign)),
    words_(chip.words, { x: 28, y: 16, class: "method" }, 11.5, width - 34),
    chip.state === "pass" && svg("g", { class: "sign", transform: `translate(${width - 20} 5) scale(0.583)` }, ...strokes("pass")));
}

/** What a value looks like: a picture, a number, or a lock. */
function face(node: ValueNode, size: number): readonly SVGElement[] {
  const value = node.shown;
  if (value && isPicture(value)) return [cells(value, size)];
  const integers = value?.integers;
  if (integers?.length === 1) {
    return [svg("text", { class: "figure", x: size / 2, y: size * 0.8, "text-anchor": "middle", "font-size": size * 0.78 }, String(integers[0]))];
  }
  if (integers && integers.length <= 64) return bars(integers, size);
  const sign = value ? "M4 7h16M4 12h16M4 17h10" : "M7 11V8a5 5 0 0 1 10 0v3M5 11h14v9H5z";
  return [svg("path", { class: value ? "sign" : "lock", d: sign, transform: `scale(${size / 24})` })];
}

function bars(integers: readonly number[], size: number): readonly SVGElement[] {
  const [low, high] = [Math.min(0, ...integers), Math.max(0, ...integers)];
  const unit = size / (high - low || 1);
  const step = size / integers.length;
  const most = Math.max(...integers);
  return integers.map((integer, index) =>
    svg("rect", {
      class: integer === most ? "bar greatest" : "bar", x: index * step, width: Math.max(1, step - 1),
      y: (high - Math.max(0, integer)) * unit, height: Math.max(1, Math.abs(integer) * unit),
    }));
}

/** Text cut to a width; the whole of it is in the title. */
function words_(words: string, attributes: Record<string, string | number>, size: number, room: number, mono = false): SVGTextElement {
  const most = Math.floor(room / (size * (mono ? 0.61 : 0.56)));
  const cut = words.length > most ? `${words.slice(0, Math.max(1, most - 1))}…` : words;
  return svg("text", { ...attributes, "font-size": size }, cut, cut !== words && svg("title", {}, words));
}

function algorithm(commitment: string): string {
  return commitment.split(":")[0]?.replace("-bls12-381", "") ?? "";
}

function shortCommitment(commitment: string): string {
  const hex = commitment.split(":")[1] ?? "";
  return `${hex.slice(0, 5)}…${hex.slice(-5)}`;
}

function functionWords(words: string): string {
  return words.replace(/([0-9a-f]{6})[0-9a-f]{54}([0-9a-f]{4})/, "$1…$2");
}

function inWords(step: Step, report: Report): string {
  const list = (names: readonly string[]) => (names.length === 0 ? "nothing" : names.join(" and "));
  const commitments = step.outputs.map((name) => report.values.find((value) => value.name === name)?.commitment);
  const shown = commitments.filter((commitment) => commitment !== undefined);
  return `${step.name} (${step.function}) takes ${list(step.inputs)} and gives ${list(step.outputs)}` +
    `${shown.length > 0 ? `, committed as ${shown.join(", ")}` : ""}. Promised: ${list(step.promised)}. ` +
    `Shown by: ${list(step.held)}. Pending: ${list(step.pending)}.`;
}
