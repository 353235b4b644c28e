"""OpenAI's client for Python against a running service. usage: openai_client.py URL MODEL

Everything is asked as its documentation shows; nothing here knows of receipts but the checks that say so.
"""

import sys

import openai

url, model = sys.argv[1:]
client = openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0)
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is it?"}]
greedy = {"model": model, "temperature": 0, "max_tokens": 12}

# Models.
assert [one.id for one in client.models.list()] == [model]
assert client.models.retrieve(model).object == "model"

# A conversation, whole and as a stream.
raw = client.chat.completions.with_raw_response.create(messages=messages, **greedy)
assert len(raw.headers["assay-receipt"]) == 64
whole = raw.parse()
choice = whole.choices[0]
assert choice.message.role == "assistant" and choice.message.content, whole
assert choice.finish_reason in ("length", "stop") and whole.id.startswith("chatcmpl-"), whole
assert whole.usage.prompt_tokens > 5 and whole.usage.completion_tokens <= 12, whole.usage

told, last = "", None
for chunk in client.chat.completions.create(messages=messages, stream=True, **greedy):
    told += chunk.choices[0].delta.content or ""  # as many do it, without a look at the length
    last = chunk
assert told == choice.message.content, (told, choice.message.content)
assert len(last.assay_receipt["id"]) == 64 and last.assay_receipt["receipt"], last

# The client takes an answer that was cut off for a failure: this one ends by itself, before its last characters.
end = told[-3:]
with client.chat.completions.stream(messages=messages, stop=[end], **greedy) as stream:
    final = stream.get_final_completion()
assert final.choices[0].message.content == told[: told.index(end)] and final.choices[0].finish_reason == "stop", final

usage = [
    chunk.usage
    for chunk in client.chat.completions.create(
        messages=messages, stream=True, stream_options={"include_usage": True}, **greedy
    )
    if chunk.usage
]
assert len(usage) == 1 and usage[0] == whole.usage, usage

# What was said before goes back as it came.
again = client.chat.completions.create(
    messages=[*messages, choice.message.model_dump(exclude_none=True), {"role": "user", "content": "Why?"}], **greedy
)
assert again.choices[0].message.content

# Probabilities, in both forms.
likely = client.chat.completions.create(messages=messages, logprobs=True, top_logprobs=3, **greedy).choices[0].logprobs
assert len(likely.content) == whole.usage.completion_tokens and len(likely.content[0].top_logprobs) == 3
assert likely.content[0].token == likely.content[0].top_logprobs[0].token, likely.content[0]
assert all(token.logprob <= 0 for token in likely.content)

# A text.
text = client.completions.create(prompt="Once upon", logprobs=2, **greedy).choices[0]
assert text.text and len(text.logprobs.tokens) == len(text.logprobs.token_logprobs) > 0
told = "".join(chunk.choices[0].text for chunk in client.completions.create(prompt="Once upon", stream=True, **greedy))
assert told == text.text, (told, text.text)

# Stop texts are no part of the answer.
stop = text.text[3:5]
stopped = client.completions.create(prompt="Once upon", stop=[stop], **greedy).choices[0]
assert stopped.finish_reason == "stop" and stopped.text == text.text[: text.text.index(stop)], stopped

# A seed settles everything else; extensions go into the body.
seeded = {"model": model, "max_tokens": 12, "seed": 7, "extra_body": {"top_k": 40, "min_p": 0.01}}
a, b = (client.completions.create(prompt="Once upon", **seeded).choices[0].text for _ in range(2))
assert a == b, (a, b)

# Vectors: the client asks for base64 by itself.
vectors = client.embeddings.create(model=model, input=["a text", "another"]).data
plain = client.embeddings.create(model=model, input="a text", encoding_format="float").data
assert [one.index for one in vectors] == [0, 1] and len(vectors[0].embedding) == len(plain[0].embedding) > 8
assert all(abs(a - b) < 1e-6 for a, b in zip(vectors[0].embedding, plain[0].embedding))


def refused(kind, code, param, ask):
    """Holds what the client raises against what is expected."""
    try:
        ask()
    except kind as error:
        assert error.code == code and error.param == param, (error.code, error.param, code, param)
        assert len(error.response.headers["assay-receipt"]) == 64
        return
    raise AssertionError(f"{code} was not refused")


def ask(**more):
    """A conversation."""
    return lambda: client.chat.completions.create(**{"model": model, "messages": messages, **more})


refused(openai.NotFoundError, "model_not_found", "model", ask(model="other"))
refused(openai.BadRequestError, "unsupported_parameter", "n", ask(n=2))
refused(openai.BadRequestError, "invalid_value", "temperature", ask(temperature=3))
refused(openai.BadRequestError, "invalid_value", "messages[0].role", ask(messages=[{"role": "root", "content": "a"}]))
tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
refused(openai.BadRequestError, "unsupported_parameter", "tools", ask(tools=tools))
long = [{"role": "user", "content": "word " * 20_000}]
refused(openai.BadRequestError, "context_length_exceeded", "messages", ask(messages=long))
refused(openai.BadRequestError, "invalid_nonce", "assay-nonce", ask(extra_headers={"assay-nonce": "00"}))
assert ask(extra_headers={"assay-nonce": "00" * 32}, max_tokens=1)().choices[0].finish_reason == "length"
print("python: the official client is content")
