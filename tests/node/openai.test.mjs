// The package's `fetch` for OpenAI's client, against a running service, and against relays that lie in between.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, before, test } from "node:test";
import OpenAI from "openai";
import { VerifyError } from "../../verifier-wasm/dist/index.js";
import { ExchangeError, verifiedFetch } from "../../verifier-wasm/dist/openai.js";
import { built } from "./cli.mjs";
import { MODEL, serveModel } from "./service.mjs";

const CHAT = "/v1/chat/completions";
const asked = { model: MODEL, messages: [{ role: "user", content: "Hello" }], max_tokens: 24 };

let service;
let policy;

before(async () => {
  assert.ok(built, "run `make build` first");
  service = await serveModel("openai-node");
  policy = await service.callerPolicy(CHAT);
});
after(() => service?.stop());

/** A client whose requests go through `relay`, and what it verified. */
function client(relay = fetch, options = {}) {
  const verified = [];
  const own = verifiedFetch({ policy, fetch: relay, onVerified: (exchange) => verified.push(exchange), ...options });
  return { verified, openai: new OpenAI({ baseURL: `${service.url}/v1`, apiKey: "none", maxRetries: 0, fetch: own }) };
}

/** A relay that passes requests on and changes what comes back. */
const changed = (change) => async (input, init) => {
  const answer = await fetch(input, init);
  const bytes = Buffer.from(await answer.arrayBuffer());
  const { body = bytes, headers = answer.headers } = change(bytes, answer.headers, String(input));
  return new Response(body, { status: answer.status, headers });
};

/** Reads a stream to its end. */
async function read(openai, more = {}) {
  const [texts, marks] = [[], []];
  for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true, ...more })) {
    texts.push(chunk.choices[0]?.delta?.content ?? "");
    marks.push(chunk.assay);
  }
  return { text: texts.join(""), marks };
}

/** What is thrown, whatever the client wraps around it. */
async function thrown(work) {
  try {
    await work();
  } catch (error) {
    for (let cause = error; cause; cause = cause.cause) {
      if (cause instanceof VerifyError || cause instanceof ExchangeError) return cause.code;
    }
    throw error;
  }
  return assert.fail("nothing was thrown");
}

test("an answer in one piece is handed on once it is verified", async () => {
  const { openai, verified } = client();
  const answer = await openai.chat.completions.create(asked);
  assert.ok(answer.choices[0].message.content.length > 0);
  assert.equal(verified.length, 1);
  const [{ report, receipt, request, response }] = verified;
  assert.equal(report.verdict, "accepted");
  assert.ok(receipt.length > 500);
  assert.deepEqual(JSON.parse(Buffer.from(request)).messages, asked.messages);
  assert.equal(JSON.parse(Buffer.from(response)).id, answer.id);
});

test("a stream is marked unverified until its receipt is accepted", async () => {
  const { openai, verified } = client();
  const { text, marks } = await read(openai);
  assert.ok(text.length > 0 && marks.length > 2);
  assert.equal(marks.at(-1), "verified");
  assert.ok(marks.slice(0, -1).every((mark) => mark === "unverified"), marks.join());
  assert.equal(verified.length, 1);
});

test("each request has a nonce of its own", async () => {
  const nonces = [];
  const { openai } = client((input, init) => {
    nonces.push(new Headers(init.headers).get("assay-nonce"));
    return fetch(input, init);
  });
  await openai.chat.completions.create(asked);
  await openai.chat.completions.create(asked);
  assert.ok(nonces.every((nonce) => /^[0-9a-f]{64}$/.test(nonce)) && nonces[0] !== nonces[1], nonces.join());
});

test("refusals are the client's own errors, and lists pass", async () => {
  const { openai } = client();
  await assert.rejects(openai.chat.completions.create({ ...asked, model: "other" }), OpenAI.NotFoundError);
  const models = [];
  for await (const model of openai.models.list()) models.push(model.id);
  assert.deepEqual(models, [MODEL]);
});

test("a long answer's receipt is fetched by its name", async () => {
  const bare = changed((body, headers) => {
    const kept = new Headers(headers);
    kept.delete("assay-receipt-cbor");
    return { body, headers: kept };
  });
  const { openai, verified } = client(bare);
  await openai.chat.completions.create(asked);
  assert.equal(verified.length, 1);
});

const lies = {
  "another answer": ["opening-mismatch", (body) => ({ body: String(body).replace(/"content":"[^"]/, '"content":"#') })],
  "one more blank": ["opening-mismatch", (body) => ({ body: `${body} ` })],
  "no receipt": ["receipt-missing", (body, headers) => ({ body, headers: without(headers, "assay-receipt", "assay-receipt-cbor") })],
  "a receipt that is none": ["receipt-base64", (body, headers) => ({ body, headers: but(headers, "assay-receipt-cbor", "***") })],
  "a name that is none": ["receipt-id", (body, headers) => ({ body, headers: but(without(headers, "assay-receipt-cbor"), "assay-receipt", "../../x") })],
};

for (const [lie, [code, change]] of Object.entries(lies)) {
  test(`a relay that gives ${lie} is found out`, async () => {
    const { openai, verified } = client(changed(change));
    assert.equal(await thrown(() => openai.chat.completions.create(asked)), code);
    assert.equal(verified.length, 0);
  });
}

test("a relay that gives an earlier answer is found out", async () => {
  let earlier;
  const replay = async (input, init) => {
    earlier ??= await fetch(input, init);
    return earlier.clone();
  };
  const { openai } = client(replay);
  await openai.chat.completions.create(asked);
  assert.equal(await thrown(() => openai.chat.completions.create(asked)), "nonce-mismatch");
});

test("a relay that asks something else is found out", async () => {
  const other = (input, init) => fetch(input, { ...init, body: Buffer.from(init.body).toString().replace("Hello", "Jello") });
  assert.equal(await thrown(() => client(other).openai.chat.completions.create(asked)), "opening-mismatch");
  assert.equal(await thrown(() => read(client(other).openai)), "opening-mismatch");
});

test("a relay that asks elsewhere is found out", async () => {
  const completions = await service.callerPolicy("/v1/completions");
  const { openai } = client(fetch, { policy: completions });
  assert.equal(await thrown(() => openai.chat.completions.create(asked)), "plan-setting");
});

const RECEIPT = "event: assay.receipt\n";
const cuts = {
  "ends before its receipt": ["receipt-missing", (text) => text.slice(0, text.indexOf(RECEIPT))],
  "ends within its receipt": ["receipt-missing", (text) => text.slice(0, text.indexOf(RECEIPT) + 80)],
  "goes on after its receipt": ["receipt-not-last", (text) => text.replace("data: [DONE]\n\n", 'data: {"choices":[]}\n\ndata: [DONE]\n\n')],
  "says another word": ["opening-mismatch", (text) => text.replace(/"content":"[^"]/, '"content":"#')],
  "leaves an event out": ["opening-mismatch", (text) => text.slice(text.indexOf("\n\n") + 2)],
  "ends within an event": ["receipt-missing", (text) => text.slice(0, text.indexOf("\n\n") + 20)],
  "hides words in lines of their own": ["stream-event", (text) => text.replace('data: {', 'data: {\ndata: ')],
  "hides words behind a carriage return": ["stream-event", (text) => text.replace('data: {', 'data: {\r')],
  "has a receipt of nothing": ["receipt-event", (text) => text.replace(/"receipt":"[^"]*"/, '"receipt":7')],
};

for (const [what, [code, cut]] of Object.entries(cuts)) {
  test(`a stream that ${what} is found out`, async () => {
    const { openai, verified } = client(changed((body) => ({ body: cut(String(body)) })));
    assert.equal(await thrown(() => read(openai)), code);
    assert.equal(verified.length, 0);
  });
}

test("nobody else says verified", async () => {
  const { openai } = client(changed((body) => ({ body: String(body).replaceAll('"choices":', '"assay":"verified","choices":') })));
  const marks = [];
  const code = await thrown(async () => {
    for await (const chunk of await openai.chat.completions.create({ ...asked, stream: true })) marks.push(chunk.assay);
  });
  assert.equal(code, "opening-mismatch");
  assert.ok(marks.length > 1 && marks.every((mark) => mark === "unverified"), marks.join());
});

test("however a stream is cut into pieces, it is the same stream", async () => {
  for (const size of [1, 7, 4096]) {
    const pieces = changed((body) => ({
      body: new ReadableStream({
        start(controller) {
          for (let at = 0; at < body.length; at += size) controller.enqueue(body.subarray(at, at + size));
          controller.close();
        },
      }),
    }));
    const { marks } = await read(client(pieces).openai);
    assert.equal(marks.at(-1), "verified");
  }
});

test("a policy that cannot be used is refused before anything is asked", async () => {
  const bad = {
    "twice the same word": policy.replace(/^\{/, '{"nonce": "caller_nonce",'),
    "a word of its own": policy.replace(/^\{/, '{"loose": true,'),
    "an array in place of a section": policy.replace(/"inputs":\{[^}]*\}/, '"inputs":[]'),
    "what is no JSON": `${policy}]`,
  };
  for (const [what, text] of Object.entries(bad)) {
    assert.notEqual(text, policy);
    let sent = 0;
    const counting = (input, init) => ((sent += 1), fetch(input, init));
    const { openai } = client(counting, { policy: text });
    assert.equal(await thrown(() => openai.chat.completions.create(asked)), "policy-malformed", what);
    assert.equal(sent, 0, what);
  }
  assert.throws(() => verifiedFetch({ policy: JSON.parse(policy) }), TypeError);
});

test("the report's digest is of the policy as its owner wrote it", { todo: "until the core takes the nonce" }, async () => {
  const { openai, verified } = client();
  await openai.chat.completions.create(asked);
  assert.equal(verified[0].report.policy, createHash("sha256").update(policy).digest("hex"));
});

function without(headers, ...names) {
  const kept = new Headers(headers);
  for (const name of names) kept.delete(name);
  return kept;
}

function but(headers, name, value) {
  const kept = new Headers(headers);
  kept.set(name, value);
  return kept;
}
