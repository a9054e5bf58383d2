# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a smaller number format costs: tokens and raw heads beside those of float32."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from semsplat_ros.evaluation.benchmark.speed import BenchPair
from semsplat_ros.evaluation.benchmark.upstream_speed import UpstreamRun
from semsplat_ros.networks.clip.clip import ClipImageTower
from semsplat_ros.networks.dpt import DptTrunk
from semsplat_ros.networks.lseg import Lseg
from semsplat_ros.networks.point_transformer.network import PointTransformer
from semsplat_ros.perceiver import Perceiver

_TYPES = (DptTrunk, ClipImageTower, Lseg, PointTransformer)
_NAMES = ("enc_norm", "dec_norm", "head_local_features", "gaussian_proj")
"""Modules whose outputs are tokens or raw heads, before any exponential map."""
SAME_POINTS = ", same points"
"""Behind the name of a module that was given float32's points."""


def compare_precision(pair: BenchPair, run: UpstreamRun) -> dict[str, float]:
    """A system with the same weights in float32 and in another format, on one pair; for a process
    of its own.

    A point transformer sorts points into voxels, where a rounding error decides to which ones a
    point belongs. So it is compared once more, with the same points in both formats: those of
    float32, with the tokens they read.

    Returns:
        :func:`relative_differences`.
    """
    exact, inputs = _observe(run.model("fp32"), pair, {})
    rounded, _ = _observe(run.model(), pair, inputs)
    for name in inputs:
        exact[name + SAME_POINTS] = exact[name]
    return relative_differences(exact, rounded)


def _observe(
    model: Any, pair: BenchPair, inputs: Mapping[str, tuple]
) -> tuple[dict[str, Tensor], dict[str, tuple]]:
    """Raw outputs of a model on a pair, and what its point transformers were given; besides their
    outputs for `inputs`, under their names with :data:`SAME_POINTS`.
    """
    views = Perceiver(model).prepare((pair.left, pair.right))
    parts = {n: m for n, m in vars(model).items() if isinstance(m, nn.Module)}
    modules = nn.ModuleDict(parts)
    with raw_outputs(modules) as outputs, point_inputs(modules) as given:
        model.predict(views)
    with torch.inference_mode():
        for name, values in inputs.items():
            outputs[name + SAME_POINTS] = modules.get_submodule(name)(*values)
    return outputs, given


def relative_differences(
    exact: Mapping[str, Tensor], rounded: Mapping[str, Tensor]
) -> dict[str, float]:
    """|rounded - exact| / |exact| of every output, as lengths of the whole tensor."""
    return {
        where: float((rounded[where] - values).norm() / values.norm())
        for where, values in exact.items()
    }


@contextmanager
def point_inputs(network: nn.Module) -> Iterator[dict[str, tuple]]:
    """What the point transformers are given, by their names."""
    found: dict[str, tuple] = {}
    handles = [
        module.register_forward_pre_hook(
            lambda _module, given, name=name: found.update({name: given})
        )
        for name, module in network.named_modules()
        if isinstance(module, PointTransformer)
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def raw_outputs(network: nn.Module) -> Iterator[dict[str, Tensor]]:
    """Float32 copies of what the observed modules give, by name; a module's second output or call
    has a number behind its name.
    """
    found: dict[str, Tensor] = {}
    seen: Counter[str] = Counter()

    def keep(name: str, result: Any) -> None:
        for values in (result,) if isinstance(result, Tensor) else result:
            if values is not None:
                found[f"{name} {seen[name] + 1}" if seen[name] else name] = values.float().clone()
                seen[name] += 1

    handles = [
        module.register_forward_hook(lambda _module, _inputs, out, name=name: keep(name, out))
        for name, module in network.named_modules()
        if isinstance(module, _TYPES) or name.rsplit(".", 1)[-1] in _NAMES
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()
