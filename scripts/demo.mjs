// The receipt of `make demo` in Chromium, offline: accepted; then with one byte changed: refused.
//
//   node scripts/demo.mjs FOLDER NOW_MS

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { launch } from "./chromium.mjs";
import { serve } from "./serve.mjs";

const [folder, now] = process.argv.slice(2);
const { url, close } = await serve();
const browser = await launch();
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 1180 }, deviceScaleFactor: 2, colorScheme: "light" });
  const page = await context.newPage();
  await page.goto(url);
  await page.waitForSelector("main[data-state=empty]");
  close();
  await context.setOffline(true);
  console.log("the network is off, and the page's server is stopped");

  await turned(page, () => page.setInputFiles("#file-receipt", join(folder, "receipt.cbor")));
  await turned(page, () => page.setInputFiles("#file-policy", join(folder, "policy.json")));
  await turned(page, () => page.setInputFiles("#file-value-image", join(folder, "image.png")));
  await turned(page, () => page.selectOption("#clock", "at"));
  await page.fill("#at", now);
  await turned(page, () => page.press("#at", "Enter"));
  await shown(page, "accepted");

  const receipt = readFileSync(join(folder, "receipt.cbor"));
  const offset = receipt.length >> 1;
  await page.fill("#offset", String(offset));
  await turned(page, () => page.click("#flip"));
  receipt[offset] ^= 1;
  writeFileSync(join(folder, "tampered.cbor"), receipt);
  console.log(await page.textContent("#tamper-says"));
  writeFileSync(join(folder, "refused.txt"), `${await shown(page, "refused")}\n`);
  // What `scripts/serve.mjs FOLDER` shows at ?demo.
  writeFileSync(join(folder, "demo.json"), `${JSON.stringify({ receipt: "receipt.cbor", policy: "policy.json", values: { image: "image.png" } })}\n`);
} finally {
  await browser.close();
  close();
}

/** Prints the verdict, and keeps a picture of it. */
async function shown(page, expected) {
  const state = await page.getAttribute("#main", "data-state");
  const code = state === "refused" ? await page.textContent("#verdict .code") : null;
  const words = code === null ? state : `${state}: ${code}`;
  console.log(words);
  await page.evaluate(() => document.activeElement?.blur());
  await page.screenshot({ path: join(folder, `${expected}.png`) });
  if (state !== expected) throw new Error(`the page says ${words}, expected ${expected}`);
  return words;
}

async function turned(page, work) {
  const before = await page.getAttribute("#main", "data-checked");
  await work();
  await page.waitForFunction((before) => document.querySelector("#main").dataset.checked !== before, before);
}
