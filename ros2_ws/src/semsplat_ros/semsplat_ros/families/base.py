# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What every family of models answers to; the node, the commands and the evaluation know nothing
else."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.scene import ModelInfo, SemanticScene, Views


@runtime_checkable
class TextEncoder(Protocol):
    """Text to unit vectors in the space of a family's semantic field."""

    @property
    def dimension(self) -> int:
        """Length d of an embedding."""
        ...

    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings of the texts, float32."""
        ...


@dataclass(frozen=True)
class Calibration:
    """A piecewise-linear map from a raw score to the calibrated score that users see, both 0..1.

    Outside the points the end values hold. Every model carries its own, measured on images it
    was not trained on, so that a threshold means the same for all of them.

    Raises:
        SemsplatError: BAD_FILE if the points are not a rising curve inside 0..1.
    """

    raw: tuple[float, ...] = (0.0, 1.0)
    """Strictly rising."""
    calibrated: tuple[float, ...] = (0.0, 1.0)
    """Not falling."""

    def __post_init__(self) -> None:
        x, y = np.asarray(self.raw, float), np.asarray(self.calibrated, float)
        shaped = x.shape == y.shape and x.size >= 2
        if not (
            shaped
            and np.isfinite(x).all()
            and (np.diff(x) > 0).all()
            and (np.diff(y) >= 0).all()
            and y.min() >= 0.0
            and y.max() <= 1.0
        ):
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"calibration points {self.raw} -> {self.calibrated} are no rising curve inside "
                "0..1; give at least two raw values in strictly rising order and as many "
                "calibrated ones",
            )

    def __call__(self, score: float) -> float:
        """The calibrated score of a raw score."""
        return float(np.interp(score, self.raw, self.calibrated))

    def raw_of(self, score: float) -> float:
        """The raw score of a calibrated score; of several the largest."""
        return float(np.interp(score, self.calibrated, self.raw))


class LanguageKind(StrEnum):
    """What the semantics of a model were learned from, which decides how text is scored."""

    OPEN = "open"
    """From a vision-language model: any text is compared with the features as they are."""
    CLOSED_SET = "closed_set"
    """From a list of class names: text is routed through the classes it is near to."""


@dataclass(frozen=True)
class LanguageProfile:
    """What a model's language is like; :mod:`semsplat_ros.language.relevancy` scores text by
    it."""

    kind: LanguageKind
    encoder: str = ""
    """Text encoder to load where the model brings none of its own, for example ``minilm``; see
    :func:`semsplat_ros.language.encoders.load_text_encoder`."""
    class_names: tuple[str, ...] = ()
    """Closed set: the names of the classes."""
    class_embeddings: Float[Tensor, "c d"] | None = None
    """Closed set: one unit row a class, what the semantic field was trained against."""
    temperature: float = 12.0
    """Closed set: class probabilities are softmax(temperature * cosine)."""
    calibration: Calibration | None = None
    """Measured for this model; None takes the kind's default."""
    synonyms: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Closed set: class name -> other words that mean it."""


@runtime_checkable
class SceneModel(Protocol):
    """A model: views in, scene out, no state between calls."""

    @property
    def info(self) -> ModelInfo:
        """Facts about the model."""
        ...

    @property
    def text_encoder(self) -> TextEncoder | None:
        """The encoder whose space the scenes' semantics live in; None if the model has no
        language."""
        ...

    @property
    def language(self) -> LanguageProfile | None:
        """How text is compared with the scenes' semantics; None if the model has no language."""
        ...

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        ...

    def predict(self, views: Views) -> SemanticScene:
        """One feed-forward pass under inference mode.

        Raises:
            SemsplatError: INVALID_ARGUMENT if the number of views or their size does not suit the
                model.
        """
        ...
