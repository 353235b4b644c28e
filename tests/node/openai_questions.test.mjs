// One nonce for each question, however often it is sent; and what a caller is told who does not wait for the answer.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { Questions } from "../../verifier-wasm/dist/openai-questions.js";
import { verifiedFetch } from "../../verifier-wasm/dist/openai.js";
import { built } from "./cli.mjs";
import { MODEL, serveModel } from "./service.mjs";

const CHAT = "/v1/chat/completions";
const asked = { model: MODEL, messages: [{ role: "user", content: "Hello" }], max_tokens: 24 };

let service;
let policy;

before(async () => {
  assert.ok(built, "run `make build` first");
  service = await serveModel("openai-questions");
  policy = await service.policy(CHAT);
});
after(() => service?.stop());

/** A client, the nonces that its relay saw, and what it was told. `meddle` may answer in place of the service. */
function client(meddle = () => undefined, options = {}) {
  const told = { nonces: [], verified: [], abandoned: [] };
  const relay = async (input, init) => {
    if (init.method === "GET") return fetch(input, init); // for a receipt, by its name
    told.nonces.push(new Headers(init.headers).get("assay-nonce"));
    return (await meddle(told.nonces.length, input, init)) ?? fetch(input, init);
  };
  const own = verifiedFetch({
    policy, fetch: relay, ...options, onVerified: (one) => void told.verified.push(one), onAbandoned: (one) => void told.abandoned.push(one),
  });
  return { told, own, openai: new OpenAI({ baseURL: `${service.url}/v1`, apiKey: "none", maxRetries: 2, fetch: own }) };
}

const unavailable = () => new Response("{}", { status: 503, headers: { "retry-after-ms": "1" } });

test("a relay that answers 503 twice has one answer to give, not three", async () => {
  const { openai, told } = client((count) => (count <= 2 ? unavailable() : undefined));
  await openai.chat.completions.create(asked);
  assert.equal(told.nonces.length, 3);
  assert.equal(new Set(told.nonces).size, 1, told.nonces.join());
  assert.equal(told.verified[0].attempts, 3);
});

test("so has one that breaks the connection, the answer, or its receipt", async () => {
  const breaks = [
    () => { throw new TypeError("fetch failed"); },
    async (input, init) => new Response(`${await (await fetch(input, init)).text()} `, { headers: { "content-type": "application/json" } }),
    async (input, init) => {
      const answer = await fetch(input, init);
      return new Response(`${await answer.text()} `, { headers: answer.headers });
    },
    () => new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } }),
  ];
  const { own, told } = client((count, input, init) => breaks[count - 1]?.(input, init));
  const ask = async () => (await own(service.url + CHAT, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) })).text();
  for (const _ of breaks) await assert.rejects(ask());
  await ask();
  assert.equal(told.nonces.length, 5);
  assert.equal(new Set(told.nonces).size, 1, told.nonces.join());
  assert.deepEqual(told.verified.map(({ attempts }) => attempts), [5]);
});

test("an accepted answer ends its question: the same words again are another one", async () => {
  const { openai, told } = client();
  await openai.chat.completions.create(asked);
  await openai.chat.completions.create(asked);
  assert.equal(new Set(told.nonces).size, 2);
  assert.deepEqual(told.verified.map(({ attempts }) => attempts), [1, 1]);
});

test("equal questions at a time have as many nonces as there are questions, however they are tried again", async () => {
  const { openai, told } = client((count) => (count <= 6 ? unavailable() : undefined));
  await Promise.all([1, 2, 3].map(() => openai.chat.completions.create(asked)));
  assert.equal(told.nonces.length, 9);
  assert.equal(new Set(told.nonces).size, 3, told.nonces.join());
  const used = told.verified.map(({ report, attempts }) => `${report.operation} ${attempts}`);
  assert.equal(new Set(used).size, 3);
});

test("another question, or the same one elsewhere, has another nonce", async () => {
  const { own, told } = client(unavailable);
  const ask = (path, body) => own(service.url + path, { method: "POST", body });
  for (const [path, body] of [[CHAT, "{}"], [CHAT, "{ }"], [`${CHAT}?a`, "{}"], [CHAT, "{}"]]) await ask(path, body);
  assert.equal(new Set(told.nonces).size, 3);
  assert.equal(told.nonces[0], told.nonces[3]);
});

test("four thousand questions wait, and the one that waits longest is forgotten first", async () => {
  const questions = new Questions();
  const ask = (number) => questions.ask("https://a/", new TextEncoder().encode(String(number)));
  const asked = [];
  for (let number = 0; number < 4097; number += 1) asked.push(await ask(number));
  asked.forEach((question) => questions.again(question));
  assert.notEqual((await ask(0)).nonce, asked[0].nonce);
  assert.equal((await ask(1)).nonce, asked[1].nonce);
  assert.equal((await ask(4096)).nonce, asked[4096].nonce);
  assert.equal((await ask(2)).attempts, 2);
});

test("who leaves a stream at its finish_reason is told that it was not verified", async () => {
  // The relay holds the receipt back: what is read ahead of the caller cannot make it verified.
  const held = async (_, input, init) => {
    const answer = await fetch(input, init);
    const [covered] = (await answer.text()).split("event: assay.receipt\n");
    return new Response(new ReadableStream({ start: (controller) => controller.enqueue(new TextEncoder().encode(covered)) }), { headers: answer.headers });
  };
  const { openai, told } = client(held);
  for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true })) {
    if (chunk.choices[0]?.finish_reason) break;
  }
  assert.equal(told.verified.length, 0);
  assert.deepEqual(told.abandoned.map(({ attempts, request }) => [attempts, JSON.parse(Buffer.from(request)).messages]), [[1, asked.messages]]);
  // Left once is not answered: whoever asks again asks the same.
  const again = client((count, input, init) => (count === 1 ? held(count, input, init) : undefined));
  const body = JSON.stringify({ ...asked, stream: true });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body };
  await (await again.own(service.url + CHAT, init)).body.cancel();
  await (await again.own(service.url + CHAT, init)).text();
  assert.equal(new Set(again.told.nonces).size, 1);
  assert.equal(again.told.abandoned.length, 1);
  assert.deepEqual(again.told.verified.map(({ attempts }) => attempts), [2]);
});

test("what is accepted after it was left is not told as verified", async () => {
  const { promise: left, resolve: leave } = late();
  // The receipt comes when the caller has gone: its request does not heed the signal.
  const slow = async (_, input, init) => {
    const answer = await fetch(input, { ...init, signal: null });
    if (init.method === "GET") await left;
    const headers = new Headers(answer.headers);
    headers.delete("assay-receipt-cbor");
    return new Response(answer.body, { status: answer.status, headers });
  };
  const { own, told } = client(slow);
  const stop = new AbortController();
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked), signal: stop.signal };
  const answer = await own(service.url + CHAT, init);
  stop.abort();
  leave();
  await assert.rejects(answer.text(), { name: "AbortError" });
  assert.deepEqual([told.abandoned.length, told.verified.length], [1, 0]);
});

function late() {
  let resolve;
  const promise = new Promise((done) => (resolve = done));
  return { promise, resolve };
}

test("who reads to the end, or is refused, has left nothing", async () => {
  const { own, told } = client((count, input, init) => (count === 1 ? undefined : new Response("data: {}\n\n", { headers: { "content-type": "text/event-stream" } })));
  const stop = new AbortController();
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ ...asked, stream: true }), signal: stop.signal };
  await (await own(service.url + CHAT, init)).text();
  await assert.rejects((await own(service.url + CHAT, init)).text());
  stop.abort();
  assert.deepEqual(told.abandoned, []);
});

test("a question whose signal was aborted before its answer is read keeps its nonce, and its caller is told", async () => {
  const ends = new AbortController();
  const stalled = () => {
    ends.abort();
    return new Response(new ReadableStream({ start() {} }), { headers: { "content-type": "text/event-stream" } });
  };
  const { own, told } = client((count) => (count === 1 ? stalled() : undefined));
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) };
  await own(service.url + CHAT, { ...init, signal: ends.signal });
  assert.equal(told.abandoned.length, 1);
  await (await own(service.url + CHAT, init)).text();
  assert.equal(new Set(told.nonces).size, 1, told.nonces.join());
  assert.deepEqual(told.verified.map(({ attempts }) => attempts), [2]);
});

test("what cannot be verified is not asked: other methods, and requests of another kind", async () => {
  let sent = 0;
  const own = verifiedFetch({ policy, fetch: async () => { sent += 1; return new Response("{}"); } });
  class Request {
    url = service.url + CHAT;
    method = "POST";
    body = "{}";
  }
  await assert.rejects(own(new Request()), TypeError);
  for (const method of ["PUT", "PATCH", "DELETE", "put"]) await assert.rejects(own(service.url + CHAT, { method, body: "{}" }), TypeError);
  assert.equal(sent, 0);
  assert.equal((await own(`${service.url}/v1/models`)).headers.get("assay"), "unverified");
});
