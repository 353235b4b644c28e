/** A u8 tensor of one grey picture, drawn as one. */

import type { Type, Value } from "assay-verifier";
import { svg } from "../dom.js";

type Picture = Value & { readonly integers: readonly number[] };

/** Most cells that are drawn: each is an element of the page. */
const MAX_CELLS = 4096;

export function isPicture(value: Value): value is Picture {
  return value.integers !== undefined && value.integers.length <= MAX_CELLS && sides(value.type) !== null;
}

/** Rows and columns of a type that holds one grey picture. */
export function sides(type: Type): readonly [number, number] | null {
  if (!("dtype" in type) || type.dtype !== "u8" || type.scale > 0 || type.scale < -7) return null;
  const [rows, columns] = type.shape.slice(-2);
  const one = type.shape.slice(0, -2).every((dimension) => dimension === 1);
  return one && rows !== undefined && columns !== undefined && rows > 1 && columns > 1 ? [rows, columns] : null;
}

export function picture(value: Picture, size: number): SVGSVGElement {
  return svg("svg", { class: "picture", width: size, height: size, role: "img", "aria-label": `${value.name}, as a picture` },
    cells(value, size));
}

/** One path for each grey. */
export function cells(value: Picture, size: number): SVGGElement {
  const [rows, columns] = sides(value.type) ?? [1, 1];
  const white = "scale" in value.type ? 2 ** -value.type.scale : 255;
  const side = size / Math.max(rows, columns);
  const [left, top] = [(size - side * columns) / 2, (size - side * rows) / 2];
  const greys = new Map<number, string[]>();
  value.integers.forEach((level, at) => {
    const grey = Math.round((Math.min(level, white) * 255) / white);
    const [x, y] = [left + (at % columns) * side, top + Math.floor(at / columns) * side];
    const square = `M${x.toFixed(2)} ${y.toFixed(2)}h${side.toFixed(2)}v${side.toFixed(2)}h-${side.toFixed(2)}z`;
    const known = greys.get(grey);
    if (known) known.push(square);
    else greys.set(grey, [square]);
  });
  const paths = [...greys].map(([grey, squares]) =>
    svg("path", { d: squares.join(""), fill: `rgb(${grey} ${grey} ${grey})`, "shape-rendering": "crispEdges" }));
  return svg("g", {}, ...paths);
}
