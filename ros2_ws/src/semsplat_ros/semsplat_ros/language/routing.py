# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Free text to the classes of a model that knows no others.

A network that was trained against the embeddings of a few class names answers well for these
names and badly for their neighbours in the embedding space. A text is therefore compared with the
names first, word against word, where the text encoder is at home; the network is only asked how
likely each class is.
"""

import threading

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.families.base import LanguageProfile
from semsplat_ros.language.encoders import CachedTextEncoder
from semsplat_ros.language.nouns import OTHER_THINGS, named_class

CLASS_TEMPERATURE = 40.0
"""Between classes: sharp, the nearest name wins."""
GATE_TEMPERATURE = 20.0
"""Between the classes and everything else: soft, it is the mass that counts."""
GATE = (0.4, 0.7)
"""Mass of the classes below which a text means none of them, and above which it surely means
one."""
NOTHING_COSINE = 0.4
"""A text that is less similar than this to everything means nothing known."""


class ClassRouter:
    """Weights of a model's classes for a text. Safe to call from any thread.

    Args:
        profile: closed-set language with class names and embeddings.
        encoder: used for texts that are neither a class name nor a synonym of one.
    """

    def __init__(self, profile: LanguageProfile, encoder: CachedTextEncoder) -> None:
        self._names, self._words = profile.class_names, profile.synonyms
        self._embeddings = profile.class_embeddings.float().cpu()
        self._encoder = encoder
        self._index = {name.casefold(): i for i, name in enumerate(self._names)}
        # A class that is another one's synonym stays itself.
        self._synonyms = {
            word: self._index[name]
            for name, words in profile.synonyms.items()
            if name in self._index
            for word in words
            if word not in self._index
        }
        self._others = [
            word for word in OTHER_THINGS if word not in self._index and word not in self._synonyms
        ]
        self._lock = threading.Lock()
        self._anchors: tuple[Tensor, Tensor, Tensor] | None = None

    def weights(self, text: str) -> Float[Tensor, " c"]:
        """0..1 for each class; they sum to 1 for a text that surely means one, to 0 for a giraffe.

        Raises:
            SemsplatError: NO_LANGUAGE_MODEL if the text is in no list and the encoder cannot be
                loaded.
        """
        known = self._lookup(text)
        if known is not None:
            return torch.nn.functional.one_hot(torch.tensor(known), len(self._names)).float()
        names, owner, others = self._load_anchors()
        query = self._encoder.encode([text])[0]
        cosine = names @ query
        best = torch.full((len(self._names),), -1.0).scatter_reduce(0, owner, cosine, "amax")
        nothing = torch.cat([others @ query, torch.tensor([NOTHING_COSINE])])
        classes = torch.logsumexp(GATE_TEMPERATURE * best, 0)
        rest = torch.logsumexp(GATE_TEMPERATURE * nothing, 0)
        mass = torch.sigmoid(classes - rest)
        low, high = GATE
        gate = ((mass - low) / (high - low)).clamp(0.0, 1.0)
        return gate * torch.softmax(CLASS_TEMPERATURE * best, 0)

    def embed(self, labels: list[str]) -> Float[Tensor, "l d"]:
        """Unit embeddings: the class's own where a label is one or means one, else the
        encoder's."""
        known = [self._lookup(label) for label in labels]
        new = [label for label, index in zip(labels, known, strict=True) if index is None]
        encoded = iter(self._encoder.encode(new) if new else ())
        return torch.stack([next(encoded) if k is None else self._embeddings[k] for k in known])

    def _lookup(self, text: str) -> int | None:
        """Class index of a text that is in the lists; a plural with s is read as its singular."""
        name = named_class(text, self._names, self._words)
        return None if name is None else self._names.index(name)

    def _load_anchors(self) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings of all names and synonyms, the class of each, embeddings of the other
        things."""
        with self._lock:
            if self._anchors is None:
                words = [*self._index, *self._synonyms]
                owner = torch.tensor([*self._index.values(), *self._synonyms.values()])
                encoded = self._encoder.encode([*words, *self._others])
                self._anchors = (encoded[: len(words)], owner, encoded[len(words) :])
            return self._anchors
