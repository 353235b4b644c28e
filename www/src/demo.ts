/**
 * `?demo`: an example that lies beside the page, as `demo/demo.json` lists it:
 * `{"receipt": "receipt.cbor", "policy": "policy.json", "values": {"image": "image.png"}, "clock": "archived"}`.
 */

import { type Given, NOTHING } from "./state.js";
import type { Chosen } from "./values.js";

interface Example {
  readonly receipt: string;
  readonly policy: string;
  readonly values?: Readonly<Record<string, string>>;
  readonly clock?: "archived" | "now" | number;
}

export async function demo(): Promise<Given> {
  const list = new TextDecoder().decode((await fetched("demo.json")).bytes);
  const example = JSON.parse(list) as Example;
  const values = Object.entries(example.values ?? {}).map(async ([name, path]) => [name, await fetched(path)] as const);
  return {
    ...NOTHING,
    receipt: await fetched(example.receipt),
    policy: await fetched(example.policy),
    values: new Map(await Promise.all(values)),
    clock: clock(example.clock),
  };
}

function clock(wanted: Example["clock"]): Given["clock"] {
  if (wanted === "archived") return { is: "archived" };
  return typeof wanted === "number" ? { is: "at", nowMs: wanted } : { is: "now" };
}

/** A file beside the page, and nowhere else. */
async function fetched(path: string): Promise<Chosen> {
  const folder = new URL("demo/", location.href);
  const url = new URL(path, folder);
  if (!url.href.startsWith(folder.href)) throw new Error(`${path} is not beside the page`);
  const response = await fetch(url);
  if (!response.ok) throw new Error(`demo/${path} cannot be loaded: ${response.status}`);
  return { name: path.split("/").at(-1) ?? path, bytes: new Uint8Array(await response.arrayBuffer()) };
}
