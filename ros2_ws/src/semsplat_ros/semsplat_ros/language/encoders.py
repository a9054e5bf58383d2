# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Text encoders by name, loaded when they are first needed, each text encoded once."""

import threading
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import TextEncoder

OPEN_CLIP = "open_clip:"


def load_text_encoder(name: str) -> TextEncoder:
    """A text encoder by its name.

    Args:
        name: ``minilm``, or ``open_clip:MODEL:FILE`` with a model name that open_clip knows and
            its weights file, for example ``open_clip:ViT-B-16:/models/clip_vitb16.safetensors``.

    Raises:
        SemsplatError: NO_LANGUAGE_MODEL for an unknown name or a library that is not installed,
            BAD_FILE for weights that do not fit.
    """
    if name == "minilm":
        from semsplat_ros.language.minilm import MiniLM

        return MiniLM()
    if name.startswith(OPEN_CLIP) and name.count(":") >= 2:
        from semsplat_ros.language.openclip import OpenClip

        model, file = name[len(OPEN_CLIP) :].split(":", 1)
        return OpenClip(model, file)
    raise SemsplatError(
        ErrorCode.NO_LANGUAGE_MODEL,
        f"text encoder {name!r} is not known; use minilm or open_clip:MODEL:FILE",
    )


class CachedTextEncoder:
    """A text encoder that is loaded at its first use and remembers the texts it has seen last.

    Safe to call from any thread.

    Args:
        source: an encoder, or the name of one as in :func:`load_text_encoder`.
        capacity: how many texts are remembered, the least recently used is forgotten first.
    """

    def __init__(self, source: TextEncoder | str, capacity: int = 1024) -> None:
        self._source = source
        self._capacity = capacity
        self._known: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings of the texts, float32 on the CPU; raises what loading the encoder
        raises."""
        with self._lock:
            new = list(dict.fromkeys(text for text in texts if text not in self._known))
            found = {text: self._known[text] for text in texts if text in self._known}
            if new or not texts:
                rows = self._loaded().encode(new).float().cpu()
                found.update(zip(new, rows, strict=True))
            for text, row in found.items():
                self._known[text] = row
                self._known.move_to_end(text)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)
        if not texts:
            return rows
        return torch.stack([found[text] for text in texts])

    def _loaded(self) -> TextEncoder:
        if isinstance(self._source, str):
            self._source = load_text_encoder(self._source)
        return self._source
