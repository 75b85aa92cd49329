"""The vocabulary of a merge and the rows of its embeddings, from what the library says of each model's tokenizer.

A token of the output has, in each model, its own row there or else a common default row; the method merges these.
"""

import torch


def ordered(vocabulary, rows):
    """Tokens by ascending id, those that the model has a row for."""
    return [token for token, i in sorted(vocabulary.items(), key=lambda pair: pair[1]) if i < rows]


def ordinary(tokenizer):
    return tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False)


def union(tokenizers, rows):
    """token -> id: the first tokenizer and what the others have more, ordinary tokens before added ones."""
    made = {token: i for token, i in tokenizers[0].get_vocab().items() if i < rows[0]}
    for vocabulary_of in (ordinary, lambda tokenizer: tokenizer.get_vocab()):
        for tokenizer, count in zip(tokenizers, rows):
            for token in ordered(vocabulary_of(tokenizer), count):
                made.setdefault(token, len(made))
    return made


def extended(vocabulary, tokens):
    """New tokens at the end, in the order of the recipe."""
    for token in tokens:
        vocabulary.setdefault(token, 1 + max(vocabulary.values()))
    return vocabulary


def default_row(token, vocabularies, matrices, base, overrides):
    """`overrides` maps a token to a function of the matrices that gives its row."""
    if token in overrides:
        return overrides[token](matrices)
    having = [name for name, vocabulary in vocabularies.items() if token in vocabulary]
    if not having:
        return torch.zeros_like(matrices[base][0])
    if base in having:
        return matrices[base][vocabularies[base][token]]
    return torch.stack([matrices[name][vocabularies[name][token]] for name in having]).mean(0)


def remapped(vocabulary, vocabularies, matrices, base, overrides=None, forced=(), multiple=1):
    """model -> matrix with one row per token of `vocabulary`, and rows of padding that are the mean of these.

    @param vocabularies  model -> token -> id, in the order of the recipe
    @param matrices      model -> embedding, head or bias in float64, rows first
    """
    overrides = overrides or {}
    count = 1 + max(vocabulary.values())
    padded = -(-count // multiple) * multiple
    made = {}
    for name, matrix in matrices.items():
        new = torch.zeros(count, *matrix.shape[1:], dtype=matrix.dtype)
        for token, row in vocabulary.items():
            own = vocabularies[name].get(token)
            if own is None or own >= len(matrix) or token in forced:
                new[row] = default_row(token, vocabularies, matrices, base, overrides)
            else:
                new[row] = matrix[own]
        mean = new.mean(0, keepdim=True).expand(padded - count, *matrix.shape[1:])
        made[name] = torch.cat([new, mean])
    return made
