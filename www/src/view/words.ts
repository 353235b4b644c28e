/** Times and types as people write them. */

import type { Report, Type } from "assay-verifier";

export function clock(report: Report): string {
  if (report.mode.clock === "archived") return "archived: as of the attestation's own time";
  return `as of ${moment(report.mode.now_ms)}`;
}

/** A time for people, in UTC: everyone sees the same. */
export function moment(ms: number): string {
  const date = new Date(ms);
  return Number.isNaN(date.getTime()) ? `${ms} ms` : `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export function typeWords(type: Type): string {
  if ("media" in type) return type.media;
  const scale = type.scale === 0 ? "" : ` · 2^${type.scale}`;
  return `${type.dtype} ${type.shape.join("×")}${scale}`;
}
