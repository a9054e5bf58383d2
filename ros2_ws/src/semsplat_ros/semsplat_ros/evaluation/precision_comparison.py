# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a smaller number format costs: tokens and raw heads beside those of float32."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from semsplat_ros.evaluation.speed import BenchPair
from semsplat_ros.evaluation.upstream_speed import UpstreamRun
from semsplat_ros.networks.clip import ClipImageTower
from semsplat_ros.networks.dpt import DptTrunk
from semsplat_ros.networks.lseg import Lseg
from semsplat_ros.networks.point_transformer import PointTransformer
from semsplat_ros.perceiver import Perceiver

_TYPES = (DptTrunk, ClipImageTower, Lseg, PointTransformer)
_NAMES = ("enc_norm", "dec_norm", "head_local_features", "gaussian_proj")
"""Modules whose outputs are tokens or raw heads, before any exponential map."""


def compare_precision(pair: BenchPair, run: UpstreamRun) -> dict[str, float]:
    """A system with the same weights in float32 and in another format, on one pair; for a process
    of its own.

    Returns:
        :func:`relative_differences`.
    """
    found = []
    for precision in ("fp32", run.precision):
        model = run.model(precision)
        views = Perceiver(model).prepare(pair.left, pair.right)
        modules = {n: m for n, m in vars(model).items() if isinstance(m, nn.Module)}
        with raw_outputs(nn.ModuleDict(modules)) as outputs:
            model.predict(views)
        found.append(outputs)
        del model
    return relative_differences(*found)


def relative_differences(
    exact: Mapping[str, Tensor], rounded: Mapping[str, Tensor]
) -> dict[str, float]:
    """|rounded - exact| / |exact| of every output, as lengths of the whole tensor."""
    return {
        where: float((rounded[where] - values).norm() / values.norm())
        for where, values in exact.items()
    }


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
