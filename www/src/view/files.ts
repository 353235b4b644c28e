/** The slots for receipt, policy and inputs. */

import { el } from "../dom.js";
import { type Slot, wantedValues } from "../files.js";
import type { Given, State } from "../state.js";
import type { Chosen } from "../values.js";
import { type Sign, mark } from "./icons.js";
import { attester } from "./warning.js";

export function slots(given: Given, state: State, choose: (slot: Slot, file: File) => void): readonly Node[] {
  // A file is there, no more: only of a receipt is there a verdict.
  const sign = state.is === "judged" ? (state.report.code !== undefined ? "refused" : attester(state.report) === "aws-or-none" ? "accepted" : "warning") : "file";
  const values = wantedValues(given);
  return [
    one({ for: "receipt" }, "Receipt", "a .cbor file", given.receipt, ".cbor", choose, sign, given.flip !== null),
    one({ for: "policy" }, "Policy", "a .json file", given.policy, ".json,application/json", choose, "file"),
    ...values.map(({ name, received }) =>
      one({ for: "value", name }, `What you ${received ? "received" : "sent"}: ${name}`, "a picture, JSON or bytes", given.values.get(name) ?? null, "", choose, "file")),
  ];
}

function one(
  slot: Slot, title: string, hint: string, file: Chosen | null, accept: string, choose: (slot: Slot, file: File) => void, sign: Sign, changed = false,
) {
  const key = slot.for === "value" ? `value-${slot.name}` : slot.for;
  const input = el("input", { type: "file", id: `file-${key}`, accept });
  input.addEventListener("change", () => {
    const chosen = input.files?.[0];
    if (chosen) choose(slot, chosen);
  });
  return el("label", { class: "slot", for: `file-${key}`, "data-filled": file !== null, "data-sign": file === null ? "none" : sign },
    input,
    mark(file === null ? "none" : sign, 20),
    el("span", { class: "slot-words" },
      el("strong", {}, title),
      el("span", { class: "muted" }, file === null ? `Choose or drop ${hint}` : `${file.name}, ${size(file.bytes.length)}${changed ? ", one changed" : ""}`)));
}

function size(bytes: number): string {
  return bytes < 10_000 ? `${bytes} bytes` : `${(bytes / 1000).toFixed(1)} kB`;
}
