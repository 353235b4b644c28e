// Pictures to tensors as the page does it, against the rule and against the command line.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { before, test } from "node:test";
import { pathToFileURL } from "node:url";
import { deflateSync } from "node:zlib";
import { explain, ready, reportText } from "../../verifier-wasm/dist/index.js";
import * as cli from "./cli.mjs";
import { temporary } from "./folder.mjs";
import { ROOT, read } from "./vectors.mjs";

const TENSOR = { dtype: "u8", shape: [1, 1, 8, 8], scale: -4 };
const fixture = read(join(ROOT, "tests/node/fixtures/accepted_live.txt"));
let valueOf;

before(async () => {
  await ready();
  const out = temporary();
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const done = spawnSync(process.execPath, [tsc, "-p", join(ROOT, "www"), "--noEmit", "false", "--outDir", out], { encoding: "utf8" });
  assert.equal(done.status, 0, done.stdout);
  writeFileSync(join(out, "package.json"), '{"type": "module"}');
  ({ valueOf } = await import(pathToFileURL(join(out, "values.js"))));
});

const IMAGES = join(ROOT, "models/digits/images");
for (const name of readdirSync(IMAGES).filter((name) => name.endsWith(".png"))) {
  test(`as the command line: ${name}`, () => agrees(readFileSync(join(IMAGES, name))));
}

// Every colour type and depth, plain and interlaced, with and without a transparent colour.
const FORMS = [
  { colour: 0, depths: [1, 2, 4, 8, 16] }, { colour: 2, depths: [8, 16] }, { colour: 3, depths: [1, 2, 4, 8] },
  { colour: 4, depths: [8, 16] }, { colour: 6, depths: [8, 16] },
];
for (const { colour, depths } of FORMS) {
  for (const depth of depths) {
    for (const interlaced of [false, true]) {
      for (const transparent of colour === 4 || colour === 6 ? [false] : [false, true]) {
        const name = `colour type ${colour}, ${depth} bits${interlaced ? ", interlaced" : ""}${transparent ? ", with a transparent colour" : ""}`;
        test(`as the command line: ${name}`, () => agrees(png({ colour, depth, interlaced, transparent, width: 13, height: 11 })));
      }
    }
  }
}

test("a picture of the tensor's size keeps its levels", async () => {
  const rows = Array.from({ length: 8 }, (_, y) => [0, ...fixture.values.image.slice(8 * y, 8 * y + 8)].map((level, x) => (x ? Math.round((level * 255) / 16) : 0)));
  const bytes = file({ colour: 0, depth: 8, interlaced: false, width: 8, height: 8, raw: Uint8Array.from(rows.flat()) });
  assert.deepEqual([...(await valueOf({ name: "image.png", bytes }, TENSOR))], [...fixture.values.image]);
});

test("larger and smaller pictures are averaged by area, half up", async () => {
  const level = async (raw, width, tensor) => [...(await valueOf({ name: "p.png", bytes: file({ colour: 0, depth: 8, interlaced: false, width, height: 1, raw }) }, tensor))];
  const tensor = { dtype: "u8", shape: [1, 2], scale: -4 };
  // Three pixels to two cells: one whole and half of the middle one. 16 · (255 · 2/3) / 255 = 10.67.
  assert.deepEqual(await level(Uint8Array.of(0, 255, 0, 0), 3, tensor), [11, 0]);
  // 8 / 255 of white in sixteenths is 0.50196…, 7 / 255 is 0.439…
  assert.deepEqual(await level(Uint8Array.of(0, 8, 7), 2, tensor), [1, 0]);
});

test("JSON is nested lists of integers that the type has", async () => {
  const json = (text, tensor) => valueOf({ name: "v.json", bytes: new TextEncoder().encode(text) }, tensor);
  const i16 = { dtype: "i16", shape: [2], scale: 0 };
  assert.deepEqual([...(await json("[[1], [-2]]", i16))], [1, 0, 254, 255]);
  for (const bad of ["[1]", "[1, 2, 3]", "[1, 40000]", "[1, 1.5]", '[1, "2"]', "[1, null]", "{}"]) {
    await assert.rejects(json(bad, i16), Error, bad);
  }
});

test("damaged pictures are refused", async () => {
  const whole = png({ colour: 6, depth: 8, interlaced: false, transparent: false, width: 13, height: 11 });
  for (let at = 8; at < whole.length - 12; at += 7) {
    const bytes = whole.slice();
    bytes[at] ^= 0x10;
    await assert.rejects(valueOf({ name: "image.png", bytes }, TENSOR), Error, `byte ${at}`);
  }
  for (const bytes of [whole.subarray(0, 60), whole.subarray(0, whole.length - 12)]) {
    await assert.rejects(valueOf({ name: "image.png", bytes }, TENSOR), /ends too early/);
  }
});

/** The commitment that the command line computes from the picture is in its report: ours must be the same. */
async function agrees(bytes) {
  const image = await valueOf({ name: "image.png", bytes: new Uint8Array(bytes) }, TENSOR);
  assert.equal(image.length, 64);
  if (!cli.built) return;
  const theirs = cli.report({ ...fixture, files: { image: bytes } });
  const ours = explain(fixture.receipt, fixture.policy, { nowMs: fixture.nowMs, values: { image } });
  assert.equal(theirs.text, reportText(ours), theirs.errors);
}

/** A picture of noise, in any of PNG's forms, each row with another filter. */
function png({ colour, depth, interlaced, transparent, width, height }) {
  let seed = colour * 100 + depth + (interlaced ? 7 : 0) + 1;
  const random = () => (seed = (seed * 1103515245 + 12345) % 2147483648) >> 8;
  const bits = depth * { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 }[colour];
  const passes = interlaced
    ? [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]]
    : [[0, 0, 1, 1]];
  const raw = passes.flatMap(([x, y, dx, dy]) => {
    const [columns, rows] = [Math.ceil((width - x) / dx), Math.ceil((height - y) / dy)];
    if (columns <= 0 || rows <= 0) return [];
    // Noise stays noise under a filter. A palette's indices must stay inside it: no filter there.
    return Array.from({ length: rows }, (_, row) => [
      colour === 3 ? 0 : row % 5,
      ...Array.from({ length: Math.ceil((columns * bits) / 8) }, () => random() & 255),
    ]).flat();
  });
  const palette = colour === 3 ? Array.from({ length: 3 << depth }, () => random() & 255) : null;
  const alphas = colour === 3 ? Array.from({ length: 1 << (depth - 1) }, () => random() & 255) : null;
  const key = { 0: [0, depth === 16 ? 1 : 1], 2: [0, 1, 0, 2, 0, 3] }[colour];
  return file({ colour, depth, interlaced, width, height, raw: Uint8Array.from(raw), palette, trns: transparent ? (alphas ?? key) : null });
}

function file({ colour, depth, interlaced, width, height, raw, palette, trns }) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colour, 0, 0, interlaced ? 1 : 0], 8);
  const data = deflateSync(raw);
  const half = data.length >> 1;
  const parts = [
    chunk("IHDR", header), palette && chunk("PLTE", Buffer.from(palette)), trns && chunk("tRNS", Buffer.from(trns)),
    chunk("IDAT", data.subarray(0, half)), chunk("IDAT", data.subarray(half)), chunk("IEND", Buffer.alloc(0)),
  ];
  return new Uint8Array(Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), ...parts.filter(Boolean)]));
}

function chunk(kind, body) {
  const out = Buffer.alloc(12 + body.length);
  out.writeUInt32BE(body.length, 0);
  out.write(kind, 4, "latin1");
  body.copy(out, 8);
  out.writeUInt32BE(crc(out.subarray(4, 8 + body.length)), 8 + body.length);
  return out;
}

function crc(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? (sum >>> 1) ^ 0xedb88320 : sum >>> 1;
  }
  return ~sum >>> 0;
}
