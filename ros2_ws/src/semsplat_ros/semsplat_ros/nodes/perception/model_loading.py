# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From the parameters to a model that is ready for pairs, and back."""

import gc
import logging
import time
from collections.abc import Callable

import numpy as np
import torch

from semsplat_ros.errors import SemsplatError
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.registry import load_model
from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import Vocabulary
from semsplat_ros.view_layout import ViewLayout

_logger = logging.getLogger(__name__)


def load_configured_model(settings: Settings) -> SceneModel:
    """The model that the parameters name."""
    model = settings.model
    return load_model(
        model.name,
        checkpoint=model.checkpoint,
        device=model.device,
        precision=model.precision,
        sha256=model.sha256,
        image_size=model.image_size,
        view_layout=ViewLayout(model.view_layout),
        threads=model.threads,
    )


def configured_perceiver(
    load: Callable[[Settings], SceneModel], settings: Settings
) -> tuple[Perceiver, Vocabulary | None]:
    """A model with everything around it, warmed up, and the labels to start with.

    Args:
        load: makes the model, as :func:`load_configured_model` does.
        settings: model.* and semantics.vocabulary.

    Raises:
        SemsplatError: what the model cannot be loaded for; see
            :func:`semsplat_ros.families.registry.load_model`.
    """
    start = time.monotonic()
    _logger.info("loading model %s", settings.model.name)
    perceiver = Perceiver(load(settings))
    labels = tuple(label for label in settings.semantics.vocabulary if label.strip())
    if labels:
        vocabulary = perceiver.make_vocabulary(labels, version=1)
    else:
        vocabulary = perceiver.default_vocabulary
    if settings.model.warmup:
        _warm_up(perceiver)
    # What is loaded stays: the collector need not look through it, a tenth of a second on the
    # worker's thread, again and again. What it passed over since another load in this process may
    # have become garbage.
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    info = perceiver.model.info
    _logger.info(
        "model %s-%s on %s in %.1f s; licence: %s",
        *(info.name, info.checksum, perceiver.model.device, time.monotonic() - start),
        info.licence,
    )
    return perceiver, vocabulary


def _warm_up(perceiver: Perceiver) -> None:
    """One grey pair and one question: what is loaded at first use is there for the first user."""
    height, width = perceiver.model.info.image_size
    grey = np.full((height, width, 3), 127, np.uint8)
    perception = perceiver.perceive(perceiver.prepare((grey, grey)))
    try:
        perceiver.relevancy(perception, "anything")
    except SemsplatError as problem:
        _logger.warning("queries will not be answered: %s", problem.message)


def free_memory() -> None:
    """Give back what a model held that nobody refers to any more; never raises."""
    gc.unfreeze()
    gc.collect()
    if torch.cuda.is_available():
        try:
            torch.cuda.empty_cache()
        except RuntimeError as problem:  # of a device that is lost
            _logger.warning("GPU memory could not be given back: %s", str(problem).split("\n")[0])
