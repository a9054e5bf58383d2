# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How fast the upstream models are at official size, and how much memory they take, with weights
made from names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from semsplat_ros.cpu_threads import network_threads
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark.speed import BenchPair, peak_mib, time_by_module
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.registry import (
    PRECISIONS,
    choose_device,
    model_entry,
    upstream_models,
)


@dataclass(frozen=True)
class UpstreamRun:
    """What is measured."""

    name: str
    """One of :func:`semsplat_ros.families.registry.upstream_models`."""
    precision: str
    """One of :data:`semsplat_ros.families.registry.PRECISIONS`."""
    device: str = "auto"
    threads: int = 0
    """0 = one a core."""
    image_size: int = 0
    """Longer side of the network image in pixels; 0 = as it was trained."""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises:
            SemsplatError: INVALID_ARGUMENT.
        """
        _check("model", self.name, upstream_models())
        _check("precision", self.precision, tuple(PRECISIONS))

    def model(self, precision: str = "") -> Any:
        """The :class:`semsplat_ros.families.base.SceneModel`, in this or another precision, with
        its ``network``; the process then computes with this many threads.
        """
        torch.set_num_threads(self.threads or network_threads(small=False))
        dtype = PRECISIONS[precision or self.precision]
        return rule_model(self.name, dtype, choose_device(self.device), self.image_size)


def _check(what: str, given: str, allowed: Sequence[str]) -> None:
    if given not in allowed:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{what} '{given}' given; with weights by rule there are {', '.join(allowed)}",
        )


def bench_upstream(pair: BenchPair, run: UpstreamRun, runs: int) -> dict[str, Any]:
    """:func:`semsplat_ros.evaluation.benchmark.speed.time_by_module`, ``image_size``, ``peak_mib``
    and ``weights_mib``; for a process of its own.
    """
    model = run.model()
    found = time_by_module(model, model.network, pair, runs)
    return {
        "device": str(model.device),
        "threads": torch.get_num_threads(),
        "image_size": list(model.info.image_size),
        **found,
        "peak_mib": peak_mib(),
        "weights_mib": weights_mib(model),
    }


def rule_model(name: str, dtype: torch.dtype, device: torch.device, image_size: int = 0) -> Any:
    """An upstream model at full size, weights made from names; see :class:`UpstreamRun`."""
    return model_entry(name).with_named_weights(image_size, device, dtype)


def weights_mib(model: SceneModel) -> float:
    """All parameters and buffers of the modules that a model and its text encoder hold, each
    tensor once, MiB.
    """
    holders = [holder for holder in (model, model.text_encoder) if holder is not None]
    modules = [m for h in holders for m in vars(h).values() if isinstance(m, nn.Module)]
    sizes = {t.data_ptr(): t.nbytes for m in modules for t in (*m.parameters(), *m.buffers())}
    return round(sum(sizes.values()) / 2**20, 1)
