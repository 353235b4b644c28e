// BENCHMARKS.md: each bench writes what lies between its own two markers.

import { readFileSync, writeFileSync } from "node:fs";

const FILE = new URL("../../BENCHMARKS.md", import.meta.url);

export function record(name, { machine, date }, text) {
  const [from, to] = [`<!-- ${name}: begin -->`, `<!-- ${name}: end -->`];
  const old = readFileSync(FILE, "utf8");
  const [begin, end] = [old.indexOf(from), old.indexOf(to)];
  if (begin < 0 || end < begin) throw new Error(`BENCHMARKS.md lacks the markers of ${name}`);
  const section = `${from}\n${date}, ${machine}.\n\n${text}\n`;
  writeFileSync(FILE, old.slice(0, begin) + section + old.slice(end));
}
