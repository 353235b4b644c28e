// An exchange with a language model, from a running service to the page: what was asked, what came back, and the receipt of both.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch } from "../../scripts/chromium.mjs";
import { serve } from "../../scripts/serve.mjs";
import { built } from "../node/cli.mjs";
import { MODEL, serveModel } from "../node/service.mjs";

const CHAT = "/v1/chat/completions";
const NONCE = "5a".repeat(32);

let browser;
let server;
let service;

before(async () => {
  assert.ok(built, "run `make build` first");
  service = await serveModel("openai-browser");
  server = await serve({});
  browser = await launch();
});
after(async () => {
  await browser?.close();
  server?.close();
  service?.stop();
});

for (const [stream, own] of [[false, false], [true, false], [true, true]]) {
  const what = stream ? "a stream" : "an answer in one piece";
  test(own ? `${what}, under a policy that asks for the caller's nonce` : what, async () => {
    const request = JSON.stringify({ model: MODEL, messages: [{ role: "user", content: "What is a receipt?" }], max_tokens: 24, stream });
    const headers = { "content-type": "application/json", "assay-nonce": NONCE };
    const answer = await fetch(service.url + CHAT, { method: "POST", headers, body: request });
    const text = await answer.text();
    const [response, last] = stream ? text.split("event: assay.receipt\ndata: ") : [text, null];
    const kept = async (id) => Buffer.from(await (await fetch(`${service.url}/v1/receipts/${id}`)).arrayBuffer());
    const bytes = stream
      ? Buffer.from(JSON.parse(last.split("\n")[0]).assay_receipt.receipt, "base64")
      : await kept(answer.headers.get("assay-receipt"));
    const policy = await service.policy(CHAT, own ? undefined : NONCE);

    const page = await (await browser.newContext()).newPage();
    await page.goto(server.url);
    await page.waitForSelector("main[data-state=empty]");
    const give = async (files) => {
      await turned(page, () => page.evaluate((files) => {
        const transfer = new DataTransfer();
        for (const [name, bytes] of files) transfer.items.add(new File([Uint8Array.from(bytes)], name));
        document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
      }, files.map(([name, bytes]) => [name, [...Buffer.from(bytes)]])));
      return page.getAttribute("#main", "data-state");
    };
    assert.equal(await give([["receipt.cbor", bytes], ["policy.json", policy]]), "refused");
    if (own) {
      assert.equal(await page.textContent("#verdict .code"), "caller-nonce-missing");
      await turned(page, () => page.fill("#nonce", NONCE).then(() => page.press("#nonce", "Enter")));
    } else {
      assert.ok(await page.isHidden("#nonce-field"));
    }
    assert.equal(await page.textContent("#verdict .code"), "caller-value-missing");
    assert.equal(await give([["request", request], ["response", response]]), "accepted");
    assert.equal(await page.textContent("#verdict .word"), "Accepted, under a development attester");
    assert.match(await page.innerText("#verdict"), /No Nitro hardware attested this/);
    const slots = await page.innerText("main");
    assert.ok(slots.includes("What you sent: request") && slots.includes("What you received: response"), slots);
    assert.match(await page.innerText("#values"), /What is a receipt\?/);
    assert.match(await page.innerText("#trust"), /only one produced/);
    assert.equal(await give([["response", `${response} `]]), "refused");
    assert.equal(await page.textContent("#verdict .code"), "opening-mismatch");
    await page.close();
  });
}

/** Waits until what was done has been checked and shown. */
async function turned(page, work) {
  const before = await page.getAttribute("#main", "data-checked");
  await work();
  await page.waitForFunction((before) => document.querySelector("#main").dataset.checked !== before, before);
}
