# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Text to unit vectors through a CLIP text tower: that of LSeg (ViT-B/32) or of CLIP ViT-B/16."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.networks.clip.clip import Clip
from semsplat_ros.networks.clip.tokenizer import tokenize

BATCH = 64


class ClipTextEncoder:
    """A :class:`semsplat_ros.families.base.TextEncoder`; safe to call from any thread.

    Args:
        clip: its text part is used; the image tower may be gone.
    """

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    @property
    def dimension(self) -> int:
        """Length d of an embedding."""
        return self._clip.config.embedding

    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings of the texts, float32, on the CPU. No template is put around a text."""
        device = self._clip.text_projection.device
        rows = [torch.zeros(0, self.dimension)]
        with torch.inference_mode():
            for start in range(0, len(texts), BATCH):
                tokens = tokenize(texts[start : start + BATCH], self._clip.config.context)
                features = self._clip.encode_text(tokens.to(device)).float()
                rows.append(F.normalize(features, dim=-1).cpu())
        # A copy outside of inference mode: callers may train with it.
        return torch.cat(rows).clone()
