// Chance that can be had again: mulberry32, and the seed is printed.

export function random(seed) {
  console.log(`seed ${seed} (ASSAY_SEED repeats it)`);
  let state = seed >>> 0;
  const below = (most) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % most;
  };
  return { below, pick: (list) => list[below(list.length)] };
}

export const SEED = Number(process.env.ASSAY_SEED ?? Math.floor(Math.random() * 2 ** 31));
