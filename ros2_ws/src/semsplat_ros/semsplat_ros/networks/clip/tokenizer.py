# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Text to the byte-pair tokens that CLIP's text towers read (CLIP paper, section 2.4)."""

import gzip
from functools import cache
from importlib import resources

import torch
from jaxtyping import Int
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
from torch import Tensor

CONTEXT = 77
END_OF_WORD = "</w>"
START = "<|startoftext|>"
END = "<|endoftext|>"
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def tokenize(texts: list[str], context: int = CONTEXT) -> Int[Tensor, "t {context}"]:
    """Tokens of each text between a start and an end mark, then zeros.

    Text is put in lower case and composed form, typographic quotes become plain ones; words and
    punctuation are split as CLIP does. A text that is too long is cut so that the end mark stands
    last.
    """
    tokenizer = _tokenizer()
    start, end = tokenizer.token_to_id(START), tokenizer.token_to_id(END)
    out = torch.zeros(len(texts), context, dtype=torch.long)
    for row, encoding in zip(out, tokenizer.encode_batch(texts), strict=True):
        tokens = [start, *encoding.ids[: context - 2], end]
        row[: len(tokens)] = torch.tensor(tokens)
    return out


@cache
def _tokenizer() -> Tokenizer:
    packed = resources.files("semsplat_ros.networks.clip.vocabulary").joinpath("merges.txt.gz")
    lines = gzip.decompress(packed.read_bytes()).decode().splitlines()
    pairs = (line.split() for line in lines)
    merges = [(first, second) for first, second in pairs]
    letters = _byte_letters()
    symbols = [
        *letters,
        *(letter + END_OF_WORD for letter in letters),
        *("".join(merge) for merge in merges),
        START,
        END,
    ]
    vocabulary = {symbol: number for number, symbol in enumerate(symbols)}
    tokenizer = Tokenizer(
        models.BPE(vocab=vocabulary, merges=merges, end_of_word_suffix=END_OF_WORD)
    )
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex("[\u2018\u2019]"), "'"),
            normalizers.Replace(Regex("[\u201c\u201d]"), '"'),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    return tokenizer


def _byte_letters() -> list[str]:
    """A printable letter for every byte value, in the order of CLIP's vocabulary.

    Printable Latin-1 bytes stand for themselves and come first; the others get the letters from
    U+0100 on.
    """
    printable = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return [chr(byte) for byte in printable] + [chr(0x100 + i) for i in range(len(others))]
