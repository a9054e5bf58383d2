# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What every family of models answers to; the node, the commands and the evaluation know nothing else."""

from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.scene import SemanticScene, Views


@dataclass(frozen=True)
class ModelInfo:
    """Facts about a loaded model."""

    name: str
    checksum: str
    """First 8 hex digits of the sha256 of its weights file, or "rule" for weights made from names."""
    image_size: tuple[int, int]
    """Height and width of the network image."""
    metric: bool
    """True if it was trained to predict metres."""
    licence: str
    """One sentence for the log, for example "Apache-2.0" or "non-commercial: ..."."""
    stereo_factor: int = 0
    """How many times finer than the network image Views.stereo_images should be; 0 = not used."""


class TextEncoder(Protocol):
    """Text to unit vectors in the space of a family's semantic field."""

    @property
    def dimension(self) -> int:
        """Length d of an embedding."""
        ...

    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings of the texts, float32."""
        ...


class SceneModel(Protocol):
    """A model: views in, scene out, no state between calls."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        ...

    @property
    def text_encoder(self) -> TextEncoder | None:
        """The encoder whose space the scenes' semantics live in; None if the model has no language."""
        ...

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        ...

    def predict(self, views: Views) -> SemanticScene:
        """One feed-forward pass under inference mode.

        Raises:
            SemsplatError: INVALID_ARGUMENT if the number of views or their size does not suit the model.
        """
        ...
