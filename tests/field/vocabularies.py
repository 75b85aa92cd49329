"""Tokenizers trained on the spot: byte-level BPE, Unigram with metaspaces, WordPiece."""

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<image>"]
BERT_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
CHAT_TOKENS = ["<|im_start|>", "<|im_end|>"]

# Only letters and spaces, so that the smallest vocabularies hold every letter.
TEXT = {
    "general": "a stone soup needs a stone and a pot and all that the village brings to the pot a carrot an onion some "
    "salt and the stone stays in the pot while the soup is stirred until it tastes of everything and nothing is lost",
    "other": "rivers run over rocks and rivers run under bridges while boats drift on rivers and birds drift over "
    "boats the quick brown fox jumps over the lazy dog by the river bank and the jazz band plays on",
}
SAMPLE = "the pot and the stone"

CHAT_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def words(text):
    """Several orders of the words, so that a trainer sees pairs more than once."""
    parts = TEXT[text].split()
    return [" ".join(parts[k:] + parts[:k]) for k in range(0, len(parts), 7)]


def bpe(text, size):
    made = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=False))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    letters = ["Ġ", *"abcdefghijklmnopqrstuvwxyz"]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=SPECIAL, initial_alphabet=letters, show_progress=False, min_frequency=1
    )
    made.train_from_iterator(words(text), trainer)
    made.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", made.token_to_id("<s>"))]
    )
    return made


def unigram(text, size):
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.Replace(Regex(" {2,}"), " ")
    made.pre_tokenizer = pre_tokenizers.Metaspace()
    made.decoder = decoders.Metaspace()
    letters = ["▁", *"abcdefghijklmnopqrstuvwxyz"]
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=SPECIAL, unk_token="<unk>", initial_alphabet=letters, show_progress=False
    )
    made.train_from_iterator(words(text), trainer)
    end = made.token_to_id("</s>")
    made.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", end)]
    )
    return made


def wordpiece(text, size):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=size, special_tokens=BERT_SPECIAL, show_progress=False)
    made.train_from_iterator(words(text), trainer)
    ids = [(token, made.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=ids
    )
    return made


def trained(kind, text, size):
    """-> the library's tokenizer object, which models are saved with. It has at most `size` tokens."""
    backend = {"bpe": bpe, "unigram": unigram, "wordpiece": wordpiece}[kind](text, size)
    if kind == "wordpiece":
        pad, unknown, first, last, mask = BERT_SPECIAL
        names = {"pad_token": pad, "unk_token": unknown, "cls_token": first, "sep_token": last, "mask_token": mask}
    else:
        names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names)


def special_ids(tokenizer):
    """Text -> id under the names that configurations ask for, whatever the kind calls them."""
    vocabulary = tokenizer.get_vocab()
    return {token: vocabulary.get(token, tokenizer.pad_token_id) for token in SPECIAL} | {
        "<pad>": tokenizer.pad_token_id
    }
