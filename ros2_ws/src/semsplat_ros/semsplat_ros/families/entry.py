# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the rest of the package knows of a model, written once, at the foot of its family's file.

A package outside of this one registers such an entry in the entry-point group ``semsplat.models``;
see docs/add_a_model.md.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch

from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.weights.sources import WeightSource


@runtime_checkable
class Loader(Protocol):
    """Makes a model from a file, or from nothing if :attr:`ModelEntry.needs_file` is false."""

    def __call__(
        self,
        path: Path | None,
        device: torch.device,
        dtype: torch.dtype,
        *,
        sha256: str = "",
        image_size: int = 0,
    ) -> SceneModel:
        """A model that is ready to run.

        Args:
            path: the weights file that the user gave.
            device: where to run.
            dtype: number format of the large matrices.
            sha256: hex digest that the file must have, or "".
            image_size: side of the network image in pixels, 0 = as it was trained.

        Raises:
            SemsplatError: IO_ERROR or BAD_FILE for the file, INVALID_ARGUMENT for the image size.
        """
        ...


@runtime_checkable
class FolderLoader(Protocol):
    """Makes a model from a folder with ``config.yaml``, as the shipped ones are."""

    def __call__(
        self, folder: Path, weights: Path, device: torch.device, dtype: torch.dtype, sha256: str
    ) -> SceneModel:
        """A model that is ready to run; `weights` is the folder's file, or one that replaces it.

        Raises:
            SemsplatError: IO_ERROR or BAD_FILE.
        """
        ...


@runtime_checkable
class NamedWeightsModel(Protocol):
    """Makes a model at official size with weights made from the tensors' names."""

    def __call__(self, image_size: int, device: torch.device, dtype: torch.dtype) -> SceneModel:
        """For benchmarks: time and memory are real, scenes mean nothing. `image_size` as for
        :class:`Loader`.
        """
        ...


@dataclass(frozen=True)
class ModelEntry:
    """One model."""

    name: str
    """Value of the parameter ``model.name``."""
    load: Loader | None = None
    """None for a family whose models are folders."""
    load_folder: FolderLoader | None = None
    """For families of shipped models: ``family: NAME`` in ``config.yaml`` chooses it."""
    needs_file: bool = True
    """Whether ``model.checkpoint`` must be given."""
    source: WeightSource | None = None
    """Where its weights are and under which terms, if they are not shipped."""
    with_named_weights: NamedWeightsModel | None = None
    """None if there is no benchmark without a file."""
    view_layouts: bool = False
    """Whether :class:`semsplat_ros.view_layout.ViewLayout` can be chosen."""
    answers_words: str = "no"
    """For the table of docs/models.md, and the next two as well."""
    unit: str = "unknown"
    """Of positions without a baseline."""
    network_image: str = ""
    file: str = ""
    """What `model.checkpoint` is, if it is not the source's file."""
