/** Elements without markup in strings, and without what cannot be seen: what a receipt says is neither markup nor a trick of direction. */

import { printable } from "./printable.js";

type Child = Node | string | null | undefined | false;
type Attributes = Readonly<Record<string, string | number | boolean | null | undefined>>;

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

export function svg<K extends keyof SVGElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: readonly Child[]
): SVGElementTagNameMap[K] {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

/** The element of the page with this id: the markup promises it. */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} #${id}`);
  return found;
}

/** A long hash in a short form; the whole of it is there, drawn as one sign in the middle, so that the whole is what gets copied. */
export function hash(hex: string, keep = 8): HTMLElement {
  if (hex.length <= 2 * keep + 1) return el("code", { class: "hash" }, hex);
  return el("code", { class: "hash", title: hex }, hex.slice(0, keep), el("span", { class: "rest" }, hex.slice(keep, -keep)), hex.slice(-keep));
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    element.setAttribute(name, value === true ? "" : printable(String(value)));
  }
  for (const child of children) {
    if (child === null || child === undefined || child === false) continue;
    element.append(typeof child === "string" ? printable(child) : child);
  }
  return element;
}
