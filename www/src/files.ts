/** Telling receipts, policies and values apart, by what is in them. */

import { MAX_FILE } from "./limits.js";
import { isPng } from "./picture.js";
import { isPolicy, policyWords } from "./policy.js";
import { type Given, look, receiptBytes } from "./state.js";
import type { Chosen } from "./values.js";

export type Slot = { readonly for: "policy" } | { readonly for: "receipt" } | { readonly for: "value"; readonly name: string };

/** A file's bytes. Errors: a sentence that names the file, and the limit. */
export async function chosen(file: File): Promise<Chosen> {
  if (file.size > MAX_FILE) {
    throw new Error(`${file.name} has ${megabytes(file.size)} MB: this page reads files of at most ${megabytes(MAX_FILE)} MB.`);
  }
  try {
    return { name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) };
  } catch (error) {
    throw new Error(`${file.name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}

/** Puts a file into a slot; a changed byte belongs to the receipt it was changed in. */
export function put(given: Given, slot: Slot, file: Chosen): Given {
  switch (slot.for) {
    case "policy":
      return settled({ ...given, policy: file });
    case "receipt":
      return settled({ ...given, receipt: file, flip: null });
    case "value":
      return { ...given, values: new Map(given.values).set(slot.name, file) };
  }
}

/** Where dropped files go. Policies and receipts first: they name the values. */
export function place(given: Given, files: readonly Chosen[]): Given {
  const rank = (file: Chosen) => ["policy", "receipt", "other"].indexOf(kindOf(file));
  const sorted = [...files].sort((a, b) => rank(a) - rank(b));
  return sorted.reduce((known, file) => put(known, slotOf(known, file), file), given);
}

/** The values to ask for: what the policy wants from the caller, what the receipt leaves to the caller, and whatever was given. */
export function wantedValues(given: Given): readonly { readonly name: string; readonly received: boolean }[] {
  const { wanted, outputs } = named(given);
  const names = new Set([...wanted, ...given.values.keys()]);
  return [...names].map((name) => ({ name, received: outputs.has(name) }));
}

/** The values that policy and receipt know, those of them that the caller has to bring, and those that a step gave. */
function named(given: Given): {
  readonly known: ReadonlySet<string>; readonly wanted: readonly string[]; readonly outputs: ReadonlySet<string>;
} {
  const words = given.policy && policyWords(given.policy.bytes);
  const receipt = receiptBytes(given);
  const view = receipt && look(receipt);
  const detached = (view?.openings ?? []).filter((opening) => opening.bytes === null).map((opening) => opening.value);
  return {
    known: new Set([...(words?.types.keys() ?? []), ...detached]),
    wanted: [...new Set([...(words?.callerInputs ?? []), ...detached])],
    outputs: new Set(view?.operation.steps.flatMap((step) => step.outputs) ?? []),
  };
}

/** A policy or receipt that comes after the values: those it does not know go where it wants one. */
function settled(given: Given): Given {
  const { known, wanted } = named(given);
  if (known.size === 0) return given;
  const values = new Map([...given.values].filter(([name]) => known.has(name)));
  for (const [name, file] of given.values) {
    const free = wanted.find((wants) => !values.has(wants));
    if (!known.has(name) && free !== undefined) values.set(free, file);
  }
  return { ...given, values };
}

function slotOf(given: Given, file: Chosen): Slot {
  switch (kindOf(file)) {
    case "policy":
      return { for: "policy" };
    case "receipt":
      return { for: "receipt" };
    case "other": {
      const { known, wanted } = named(given);
      const stem = file.name.replace(/\.[^.]*$/, "");
      const free = wanted.find((name) => !given.values.has(name));
      return { for: "value", name: known.has(stem) ? stem : (free ?? wanted[0] ?? stem) };
    }
  }
}

function kindOf(file: Chosen): "other" | "policy" | "receipt" {
  if (file.name.endsWith(".cbor")) return "receipt";
  if (isPng(file.bytes) || file.name.endsWith(".bin")) return "other";
  if (file.bytes[0] === 0xa4) return "receipt"; // a map of four
  try {
    return isPolicy(JSON.parse(new TextDecoder().decode(file.bytes))) ? "policy" : "other";
  } catch {
    return "other";
  }
}
