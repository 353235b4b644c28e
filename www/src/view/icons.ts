/** Small signs, drawn with strokes; the words beside them say the same. */

import { svg } from "../dom.js";

const SIGNS = {
  accepted: ["M5 12.5l4.5 4.5L19 7.5"],
  file: ["M7 3.5h7l4 4v13H7z", "M14 3.5v4h4"],
  fail: ["M7 7l10 10", "M17 7L7 17"],
  info: ["M12 11v6", "M12 7.2v.1"],
  none: ["M6 12h12"],
  pass: ["M6 12.5l4 4 8-9"],
  pending: ["M12 7v5l3.5 2", "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18"],
  recompute: ["M19 12a7 7 0 1 1-2.2-5.1", "M19 4v4h-4"],
  refused: ["M7 7l10 10", "M17 7L7 17"],
  skip: ["M7 12h10"],
  tee: ["M12 3l7 3v5.5c0 4.5-3 8-7 9.5-4-1.500-7-5-7-9.500V6z"],
  waiting: ["M8 12h.1", "M12 12h.1", "M16 12h.1"],
  warning: ["M12 4l9 16H3z", "M12 10v4.500", "M12 17.2v.1"],
  zk: ["M8 6h9l-6 6 6 6H8"],
} as const;

export type Sign = keyof typeof SIGNS;

export function mark(sign: Sign, size = 24): SVGSVGElement {
  return svg("svg", { viewBox: "0 0 24 24", width: size, height: size, class: "sign", "aria-hidden": "true" }, ...strokes(sign));
}

export function strokes(sign: Sign): readonly SVGPathElement[] {
  return SIGNS[sign].map((d) => svg("path", { d }));
}
