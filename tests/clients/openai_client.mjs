// OpenAI's client for Node against a running service. usage: node openai_client.mjs URL MODEL
import assert from "node:assert/strict";
import OpenAI, { APIError } from "openai";

const [url, model] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0 });
const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "What is it?" }];
const greedy = { model, temperature: 0, max_tokens: 12 };

// Models.
const models = [];
for await (const one of client.models.list()) models.push(one.id);
assert.deepEqual(models, [model]);
assert.equal((await client.models.retrieve(model)).object, "model");

// A conversation, whole and as a stream.
const { data: whole, response } = await client.chat.completions
  .create({ messages, ...greedy })
  .withResponse();
assert.match(response.headers.get("assay-receipt"), /^[0-9a-f]{64}$/);
const kept = await fetch(`${url}/v1/receipts/${response.headers.get("assay-receipt")}`);
assert.ok(kept.ok && (await kept.arrayBuffer()).byteLength > 1000);
const [choice] = whole.choices;
assert.equal(choice.message.role, "assistant");
assert.ok(choice.message.content && ["length", "stop"].includes(choice.finish_reason));

let told = "";
let last;
for await (const chunk of await client.chat.completions.create({ messages, stream: true, ...greedy })) {
  told += chunk.choices[0].delta.content ?? ""; // as many do it, without a look at the length
  last = chunk;
}
assert.equal(told, choice.message.content);
assert.match(last.assay_receipt.id, /^[0-9a-f]{64}$/);

const final = await client.chat.completions.stream({ messages, ...greedy }).finalChatCompletion();
assert.equal(final.choices[0].message.content, told);
assert.equal(final.choices[0].finish_reason, choice.finish_reason);

const usage = [];
const options = { stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.chat.completions.create({ messages, ...options, ...greedy }))
  if (chunk.usage) usage.push(chunk.usage);
assert.deepEqual(usage, [whole.usage]);

// What was said before goes back as it came.
const more = [...messages, choice.message, { role: "user", content: [{ type: "text", text: "Why?" }] }];
assert.ok((await client.chat.completions.create({ messages: more, ...greedy })).choices[0].message);

// Probabilities, and a text.
const { logprobs } = (await client.chat.completions.create({ messages, logprobs: true, top_logprobs: 2, ...greedy })).choices[0];
assert.equal(logprobs.content.length, whole.usage.completion_tokens);
assert.equal(logprobs.content[0].token, logprobs.content[0].top_logprobs[0].token);
const text = (await client.completions.create({ prompt: "Once upon", ...greedy })).choices[0].text;
told = "";
for await (const chunk of await client.completions.create({ prompt: "Once upon", stream: true, ...greedy }))
  told += chunk.choices[0].text;
assert.equal(told, text);

// Vectors: the client asks for base64 by itself.
const vectors = (await client.embeddings.create({ model, input: ["a text", "another"] })).data;
const plain = (await client.embeddings.create({ model, input: "a text", encoding_format: "float" })).data;
assert.equal(vectors.length, 2);
assert.ok(plain[0].embedding.every((real, at) => Math.abs(real - vectors[0].embedding[at]) < 1e-6));

// Refusals.
const refused = async (status, code, param, more) => {
  const { headers, ...body } = more;
  const asked = client.chat.completions.create({ model, messages, ...body }, { headers });
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof APIError);
    assert.deepEqual([error.status, error.code, error.param], [status, code, param]);
    assert.match(error.headers.get("assay-receipt"), /^[0-9a-f]{64}$/);
    return true;
  });
};
await refused(404, "model_not_found", "model", { model: "other" });
await refused(400, "unsupported_parameter", "n", { n: 2 });
await refused(400, "unsupported_parameter", "tools", { tools: [{ type: "function", function: { name: "f", parameters: {} } }] });
assert.ok((await client.chat.completions.create({ messages, tools: [], tool_choice: "none", top_p: 0, ...greedy })).choices[0]);
await refused(400, "context_length_exceeded", "messages", {
  messages: [{ role: "user", content: "word ".repeat(20_000) }],
});
await refused(400, "invalid_nonce", "assay-nonce", { headers: { "assay-nonce": "00" } });

// Leaving ends it.
const left = await client.chat.completions.create({ messages, stream: true, ...greedy, max_tokens: 400 });
for await (const _ of left) break;
console.log("node: the official client is content");
