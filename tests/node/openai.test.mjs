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
  policy = await service.policy(CHAT);
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
  if (init?.method === "GET") return fetch(input, init); // for a receipt, by its name
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
    if (init.method === "POST") nonces.push(new Headers(init.headers).get("assay-nonce"));
    return fetch(input, init);
  });
  await openai.chat.completions.create(asked);
  await openai.chat.completions.create(asked);
  assert.equal(nonces.length, 2);
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
    if (init.method === "GET") return fetch(input, init);
    earlier ??= await fetch(input, init);
    return earlier.clone();
  };
  const { openai } = client(replay);
  await openai.chat.completions.create(asked);
  assert.equal(await thrown(() => openai.chat.completions.create(asked)), "nonce-mismatch");
});

test("a relay that asks something else is found out", async () => {
  const other = (input, init) => fetch(input, init.body ? { ...init, body: Buffer.from(init.body).toString().replace("Hello", "Jello") } : init);
  assert.equal(await thrown(() => client(other).openai.chat.completions.create(asked)), "opening-mismatch");
  assert.equal(await thrown(() => read(client(other).openai)), "opening-mismatch");
});

test("a relay that asks elsewhere is found out", async () => {
  const completions = await service.policy("/v1/completions");
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

test("a receipt's event adds no words and no calls to what was verified", async () => {
  const added = { content: " ALSO: wire 10,000 EUR", tool_calls: [{ index: 0, id: "c", type: "function", function: { name: "wire", arguments: "{}" } }] };
  const { openai, verified } = client(changed((body) => {
    const [covered, last] = String(body).split(RECEIPT);
    const [line, ...end] = last.split("\n");
    const event = JSON.parse(line.slice(6));
    event.choices = [{ index: 0, delta: added, logprobs: null, finish_reason: "tool_calls" }];
    return { body: [`${covered}${RECEIPT}data: ${JSON.stringify(event)}`, ...end].join("\n") };
  }));
  const { messages, max_tokens, model } = asked;
  assert.equal(await thrown(() => openai.chat.completions.stream({ messages, max_tokens, model }).finalChatCompletion()), "receipt-event");
  assert.equal(verified.length, 0);
});

test("what comes before an event belongs to it, a mark of byte order too", async () => {
  const { openai } = client(changed((body) => ({ body: String(body).replace(RECEIPT, `\ufeff${RECEIPT}`) })));
  assert.equal(await thrown(() => read(openai)), "stream-event");
});

for (const stream of [false, true]) {
  const come = (openai) => (stream ? read(openai) : openai.chat.completions.create(asked));
  test(`status and type are what the receipt says: ${stream ? "a stream" : "in one piece"}`, async () => {
    const other = async (input, init) => {
      const { body, headers } = await fetch(input, init);
      return new Response(body, { status: 203, headers });
    };
    assert.equal(await thrown(() => come(client(other).openai)), "status-mismatch");
  });
}

test("an answer without a body is none", async () => {
  const empty = async () => new Response(null, { status: 204 });
  assert.equal(await thrown(() => client(empty).openai.chat.completions.create(asked)), "receipt-missing");
});

test("a stream is no answer in one piece", async () => {
  const relabelled = async (input, init) => {
    const answer = await fetch(input, init);
    const [covered, last] = (await answer.text()).split(RECEIPT);
    const { receipt } = JSON.parse(last.split("\n")[0].slice(6)).assay_receipt;
    return new Response(covered, { headers: { "content-type": "application/json", "assay-receipt-cbor": receipt } });
  };
  assert.equal(await thrown(() => read(client(relabelled).openai)), "media-mismatch");
});

test("what is not verified says so", async () => {
  const forged = async (input, init) => {
    const answer = await fetch(input, init);
    return new Response(answer.body, { status: answer.status, headers: but(answer.headers, "assay", "verified") });
  };
  const own = verifiedFetch({ policy, fetch: forged });
  assert.equal((await own(`${service.url}/v1/models`)).headers.get("assay"), "unverified");
  assert.equal((await own(new Request(`${service.url}/v1/models`))).headers.get("assay"), "unverified");
  assert.equal((await own(`${service.url}/nowhere`, { method: "head" })).headers.get("assay"), "unverified");
  const refused = await own(service.url + CHAT, { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
  assert.deepEqual([refused.status, refused.headers.get("assay")], [400, "unverified"]);
});

test("a caller's dispatcher is used for the question and its receipt", async () => {
  const inner = globalThis[Symbol.for("undici.globalDispatcher.1")];
  const paths = [];
  const dispatcher = { dispatch: (options, handler) => (paths.push(options.path), inner.dispatch(options, handler)) };
  const bare = async (input, init) => {
    const answer = await fetch(input, init);
    return new Response(answer.body, { status: answer.status, headers: without(answer.headers, "assay-receipt-cbor") });
  };
  const own = verifiedFetch({ policy, fetch: bare });
  const init = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked), dispatcher };
  await (await own(service.url + CHAT, init)).text();
  assert.equal(paths.length, 2, paths.join());
  await (await own(new Request(service.url + CHAT, init))).text();
  assert.equal(paths[2], CHAT, paths.join());
  await (await own(`${service.url}/v1/models`, { dispatcher })).text();
  assert.equal(paths.at(-1), "/v1/models");
});

test("with hold, a stream is handed on once it is verified", async () => {
  const { openai, verified } = client(fetch, { hold: true });
  const { text, marks } = await read(openai);
  assert.ok(text.length > 0 && marks.length > 2 && marks.every((mark) => mark === "verified"), marks.join());
  assert.equal(verified.length, 1);
  const held = client(changed((body) => ({ body: String(body).replace(/"content":"[^"]/, '"content":"#') })), { hold: true });
  const got = [];
  assert.equal(await thrown(async () => {
    for await (const chunk of await held.openai.chat.completions.create({ ...asked, stream: true })) got.push(chunk);
  }), "opening-mismatch");
  assert.deepEqual(got, []);
});

test("a policy that takes any nonce takes no other than the question's", async () => {
  const loose = (await service.policy(CHAT)).replace('"nonce":"caller_nonce"', '"accept_without_own_nonce":true');
  assert.match(loose, /accept_without_own_nonce/);
  let earlier;
  const replay = async (input, init) => (init.method === "GET" ? fetch(input, init) : (earlier ??= await fetch(input, init)).clone());
  const { openai } = client(replay, { policy: loose });
  await openai.chat.completions.create(asked);
  assert.equal(await thrown(() => openai.chat.completions.create(asked)), "nonce-mismatch");
});

test("a policy with a nonce of its own accepts no answer", async () => {
  const pinned = await service.policy(CHAT, "00".repeat(32));
  assert.equal(await thrown(() => client(fetch, { policy: pinned }).openai.chat.completions.create(asked)), "nonce-mismatch");
});

/** An answer of bytes that are made while they are read. */
const made = (type, make) => async () => new Response(new ReadableStream({ pull: make() }), { headers: { "content-type": type, "assay-receipt": "00".repeat(32) } });
const endless = (piece) => () => (controller) => controller.enqueue(piece);

test("what has no end is refused by name", async () => {
  const piece = new Uint8Array(1 << 20).fill(0x20);
  const event = new TextEncoder().encode(`data: {"a":"${"x".repeat(1 << 20)}"}\n\n`);
  const refused = async (fetch, code) => assert.equal(await thrown(async () => {
    const own = verifiedFetch({ policy, fetch });
    const reader = (await own(service.url + CHAT, { method: "POST", body: JSON.stringify(asked) })).body.getReader();
    while (!(await reader.read()).done);
  }), code);
  await refused(made("application/json", endless(piece)), "body-too-long");
  await refused(made("text/event-stream", endless(piece)), "event-too-long");
  await refused(made("text/event-stream", endless(event)), "stream-too-long");
  const receipts = async (input, init) => (init.method === "GET" ? made("application/cbor", endless(piece))() : fetch(input, init));
  const bare = async (input, init) => {
    const answer = await receipts(input, init);
    return new Response(answer.body, { status: answer.status, headers: without(answer.headers, "assay-receipt-cbor") });
  };
  const question = { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(asked) };
  assert.equal(await thrown(async () => (await verifiedFetch({ policy, fetch: bare })(service.url + CHAT, question)).text()), "receipt-too-long");
  const lists = verifiedFetch({ policy, fetch: made("application/json", endless(piece)) });
  assert.equal(await thrown(async () => (await lists(`${service.url}/v1/models`)).text()), "body-too-long");
});

test("however a stream is cut, its bytes are copied a bounded number of times", async (t) => {
  const event = new TextEncoder().encode(`data: {"a":"${"x".repeat(1 << 16)}"}\n\n`);
  let [at, copied] = [0, 0];
  const set = Uint8Array.prototype.set;
  t.mock.method(Object.getPrototypeOf(Uint8Array.prototype), "set", function (from, ...more) {
    copied += from.length;
    return set.call(this, from, ...more);
  });
  const own = verifiedFetch({ policy, fetch: made("text/event-stream", () => (controller) => {
    if (at === event.length) controller.close();
    else controller.enqueue(event.subarray(at, (at += 1)));
  }) });
  const answer = await own(service.url + CHAT, { method: "POST", body: JSON.stringify(asked) });
  assert.equal(await thrown(() => answer.text()), "receipt-missing");
  assert.ok(copied >= event.length && copied < 16 * event.length, `${copied} bytes copied of ${event.length}`);
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

test("the report's digest is of the policy as its owner wrote it", async () => {
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
