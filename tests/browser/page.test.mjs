// The page in Chromium: the same verdicts, offline, and fit to be read.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, join } from "node:path";
import { after, before, test } from "node:test";
import { crc32, deflateSync } from "node:zlib";
import { launch } from "../../scripts/chromium.mjs";
import { serve } from "../../scripts/serve.mjs";
import { explain, ready, reportText } from "../../verifier-wasm/dist/index.js";
import { temporary } from "../node/folder.mjs";
import { SEED, random } from "../node/random.mjs";
import { ROOT, clock, read, typeOf, vectors, expected as known } from "../node/vectors.mjs";

const all = vectors();
const accepted = read(join(ROOT, "tests/node/fixtures/accepted_live.txt"));

let browser;
let server;

before(async () => {
  await ready();
  server = await serve({ folders: { package: join(ROOT, "verifier-wasm/dist") } });
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
});

test("every vector, through the package", async (t) => {
  await using_(async (page) => {
    for (const vector of all) {
      await t.test(vector.name, async () => {
        const own = expected(vector);
        const theirs = await page.evaluate(async ({ receipt, policy, values, nonce, time }) => {
          const assay = await import("/package/index.js");
          await assay.ready();
          const bytes = (list) => Uint8Array.from(list);
          const options = { ...time, values: Object.fromEntries(values.map(([name, list]) => [name, bytes(list)])) };
          if (nonce !== null) options.expectedNonce = bytes(nonce);
          try {
            const report = assay.explain(bytes(receipt), bytes(policy), options);
            return { code: report.code ?? "accepted", text: assay.reportText(report) };
          } catch (error) {
            return { code: error.code, text: null };
          }
        }, {
          receipt: [...vector.receipt], policy: [...vector.policy], time: clock(vector),
          values: Object.entries(vector.values).map(([name, bytes]) => [name, [...bytes]]),
          nonce: vector.expectedNonce ? [...vector.expectedNonce] : null,
        });
        assert.deepEqual(theirs, own);
        assert.equal(theirs.code, vector.expect);
      });
    }
  });
});

test("every vector, through the page", async (t) => {
  await using_(async (page) => {
    for (const vector of all) {
      const unnamed = Object.keys(vector.values).find((name) => typeOf(vector, name) === undefined);
      if (unnamed !== undefined) {
        console.log(`skipped on the page: ${vector.name}: its policy has no value ${unnamed}`);
        continue;
      }
      // The page asks for the caller's nonce where the policy wants it from the caller.
      if (vector.expectedNonce && !Buffer.from(vector.policy).includes("caller_nonce")) {
        console.log(`skipped on the page: ${vector.name}: its policy does not ask for a nonce`);
        continue;
      }
      await t.test(vector.name, async () => {
        await give(page, vector);
        const own = expected(vector);
        const state = await page.getAttribute("#main", "data-state");
        if (own.text === null) {
          assert.equal(state, "unusable");
          assert.ok((await page.textContent("#verdict .code")).includes(vector.expect));
          return;
        }
        assert.equal(state, vector.expect === "accepted" ? "accepted" : "refused");
        assert.match(await page.textContent("#verdict .word"), vector.expect === "accepted" ? /^Accepted/ : /^Refused$/);
        if (vector.expect !== "accepted") assert.equal(await page.textContent("#verdict .code"), vector.expect);
        assert.equal(await saved(page), own.text);
      });
    }
  });
});

test("it works with the network off, and asks nobody but its own server before", async () => {
  await using_(async (page, context, asked) => {
    await page.waitForSelector("main[data-state=empty]");
    await context.setOffline(true);
    await give(page, accepted);
    assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
    assert.ok(asked.length > 0 && asked.every((url) => url.startsWith(server.url)), asked.join("\n"));
  });
});

test("a changed byte is refused, and undone", async () => {
  await using_(async (page) => {
    await give(page, accepted);
    for (const offset of [0, 1, 40, 100, accepted.receipt.length - 1, ""]) {
      await page.fill("#offset", String(offset));
      await turned(page, () => page.click("#flip"));
      assert.equal(await page.getAttribute("#main", "data-state"), "refused", String(offset));
      assert.match(await page.textContent("#tamper-says"), /^Byte \d+ of \d+ was [0-9a-f]{2}, now it is [0-9a-f]{2}\.$/);
      const code = await page.textContent("#verdict .code");
      if (offset !== "") {
        const receipt = accepted.receipt.slice();
        receipt[offset] ^= 1;
        assert.equal(code, expected({ ...accepted, receipt }).code);
      }
      await turned(page, () => page.click("#undo"));
      assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
    }
  });
});

test("files may be chosen one by one, with the keyboard's own dialogue", async () => {
  await using_(async (page) => {
    const choose = (id, name, bytes) => turned(page, () =>
      page.setInputFiles(id, { name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) }));
    await choose("#file-receipt", "any name", accepted.receipt);
    assert.equal(await page.getAttribute("#main", "data-state"), "waiting");
    assert.match(await page.textContent("#verdict"), /Not checked.*Give a policy as well/s);
    await choose("#file-policy", "any name", accepted.policy);
    assert.equal(await page.textContent("#verdict .code"), "caller-value-missing");
    await choose("#file-value-image", "image.json", JSON.stringify([...accepted.values.image]));
    assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
  });
});

test("a picture that came before the policy finds its place", async () => {
  await using_(async (page) => {
    await turned(page, () => drop(page, [["what I sent.json", new TextEncoder().encode(JSON.stringify([...accepted.values.image]))]]));
    await turned(page, () => drop(page, [["r.cbor", accepted.receipt]]));
    await turned(page, () => drop(page, [["p.json", accepted.policy]]));
    assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
  });
});

test("an example beside the page is shown at ?demo", async () => {
  const folder = temporary();
  writeFileSync(join(folder, "r.cbor"), accepted.receipt);
  writeFileSync(join(folder, "p.json"), accepted.policy);
  writeFileSync(join(folder, "i.bin"), accepted.values.image);
  const list = { receipt: "r.cbor", policy: "p.json", values: { image: "i.bin" }, clock: accepted.nowMs };
  writeFileSync(join(folder, "demo.json"), JSON.stringify(list));
  const own = await serve({ example: folder });
  const page = await browser.newPage();
  await page.goto(`${own.url}?demo`);
  await page.waitForSelector("main[data-state=accepted]");
  await page.close();
  own.close();
});

test("an attester that is not AWS is loud", async (t) => {
  const foreign = all.find((vector) => vector.name.endsWith("vectors/accepted.txt"));
  if (foreign === undefined) return t.skip("tests/vectors/accepted.txt is not here");
  await using_(async (page) => {
    await give(page, foreign);
    assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
    assert.equal(await page.textContent("#verdict .word"), "Accepted, under a root that is not AWS's");
    assert.equal(await page.getAttribute("#verdict", "data-kind"), "doubtful");
    const colours = await page.evaluate(() => {
      const colour = (name) => getComputedStyle(document.querySelector(name)).color;
      return [colour("#verdict .word"), colour("#warning")];
    });
    assert.equal(colours[0], colours[1]);
    assert.match(await page.innerText("#warning"), /not AWS/i);
    assert.match(await page.innerText("#warning"), /Whoever holds that root's key can attest anything/);
    assert.match(await page.innerText("#policy"), /accept_root_other_than_aws/);
  });
});

test("a warning is of evidence: what is no receipt was attested by nobody", async (t) => {
  const foreign = all.find((vector) => vector.name.endsWith("vectors/accepted.txt"));
  if (foreign === undefined) return t.skip("tests/vectors/accepted.txt is not here");
  await using_(async (page) => {
    await turned(page, () => drop(page, [["photo.cbor", JPEG], ["policy.json", foreign.policy]]));
    assert.equal(await page.getAttribute("#main", "data-state"), "refused");
    assert.ok(await page.isHidden("#warning"));
    assert.equal(await page.locator("[data-sign=accepted]").count(), 0);
    assert.equal(await page.getAttribute("label[for=file-receipt]", "data-sign"), "refused");
    assert.equal(await page.getAttribute("label[for=file-policy]", "data-sign"), "file");
  });
});

test("a hash is copied whole", async () => {
  await using_(async (page) => {
    await give(page, accepted);
    const { policy } = JSON.parse(await saved(page));
    const copied = await page.evaluate(() => {
      getSelection().selectAllChildren(document.querySelector("#policy .hash"));
      return getSelection().toString();
    });
    assert.equal(copied, policy);
    const wide = await page.evaluate(() => document.querySelector("#policy .hash").getBoundingClientRect().width);
    assert.ok(wide < 260, `${wide} px`);
  });
});

test("the focus stays where the work is", async () => {
  await using_(async (page) => {
    const focused = () => page.evaluate(() => document.activeElement.id);
    await page.focus("#file-receipt");
    await turned(page, () => page.setInputFiles("#file-receipt", file("r", accepted.receipt)));
    assert.equal(await focused(), "file-receipt");
    await turned(page, () => page.setInputFiles("#file-policy", file("p", accepted.policy)));
    await page.focus("#file-value-image");
    await turned(page, () => page.setInputFiles("#file-value-image", file("i.json", JSON.stringify([...accepted.values.image]))));
    assert.equal(await focused(), "file-value-image");
    const expired = all.find((vector) => vector.expect === "attestation-certificate-expired");
    await give(page, expired);
    await page.focus("#archive");
    await turned(page, () => page.keyboard.press("Enter"));
    assert.equal(await focused(), "verdict");
  });
});

test("a file that cannot be read, or is too large, is named", async () => {
  await using_(async (page) => {
    await give(page, accepted);
    await page.evaluate(() => {
      const large = new File([], "film.mov");
      Object.defineProperty(large, "size", { value: 300_000_000 });
      const gone = new File([], "gone.cbor");
      gone.arrayBuffer = () => Promise.reject(new DOMException("it is a folder", "NotReadableError"));
      const transfer = new DataTransfer();
      const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true });
      Object.defineProperty(event, "dataTransfer", { value: { files: [large, gone] } });
      document.body.dispatchEvent(event);
    });
    await page.waitForSelector("#trouble:not([hidden])");
    const said = await page.innerText("#trouble");
    assert.match(said, /film\.mov has 300\.0 MB: this page reads files of at most 100\.0 MB/);
    assert.match(said, /gone\.cbor cannot be read: it is a folder/);
    assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
    await turned(page, () => drop(page, [["r.cbor", accepted.receipt]]));
    assert.ok(await page.isHidden("#trouble"));
  });
});

test("a check runs beside the page, is seen to run, and can be cancelled", async () => {
  await using_(async (page) => {
    await give(page, accepted);
    await drop(page, [["image.png", slowPicture()]]);
    await page.waitForSelector("#cancel");
    assert.equal(await page.getAttribute("#main", "data-state"), "checking");
    await page.focus("#cancel");
    await turned(page, () => page.keyboard.press("Enter"));
    assert.equal(await page.getAttribute("#main", "data-state"), "cancelled");
    assert.match(await page.innerText("#verdict"), /You cancelled the check: nothing was decided/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "verdict");
    await turned(page, () => drop(page, [["image.bin", accepted.values.image]]));
    assert.equal(await page.getAttribute("#main", "data-state"), "accepted");
  });
});

test("nothing that was received moves or hides what is beside it", async () => {
  const { below } = random(SEED);
  const UNSEEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
  const RANGES = [[0x00, 0x1f], [0x7f, 0x9f], [0xad, 0xad], [0x61c, 0x61c], [0x180e, 0x180e], [0x200b, 0x200f], [0x2028, 0x202e], [0x2060, 0x206f], [0xfeff, 0xfeff], [0xfff9, 0xfffb], [0xe0001, 0xe007f]];
  const hostile = () => Array.from({ length: 12 }, () => {
    const [low, high] = RANGES[below(RANGES.length)];
    return String.fromCodePoint(97 + below(26), low + below(high - low + 1));
  }).join("");
  await using_(async (page) => {
    for (let round = 0; round < 40; round += 1) {
      const json = JSON.parse(Buffer.from(accepted.policy));
      if (round % 4 === 1) json.operation = hostile();
      if (round % 4 === 2) json[hostile()] = hostile();
      if (round % 4 === 3) json.nonce = hostile();
      await turned(page, () => drop(page, [[`r${hostile()}.cbor`, accepted.receipt], [`p${hostile()}.json`, Buffer.from(JSON.stringify(json))], [`image${hostile()}`, accepted.values.image]]));
      const found = await page.evaluate(() => {
        const texts = [];
        const walk = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
        for (let node = walk.nextNode(); node; node = walk.nextNode()) {
          if (node.nodeType === Node.TEXT_NODE) texts.push(node.data);
          else texts.push(...[...node.attributes].map((attribute) => attribute.value));
        }
        return texts;
      });
      // The page's own markup has line breaks, and nothing else that is not seen.
      for (const text of found) assert.ok(!UNSEEN.test(text.replaceAll("\n", "")), JSON.stringify(text));
      assert.ok(found.some((text) => text.includes("\\u{")));
    }
    const isolated = await page.evaluate(() => getComputedStyle(document.querySelector(".slot .muted")).unicodeBidi);
    assert.equal(isolated, "isolate");
  });
});

test("what always has to be seen is seen", async () => {
  await using_(async (page) => {
    await give(page, accepted);
    const words = await page.innerText("#policy");
    assert.match(words, /Policy digest/);
    assert.match(words, /Root/);
    assert.match(words, /Loosened by the policy/);
    const report = JSON.parse(await saved(page));
    assert.equal(await page.locator("#checks tbody tr").count(), report.checks.length);
    assert.equal(await page.locator("#trust ul:not(.ways) li").count(), report.trust.length);
    assert.equal(await page.locator("#trust .ways li").count(), report.paths.flatMap((path) => path.methods).length);
    assert.equal(await page.getAttribute("#policy .hash >> nth=0", "title"), report.policy);
  });
});

for (const width of [360, 1440]) {
  for (const colorScheme of ["light", "dark"]) {
    test(`it fits and can be read: ${width} px, ${colorScheme}`, async () => {
      await using_(async (page) => {
        const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
        const sound = async (what) => {
          await page.evaluate(axe);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth);
          assert.ok(wide <= width, `${what}: ${wide} px wide`);
          const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
          const told = found.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`);
          assert.deepEqual(told, [], what);
        };
        await page.waitForSelector("main[data-state=empty]");
        await sound("empty");
        await give(page, accepted);
        await sound("accepted");
        await page.fill("#offset", "40");
        await turned(page, () => page.click("#flip"));
        await sound("refused");
        const foreign = all.find((vector) => vector.name.endsWith("vectors/accepted.txt"));
        if (foreign !== undefined) {
          await give(page, foreign);
          await sound("not AWS");
        }
        await page.evaluate(() => {
          const event = new DragEvent("drop", { bubbles: true, cancelable: true });
          const gone = new File([], `${"long-name-".repeat(12)}.cbor`);
          gone.arrayBuffer = () => Promise.reject(new Error("it is a folder"));
          Object.defineProperty(event, "dataTransfer", { value: { files: [gone] } });
          document.body.dispatchEvent(event);
        });
        await page.waitForSelector("#trouble:not([hidden])");
        await sound("trouble");
      }, { viewport: { width, height: 800 }, colorScheme });
    });
  }
}

test("the keyboard reaches everything, the picture has words", async () => {
  await using_(async (page) => {
    await give(page, accepted);
    const reached = new Set();
    for (let at = 0; at < 14; at++) {
      await page.keyboard.press("Tab");
      reached.add(await page.evaluate(() => document.activeElement?.id || document.activeElement?.className));
    }
    for (const id of ["file-receipt", "file-policy", "file-value-image", "clock", "offset", "flip", "save"]) {
      assert.ok(reached.has(id), `${id} is not reached: ${[...reached].join(", ")}`);
    }
    assert.match(await page.textContent("#flow ol"), /argmax .* takes image and gives brightest/);
    assert.equal(await page.getAttribute("#verdict", "aria-live"), "polite");
  });
});

test("without scripts there are words", async () => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(server.url);
  const words = await page.innerText("main");
  assert.match(words, /What is behind this answer\?/);
  assert.match(words, /Checking needs JavaScript and WebAssembly/);
  await context.close();
});

test("a module that cannot be loaded is said", async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.route("**/*.wasm", (route) => route.fulfill({ status: 404 }));
  await page.goto(server.url);
  await page.waitForSelector("main[data-state=broken]");
  assert.match(await page.textContent("#verdict"), /Cannot check.*cannot be loaded: 404/s);
  await context.close();
});

/** What begins as a JPEG does. */
const JPEG = Uint8Array.from([0xff, 0xd8, 0xff, 0xe0, 0, 16, 0x4a, 0x46, 0x49, 0x46, 0, 1, 1, 0, 0, 1, 0, 1, 0, 0]);

const file = (name, bytes) => ({ name, mimeType: "application/octet-stream", buffer: Buffer.from(bytes) });

/** A white picture as large as they may be: it takes its time to become a small one. */
function slowPicture() {
  const side = 4096;
  const chunk = (type, data) => {
    const body = Buffer.concat([Buffer.from(type), data]);
    const size = Buffer.alloc(4);
    size.writeUInt32BE(data.length);
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([size, body, sum]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([16, 6], 8); // 16 bits of each of four channels
  const rows = Buffer.alloc(side * (1 + side * 8), 0);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]), chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0)),
  ]);
}

/** A fresh page, without a word on its console. */
async function using_(work, options = {}) {
  const context = await browser.newContext(options);
  const page = await context.newPage();
  const [said, asked] = [[], []];
  page.on("console", (message) => said.push(message.text()));
  page.on("pageerror", (error) => said.push(error.message));
  page.on("request", (request) => asked.push(request.url()));
  await page.goto(server.url);
  await page.waitForSelector("main:not([data-state=loading])");
  try {
    await work(page, context, asked.filter((url) => !url.startsWith("blob:")));
  } finally {
    await context.close();
  }
  assert.deepEqual(said, []);
}

/** Drops a vector's files onto the page and sets its clock. */
async function give(page, vector) {
  if (await page.getAttribute("#main", "data-state") !== "empty") {
    // Values of an earlier vector do not belong to this one.
    await page.reload();
    await page.waitForSelector("main[data-state=empty]");
  }
  await turned(page, () => drop(page, [
    ["receipt.cbor", vector.receipt], [basename(vector.policyPath), vector.policy],
    ...Object.entries(vector.values).map(([name, bytes]) => [`${name}.bin`, bytes]),
  ]));
  if (await page.getAttribute("#main", "data-state") === "unusable") return;
  if (!vector.archived) await page.evaluate((ms) => (document.querySelector("#at").value = ms), String(vector.nowMs));
  await turned(page, () => page.selectOption("#clock", vector.archived ? "archived" : "at"));
  if (vector.expectedNonce) {
    const nonce = Buffer.from(vector.expectedNonce).toString("hex");
    await turned(page, () => page.fill("#nonce", nonce).then(() => page.press("#nonce", "Enter")));
  }
}

function drop(page, files) {
  return page.evaluate((files) => {
    const transfer = new DataTransfer();
    for (const [name, bytes] of files) transfer.items.add(new File([Uint8Array.from(bytes)], name));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, files.map(([name, bytes]) => [name, [...bytes]]));
}

/** Waits until what was done has been checked and shown. */
async function turned(page, work) {
  const before = await page.getAttribute("#main", "data-checked");
  await work();
  await page.waitForFunction((before) => document.querySelector("#main").dataset.checked !== before, before);
}

/** The report that the page gives away. */
async function saved(page) {
  const [download] = await Promise.all([page.waitForEvent("download"), page.click("a.save")]);
  return readFileSync(await download.path(), "utf8");
}

/** What Node says. */
function expected(vector) {
  try {
    const report = explain(vector.receipt, vector.policy, { ...clock(vector), ...known(vector) });
    return { code: report.code ?? "accepted", text: reportText(report) };
  } catch (error) {
    return { code: error.code, text: null };
  }
}
