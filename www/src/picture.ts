/**
 * From a PNG to a u8 tensor, by FORMAT.md §2.6, in integers.
 *
 * A canvas would be shorter, but it may manage colours; a commitment forgives no level.
 */

import type { TensorType } from "assay-verifier";

/** Luma, 0 black to 255 white, row by row. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly luma: Uint8Array;
}

/** Widest and highest picture that is read. */
const MAX_SIDE = 4096;
const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((byte, at) => bytes[at] === byte);
}

/** Decodes a PNG of any colour type and depth. Transparency is laid over black. */
export async function decode(png: Uint8Array): Promise<Picture> {
  const { header, palette, transparent, data } = chunks(png);
  const passes = header.interlaced ? ADAM7 : [[0, 0, 1, 1] as const];
  const sizes = passes.map(([x, y, dx, dy]) => ({
    x, y, dx, dy,
    width: Math.ceil((header.width - x) / dx),
    height: Math.ceil((header.height - y) / dy),
  })).filter((pass) => pass.width > 0 && pass.height > 0);
  const bits = header.depth * CHANNELS[header.colour]!;
  const rowBytes = (width: number) => Math.ceil((width * bits) / 8);
  const total = sizes.reduce((sum, pass) => sum + pass.height * (1 + rowBytes(pass.width)), 0);
  const raw = await inflate(data, total);
  const luma = new Uint8Array(header.width * header.height);
  const step = Math.max(1, bits >> 3);
  let at = 0;
  for (const pass of sizes) {
    const length = rowBytes(pass.width);
    let above = new Uint8Array(length);
    for (let row = 0; row < pass.height; row++) {
      const line = unfilter(raw[at]!, raw.subarray(at + 1, at + 1 + length), above, step);
      at += 1 + length;
      for (let column = 0; column < pass.width; column++) {
        const place = (pass.y + row * pass.dy) * header.width + pass.x + column * pass.dx;
        luma[place] = grey(line, column, header, palette, transparent);
      }
      above = line;
    }
  }
  return { width: header.width, height: header.height, luma };
}

/** Whether a picture can become such a tensor, and the level of white there. */
export function white(tensor: TensorType): number | null {
  return tensor.dtype === "u8" && tensor.scale <= 0 && tensor.scale > -8 ? 2 ** -tensor.scale : null;
}

/** Exact area averages over the tensor's last two dimensions, as levels 0 to white, half up. */
export function levels(picture: Picture, tensor: TensorType): Uint8Array {
  const top = white(tensor);
  const [rows, columns] = tensor.shape.slice(-2);
  if (top === null || rows === undefined || columns === undefined) {
    throw new Error("no picture becomes a tensor of this type; give it as JSON");
  }
  if (tensor.shape.slice(0, -2).some((dimension) => dimension !== 1)) {
    throw new Error("one picture becomes one grey image");
  }
  const down = spans(picture.height, rows);
  const across = spans(picture.width, columns);
  // In units of (1/rows) × (1/columns) of a pixel, a cell has height × width of them. All numbers
  // here stay below 2^41: doubles hold them exactly.
  const area = picture.width * picture.height;
  const out = new Uint8Array(rows * columns);
  down.forEach((row, y) => {
    across.forEach((column, x) => {
      let sum = 0;
      for (const [i, tall] of row) {
        for (const [j, wide] of column) sum += picture.luma[i * picture.width + j]! * tall * wide;
      }
      out[y * columns + x] = quotient(2 * top * sum + 255 * area, 2 * 255 * area);
    });
  });
  return out;
}

interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

/** Samples of a pixel, by colour type. */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16],
};
/** First column, first row, and the distances between them, of the seven passes. */
const ADAM7 = [
  [0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2],
] as const;

function chunks(png: Uint8Array) {
  const words = new DataView(png.buffer, png.byteOffset, png.byteLength);
  let header: Header | undefined;
  let palette = new Uint8Array();
  let transparent: Uint8Array | undefined;
  const data: Uint8Array[] = [];
  for (let at = SIGNATURE.length; ; ) {
    if (at + 12 > png.length) throw new Error("the picture ends too early");
    const length = words.getUint32(at);
    if (at + 12 + length > png.length) throw new Error("the picture ends too early");
    const kind = String.fromCharCode(...png.subarray(at + 4, at + 8));
    const body = png.subarray(at + 8, at + 8 + length);
    if (crc(png.subarray(at + 4, at + 8 + length)) !== words.getUint32(at + 8 + length)) {
      throw new Error("the picture is damaged: a checksum differs");
    }
    if (kind === "IHDR") header = read(body);
    else if (kind === "PLTE") palette = body.slice();
    else if (kind === "tRNS") transparent = body;
    else if (kind === "IDAT") data.push(body);
    else if (kind === "IEND") break;
    at += 12 + length;
  }
  if (header === undefined) throw new Error("the picture has no header");
  return { header, palette, transparent, data };
}

function read(body: Uint8Array): Header {
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  const [width, height] = [view.getUint32(0), view.getUint32(4)];
  const [depth, colour, interlace] = [view.getUint8(8), view.getUint8(9), view.getUint8(12)];
  if (width === 0 || height === 0 || width > MAX_SIDE || height > MAX_SIDE) {
    throw new Error(`a picture has at most ${MAX_SIDE} × ${MAX_SIDE} pixels, found ${width} × ${height}`);
  }
  if (!DEPTHS[colour]?.includes(depth) || interlace > 1) throw new Error("the picture has an unknown form");
  return { width, height, depth, colour, interlaced: interlace === 1 };
}

/** Exactly `total` bytes: no more are ever held. */
async function inflate(data: readonly Uint8Array[], total: number): Promise<Uint8Array> {
  const packed = new Blob(data.map((part) => part.slice())).stream();
  const reader = packed.pipeThrough(new DecompressionStream("deflate")).getReader();
  const out = new Uint8Array(total);
  let at = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const take = value.subarray(0, total - at);
    out.set(take, at);
    at += take.length;
    if (at === total) {
      await reader.cancel();
      return out;
    }
  }
  throw new Error("the picture ends too early");
}

function unfilter(kind: number, line: Uint8Array, above: Uint8Array, step: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(line.length);
  for (let at = 0; at < line.length; at++) {
    const left = at < step ? 0 : out[at - step]!;
    const up = above[at]!;
    const corner = at < step ? 0 : above[at - step]!;
    out[at] = line[at]! + predicted(kind, left, up, corner); // modulo 256
  }
  return out;
}

function predicted(kind: number, left: number, up: number, corner: number): number {
  switch (kind) {
    case 0: return 0;
    case 1: return left;
    case 2: return up;
    case 3: return (left + up) >> 1;
    case 4: {
      const guess = left + up - corner;
      const [a, b, c] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
      return a <= b && a <= c ? left : b <= c ? up : corner;
    }
    default: throw new Error("the picture has an unknown filter");
  }
}

/** One pixel of a row as luma over black. */
function grey(
  line: Uint8Array, column: number, header: Header, palette: Uint8Array, transparent: Uint8Array | undefined,
): number {
  const channels = CHANNELS[header.colour]!;
  const raw = Array.from({ length: channels }, (_, i) => sample(line, column * channels + i, header.depth));
  if (header.colour === 3) {
    const [r, g, b] = palette.subarray(3 * raw[0]!, 3 * raw[0]! + 3);
    if (r === undefined || g === undefined || b === undefined) throw new Error("a colour is not in the palette");
    return overBlack(colour(r, g, b), transparent?.[raw[0]!] ?? 255);
  }
  const eight = raw.map((value) => to8(value, header.depth));
  const keyed = transparent !== undefined && raw.every(
    (value, i) => value === ((transparent[2 * i]! << 8) | transparent[2 * i + 1]!),
  );
  const [first, second, third, fourth] = eight as [number, number, number, number];
  switch (header.colour) {
    case 0: return keyed ? 0 : first;
    case 2: return keyed ? 0 : colour(first, second, third);
    case 4: return overBlack(first, second);
    default: return overBlack(colour(first, second, third), fourth);
  }
}

function sample(line: Uint8Array, index: number, depth: number): number {
  if (depth === 16) return (line[2 * index]! << 8) | line[2 * index + 1]!;
  if (depth === 8) return line[index]!;
  const bit = index * depth;
  return (line[bit >> 3]! >> (8 - depth - (bit & 7))) & ((1 << depth) - 1);
}

/** Small depths are stretched, large ones cut. */
function to8(value: number, depth: number): number {
  return depth === 16 ? value >> 8 : (value * 255) / ((1 << depth) - 1);
}

function colour(r: number, g: number, b: number): number {
  return quotient(299 * r + 587 * g + 114 * b + 500, 1000);
}

function overBlack(value: number, alpha: number): number {
  return quotient(value * alpha + 127, 255);
}

function quotient(a: number, b: number): number {
  return (a - (a % b)) / b;
}

/** For each of `cells` cells along `pixels` pixels: the pixels it covers, and how many 1/cells of each. */
function spans(pixels: number, cells: number): (readonly [number, number])[][] {
  return Array.from({ length: cells }, (_, cell) => {
    const [from, to] = [cell * pixels, (cell + 1) * pixels];
    const first = quotient(from, cells);
    const last = Math.ceil(to / cells);
    return Array.from({ length: last - first }, (_, i) => {
      const pixel = first + i;
      return [pixel, Math.min(to, (pixel + 1) * cells) - Math.max(from, pixel * cells)] as const;
    });
  });
}

function crc(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum >>> 0;
}
