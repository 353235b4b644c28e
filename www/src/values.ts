/** From a file that somebody has to the bytes of a value, as the command line does it. */

import type { TensorType, Type } from "assay-verifier";
import { decode, isPng, levels } from "./picture.js";

/** A file that was chosen or dropped. */
export interface Chosen {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Bytes of a value of this type. Errors: sentences for people. */
export async function valueOf(file: Chosen, type: Type): Promise<Uint8Array> {
  if (!("dtype" in type) || file.name.endsWith(".bin")) return file.bytes;
  if (isPng(file.bytes)) return levels(await decode(file.bytes), type);
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(file.bytes));
  } catch {
    throw new Error(`${file.name} is neither PNG nor JSON`);
  }
  return encoded(type, [json].flat(Infinity));
}

/** Integers in the tensor's element type, little-endian. */
function encoded(type: TensorType, elements: readonly unknown[]): Uint8Array {
  if (type.dtype === "f32") throw new Error("a tensor of f32 is given as its bytes, in a .bin file");
  const count = type.shape.reduce((product, dimension) => product * dimension, 1);
  if (elements.length !== count) throw new Error(`expected ${count} integers, found ${elements.length}`);
  const { width, low, high, set } = INTEGERS[type.dtype];
  const out = new DataView(new ArrayBuffer(width * count));
  elements.forEach((element, index) => {
    if (!Number.isInteger(element) || (element as number) < low || (element as number) > high) {
      throw new Error(`${JSON.stringify(element)} is no ${type.dtype}`);
    }
    set(out, index * width, element as number);
  });
  return new Uint8Array(out.buffer);
}

const INTEGERS = {
  i8: { width: 1, low: -(2 ** 7), high: 2 ** 7 - 1, set: (to: DataView, at: number, x: number) => to.setInt8(at, x) },
  i16: { width: 2, low: -(2 ** 15), high: 2 ** 15 - 1, set: (to: DataView, at: number, x: number) => to.setInt16(at, x, true) },
  i32: { width: 4, low: -(2 ** 31), high: 2 ** 31 - 1, set: (to: DataView, at: number, x: number) => to.setInt32(at, x, true) },
  u8: { width: 1, low: 0, high: 2 ** 8 - 1, set: (to: DataView, at: number, x: number) => to.setUint8(at, x) },
} as const;
