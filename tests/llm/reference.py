"""`make llm-test`: our tokens and chat templates beside the reference libraries', on tokenizers of the three kinds that models
have and on templates with the constructs that vendors use.

usage: reference.py ASSAY
"""

import json
import pathlib
import random
import subprocess
import sys
import tempfile

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SPECIAL = ["<|begin|>", "<|end|>", "<|user|>", "[INST]"]
# The pattern that Qwen and Llama 3 split words by.
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"


def corpus():
    return [(ROOT / name).read_text() for name in ("README.md", "FORMAT.md", "ARCHITECTURE.md")]


def byte_level():
    """As Llama 3, Qwen 2 and Qwen 3 have it."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Regex(WORDS), behavior="isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=SPECIAL, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    begin = tokenizer.token_to_id("<|begin|>")
    tokenizer.post_processor = processors.TemplateProcessing(single="<|begin|> $A", special_tokens=[("<|begin|>", begin)])
    return tokenizer


def sentence_piece():
    """As Llama 2 and Mistral have it: blanks are letters, and what has no letter is bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    pieces = ["<unk>", *SPECIAL, *[f"<0x{byte:02X}>" for byte in range(256)]]
    trainer = trainers.BpeTrainer(vocab_size=900, special_tokens=pieces, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    # Bytes are tokens of the model, not texts that stand for them.
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [token for token in spec["added_tokens"] if not token["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(spec))


def word_piece():
    """As encoders of the BERT type have it."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=900, special_tokens=["[UNK]", "[CLS]", "[SEP]", *SPECIAL], show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    ends = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def texts():
    """Texts of several scripts, texts that are none, and pieces of our documents."""
    fixed = ["", " ", "  a  b ", "\n\n\t x", "naïve café", "日本語のテキスト", "Ελληνικά и русский", "👩‍👩‍👧 family", "e\u0301 é", "عربي",
             "don't we'll I'M", "1234567 3.14 1e-5", "<|user|>a<|end|> [INST]b", "a\u00a0b\u200bc", "\u0000\u0007", "�", "ﬁ Å", "x" * 500]
    chance = random.Random(7)
    letters = "abc XYZ 0189 .,;!?\n\té中😀'\"<|>▁Ġ"
    made = ["".join(chance.choice(letters) for _ in range(chance.randrange(1, 60))) for _ in range(200)]
    documents = "".join(corpus())
    cut = [documents[at : at + 200] for at in range(0, len(documents) - 200, 1009)]
    return fixed + made + cut


TEMPLATES = {
    "chatml": """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are helpful.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}""",
    "inst": """{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' '  + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    "headers": """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- if strftime_now is defined %}
        {%- set date_string = strftime_now("%d %b %Y") %}
    {%- else %}
        {%- set date_string = "26 Jul 2024" %}
    {%- endif %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "You have access to the following functions.\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
""",
    "namespace": """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- if tools %}
    {{- '# Tools\\n<tools>' }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools>\\n" }}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set content = message.content %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is defined and message.reasoning_content is not none %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- else %}
            {%- if '</think>' in message.content %}
                {%- set content = message.content.split('</think>')[-1].lstrip('\\n') %}
                {%- set reasoning_content = message.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- endif %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}""",
    "macros": """{% macro show(message, last=false) -%}
  [{{ message.role | upper }}{% if last %}!{% endif %}] {{ message.content if message.content is string else message.content | map(attribute='text') | join(' ') }}
{%- endmacro %}
{% for message in messages %}
    {% if message.role == 'tool' %}{% continue %}{% endif %}
    {% if loop.index > 20 %}{% break %}{% endif %}
{{ show(message, last=loop.last) }}
{% endfor %}
{{ messages | selectattr('role', 'equalto', 'user') | list | length }} {{ true }} {{ none }} {{ 3 / 2 }} {{ 7 // 2 }} {{ 2 ** 3 }} {{ messages[0].get('name', 'nobody') }} {{ messages[0].items() | list | length }} {{ 'a,b' .split(',') | join('-') }} {{ 'abc'[::-1] }} {{ ['a', 'b'] + ['c'] | list }} {{ 'x' ~ 1 ~ 2.5 }} {{ ' t '|trim|length }} {{ (messages|last).content|default('d') }} {{ 'Title case'.title() }} {{ "%s-%d" | format("a", 3) }}
""",
}

CONVERSATIONS = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": " Be brief. "}, {"role": "user", "content": "  Hi\nthere "}, {"role": "assistant", "content": "Yes?"}, {"role": "user", "content": "é日本😀 \"q\" <b> & 'c'"}],
    [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>\nhm\n</think>\n\nb"}, {"role": "user", "content": "c"}, {"role": "assistant", "content": "<think>\nx\n</think>\n\ny"}],
    [{"role": "user", "content": "weather?"}, {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "w", "arguments": {"z": 1, "city": "Zürich", "deg": 1.0, "tiny": 1e-07}}}]},
     {"role": "tool", "content": "12"}, {"role": "tool", "content": "{\"a\": 1}"}, {"role": "user", "content": "ok"}],
    [{"role": "user", "name": "eve", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}],
]
TOOLS = [{"type": "function", "function": {"name": "w", "description": "Weather <now> & 'then'", "parameters": {"type": "object", "properties": {"z": {"type": "number"}, "city": {"enum": ["é", None, True, 1.5]}}, "required": []}}}]


def environment():
    """As transformers makes it (utils/chat_template_utils.py), without its clock."""
    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols])

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    return made


def ours(assay, folder, cases):
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    done = subprocess.run([assay, "llm-text", folder], input=lines, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"reference: error: {done.stderr}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def write(assay, folder, tokenizer, template):
    """A model around a tokenizer and a template: what the program takes is a whole folder."""
    config = {"model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1,
              "vocab_size": 1200, "max_position_embeddings": 100_000}
    given = folder / "given.json"
    given.write_text(json.dumps(config))
    model = folder / "model"
    subprocess.run([assay, "llm-specimen", given, "-o", model], check=True)
    tokenizer.save(str(model / "tokenizer.json"))
    (model / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": {"content": "</s>"}}))
    (model / "chat_template.jinja").write_text(template)
    return model


def tokens(assay):
    for make in (byte_level, sentence_piece, word_piece):
        tokenizer = make()
        with tempfile.TemporaryDirectory() as folder:
            model = write(assay, pathlib.Path(folder), tokenizer, "")
            found = ours(assay, model, [{"text": text} for text in texts()])
        for text, found in zip(texts(), found, strict=True):
            expected = tokenizer.encode(text).ids
            decoded = tokenizer.decode(expected, skip_special_tokens=True)
            if found["tokens"] != expected or found["text"] != decoded:
                sys.exit(f"reference: error: {make.__name__}, {text!r}: {found}, expected {expected}, {decoded!r}")
        print(f"{make.__name__}: {len(texts())} texts, the same tokens and the same texts of them")


def templates(assay):
    tokenizer = byte_level()
    count = refused = 0
    for name, source in TEMPLATES.items():
        template = environment().from_string(source)
        cases = [{"messages": messages, **({"tools": TOOLS} if tools else {})} for messages in CONVERSATIONS for tools in (False, True)]
        with tempfile.TemporaryDirectory() as folder:
            found = ours(assay, write(assay, pathlib.Path(folder), tokenizer, source), cases)
        for case, found in zip(cases, found, strict=True):
            words = {"documents": None, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}
            try:
                expected = {"text": template.render(messages=case["messages"], tools=case.get("tools"), **words)}
                expected["tokens"] = tokenizer.encode(expected["text"], add_special_tokens=False).ids
            except (TypeError, jinja2.exceptions.UndefinedError):  # a list where a text was meant: how each says so is its own
                expected = {"error": "llm-template-failed", "why": found.get("why")}
                refused += 1
            except jinja2.exceptions.TemplateError as error:
                expected = {"error": "llm-template-refuses", "why": f"the chat template refuses: {error}"}
                refused += 1
            if found != expected:
                sys.exit(f"reference: error: template {name}, {case}:\n{found}\nexpected\n{expected}")
            count += 1
    print(f"{len(TEMPLATES)} templates: {count} conversations, {refused} of them refused by both, the same texts and tokens")


tokens(sys.argv[1])
templates(sys.argv[1])
