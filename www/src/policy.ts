/**
 * What a policy says, read only to be shown and to know which files to ask for. The verifier reads
 * the same bytes itself, strictly; nothing here decides anything.
 */

import type { Type } from "assay-verifier";

export interface PolicyWords {
  readonly operation: string;
  /** Types of all values of its plans. */
  readonly types: ReadonlyMap<string, Type>;
  /** Inputs that you have to bring. */
  readonly callerInputs: readonly string[];
  readonly images: readonly ImageWords[];
  readonly nonce: string | null;
}

export interface ImageWords {
  readonly name: string;
  /** DER of a root other than AWS's, in hexadecimal. */
  readonly otherRoot: string | null;
  readonly pcr0: string | null;
}

/** Null where it is no JSON object with releases; the verifier says why. */
export function policyWords(bytes: Uint8Array): PolicyWords | null {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
  if (!isPolicy(json)) return null;
  const releases = list(record(json)["releases"]).map(record);
  const values = releases.flatMap((release) => list(record(release["plan"])["values"])).map(record);
  const inputs = Object.entries(record(record(json)["inputs"]));
  return {
    operation: text(record(json)["operation"]) ?? "",
    types: new Map(values.map((value) => [text(value["name"]) ?? "", record(value["type"]) as unknown as Type])),
    callerInputs: inputs.filter(([, rule]) => rule === "caller_bytes").map(([name]) => name),
    images: releases.flatMap((release) => Object.entries(record(release["images"])).map(([name, image]) => ({
      name: releases.length === 1 ? name : `${text(release["name"]) ?? ""} ${name}`,
      otherRoot: text(record(image)["accept_root_other_than_aws"]),
      pcr0: text(record(record(image)["pcrs"])["0"]),
    }))),
    nonce: text(record(json)["nonce"]),
  };
}

/** An object with releases: what tells a policy from a tensor among dropped files. */
export function isPolicy(json: unknown): boolean {
  return typeof json === "object" && json !== null && !Array.isArray(json) && "releases" in json;
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}

function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function text(value: unknown): string | null {
  return typeof value === "string" ? value : null;
}
