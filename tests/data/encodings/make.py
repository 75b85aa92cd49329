"""Makes the expected tokens of encodings_test: texts and their ids by the library `tokenizers`.

make.py OUT [NAME=TOKENIZER_JSON ...]     needs `pip install tokenizers`; made with 0.23

Without names it trains small tokenizers of the families that are built in; with names it takes tokenizers as they are.
"""

import json
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

TEXTS = [
    "",
    " ",
    "Hello, world!",
    "  two  spaces   three \t tabs\t\t end  ",
    "line\nline\r\nline\n\n\n  indented\n",
    "I'm sure they'll say it's ours, WE'VE done, don't, I'D, 'Tis, o'clock 'S",
    "0 1 12 123 1234 12345 3.14159 1,000,000 ²³ ½ Ⅷ ٣٤",
    "naïve café résumé Ångström e\u0301 cafe\u0301 ﬁne ﬀ ½",
    "中文字符 日本語のテキスト 한국어 텍스트，。！",
    "emoji 🙂 👩‍👩‍👧 🇩🇪 flags ❤️ end🙂🙂",
    "Привет мир Ελληνικά עברית العربية हिन्दी ไทย",
    "def f(x):\n    return {x: [1, 2]} // 3  # comment\n\tpass",
    "<s> begins, </s> ends <|im_start|>user\nhi<|im_end|> <mask> a<mask>b  <mask>  tail",
    "<|im_start|><|im_start|>  <|im_end|>",
    "word wordy sword word, word",
    "\u00a0no-break\u2003em\u3000ideographic\u200bzero\u0085next\x0bvt\x0cff",
    "... --- !!! ??? ((())) @#$%^&*_+=|\\~`",
    "▁already ▁marked▁",
    "Żółć ſtraße ẞ İstanbul K",
    "\u0001\u0002 control \u007f \ufffd \ufeffbom",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "SELECT name FROM users WHERE id = 42;",
    "Once upon a time, there was a model.",
]


def added():
    special = [AddedToken(t, special=True, normalized=False) for t in ("<s>", "</s>", "<|im_start|>", "<|im_end|>")]
    return special, [
        AddedToken("<mask>", lstrip=True, rstrip=True, normalized=False),
        AddedToken("word", single_word=True, normalized=True),
        AddedToken("model.", normalized=True),
    ]


def finished(tokenizer, trainer):
    tokenizer.train_from_iterator(TEXTS * 3, trainer)
    special, others = added()
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(others)
    return tokenizer


def byte_level(pre_tokenizer, normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    return finished(tokenizer, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False))


def split_bytes(pattern):
    split = pre_tokenizers.Split(Regex(pattern), "isolated")
    return pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def metaspace(normalizer, pre_tokenizer, **model):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, **model))
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.Metaspace(prepend_scheme="always")  # to train with
    special = ["<unk>"] + ([f"<0x{b:02X}>" for b in range(256)] if model.get("byte_fallback") else [])
    words = [t for t in TEXTS if t.isascii()]  # the rest falls back to bytes
    trainer = trainers.BpeTrainer(vocab_size=450, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(words * 3, trainer)
    kinds = json.loads(tokenizer.to_str())
    kinds["added_tokens"] = [t for t in kinds["added_tokens"] if not t["content"].startswith("<0x")]
    if pre_tokenizer is None:
        kinds["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(kinds))
    special, others = added()
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens(others)
    return tokenizer


def small():
    llama2 = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    digits = [
        pre_tokenizers.Split("\n", "merged_with_next"),
        pre_tokenizers.Split(" ", "merged_with_previous"),
        pre_tokenizers.Split(Regex(r"\p{Han}"), "contiguous"),
        pre_tokenizers.Split(Regex(r"[\p{L}\p{M}]+|\s+"), "removed", invert=True),
        pre_tokenizers.Punctuation(),
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False),
    ]
    yield "gpt2", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False))
    yield "prefix-space", byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), normalizers.NFKC())
    yield "llama3", byte_level(split_bytes(LLAMA3), ignore_merges=True)
    yield "qwen2", byte_level(split_bytes(QWEN2), normalizers.NFC())
    yield "splits", byte_level(pre_tokenizers.Sequence(digits), normalizers.NFD())
    yield "llama2", metaspace(llama2, None, byte_fallback=True)
    yield "mistral", metaspace(
        None, pre_tokenizers.Metaspace(prepend_scheme="first", split=False), byte_fallback=True
    )
    yield "metaspace-unknown", metaspace(normalizers.NFKD(), pre_tokenizers.Metaspace(prepend_scheme="always"))


def encoded(tokenizer, source):
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return {
        "tokenizer": source,
        "texts": TEXTS,
        "ids": [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS],
    }


def main(out, *named):
    out = Path(out)
    out.mkdir(exist_ok=True)
    for name, tokenizer in [] if named else small():
        (out / f"{name}.json").write_text(json.dumps(encoded(tokenizer, json.loads(tokenizer.to_str()))) + "\n")
    for name, path in (n.split("=", 1) for n in named):
        made = encoded(Tokenizer.from_file(path), json.loads(Path(path).read_text()))
        (out / f"{name}.json").write_text(json.dumps(made) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
