"""Recipes about tokens: whose tokenizer, which rows, which chat template."""

import torch
import vocabularies
from expectations import average
from family import Case, weighted
from loading import tokenizer_of
from unions import extended, remapped, union


def of_vocabulary(f, models, tokenizer, vocabulary, **rows):
    """A linear merge over `models` whose embeddings follow `vocabulary`."""
    anchor = next(iter(models))
    known = {m: {t: i for t, i in f.tokenizer(m).get_vocab().items() if i < row_count(f, m)} for m in models}
    recipe = {"merge_method": "linear", "base_model": anchor, "models": weighted(**models), "tokenizer": tokenizer}

    def expected():
        states = [dict(f.state(m)) for m in models]
        for name in f.architecture.vocab_tensors:
            if name not in states[0]:
                continue
            matrices = {m: f.state(m)[name].double() for m in models}
            for state, new in zip(states, remapped(vocabulary, known, matrices, anchor, **rows).values()):
                state[name] = new
        return average(states, list(models.values()))

    def check(loaded):
        assert tokenizer_of(loaded.directory).get_vocab() == vocabulary, "another vocabulary"

    return {"recipe": recipe, "expected": expected, "tolerance": 1e-6, "check": check}


def row_count(f, model):
    return len(f.state(model)[f.architecture.vocab_tensors[0]])


def tokenizers(f):
    def united(*models):
        return union([f.tokenizer(m) for m in models], [row_count(f, m) for m in models])

    pair = {"base": 0.5, "chat": 0.5}
    both = united("base", "chat")
    yield Case("tokenizer: union", **of_vocabulary(f, pair, {"source": "union"}, both))
    base, chat = f.tokenizer("base").get_vocab(), f.tokenizer("chat").get_vocab()
    yield Case("tokenizer: base", **of_vocabulary(f, pair, {"source": "base"}, base))
    yield Case("tokenizer: a model's", **of_vocabulary(f, pair, {"source": "chat"}, chat))
    padded = {"source": "union", "pad_to_multiple_of": 32}
    yield Case("tokenizer: rows in 32s", **of_vocabulary(f, pair, padded, both, multiple=32))
    yield overridden(f, pair, both, chat)
    if f.has("other"):
        three = {"base": 0.5, "chat": 0.3, "other": 0.2}
        yield Case("tokenizer: union of three", **of_vocabulary(f, three, {"source": "union"}, united(*three)))


def overridden(f, pair, vocabulary, chat):
    start, end = vocabularies.CHAT_TOKENS
    tokens = {
        start: {"source": "chat", "force": True},
        "<|tool|>": {"source": {"kind": "model_token", "model": "chat", "token": end}},
        "<|spare|>": {"source": {"kind": "zero"}},
        "<|seventh|>": {"source": {"kind": "model_token", "model": "base", "token_id": 7}},
    }
    rows = {
        start: lambda matrices: matrices["chat"][chat[start]],
        "<|tool|>": lambda matrices: matrices["chat"][chat[end]],
        "<|spare|>": lambda matrices: torch.zeros_like(matrices["base"][0]),
        "<|seventh|>": lambda matrices: matrices["base"][7],
    }
    wanted = extended(dict(vocabulary), tokens)
    made = of_vocabulary(f, pair, {"source": "union", "tokens": tokens}, wanted, overrides=rows, forced={start})
    return Case("tokenizer: rows by hand", **made)


TALK = [
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "v"},
]
RENDERED = {
    "chatml": "<|im_start|>system\ns<|im_end|>\n<|im_start|>user\nu<|im_end|>\n"
    "<|im_start|>assistant\na<|im_end|>\n<|im_start|>user\nv<|im_end|>\n<|im_start|>assistant\n",
    "llama3": "<s><|start_header_id|>system<|end_header_id|>\n\ns<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nu<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\na<|eot_id|>"
    "<|start_header_id|>user<|end_header_id|>\n\nv<|eot_id|>"
    "<|start_header_id|>assistant<|end_header_id|>\n\n",
    "mistral": "<s> [INST] s\n\nu [/INST] a</s> [INST] v [/INST]",
    "alpaca": "s\n\n### Instruction:\nu\n\n### Response:\na\n\n### Instruction:\nv\n\n### Response:\n",
    "exaone": "[|system|]s[|endofturn|]\n[|user|]u\n[|assistant|]a[|endofturn|]\n[|user|]v\n[|assistant|]",
}


def chat_templates(f):
    if f.name != "llama":
        return
    plain = {"merge_method": "linear", "models": weighted(base=1, a=1)}
    wanted = dict(RENDERED)
    wanted["{% for m in messages %}{{ m['content'] }};{% endfor %}"] = "s;u;a;v;"
    for template, text in wanted.items():
        yield Case(f"chat_template: {template[:12]}", plain | {"chat_template": template}, check=renders(text))
    recipe = {"merge_method": "linear", "base_model": "base", "models": weighted(base=1, chat=1)}
    recipe |= {"chat_template": "auto", "tokenizer": {"source": "union"}}
    yield Case("chat_template: auto", recipe, check=renders(RENDERED["chatml"]))


def renders(text):
    def check(loaded):
        tokenizer = tokenizer_of(loaded.directory)
        got = tokenizer.apply_chat_template(TALK, tokenize=False, add_generation_prompt=True)
        assert got == text, f"{got!r}, not {text!r}"

    return check
