# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What this package's operators bring on a processor: the same network with PyTorch's alone."""

import time
from contextlib import nullcontext
from typing import Any

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark.speed import BenchPair, spread
from semsplat_ros.evaluation.benchmark.upstream_speed import UpstreamRun
from semsplat_ros.networks.operators import pytorch_operators
from semsplat_ros.perceiver import Perceiver


def compare_operators(pair: BenchPair, run: UpstreamRun, runs: int) -> dict[str, Any]:
    """``predict`` of one model in float32 with and without this package's operators, in turns, so
    that both meet the same machine; for a process of its own.

    Returns:
        Milliseconds of ``pytorch`` and ``own``, as
        :func:`semsplat_ros.evaluation.benchmark.speed.spread`.

    Raises:
        SemsplatError: INVALID_ARGUMENT on a GPU.
    """
    model = run.model("fp32")
    if model.device.type != "cpu":
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"operators compared on {model.device}; they differ on the CPU alone: use --device "
            "cpu",
        )
    views = Perceiver(model).prepare(pair.left, pair.right)
    times: dict[str, list[float]] = {"pytorch": [], "own": []}
    for _ in range(1 + runs):
        for name, values in times.items():
            with pytorch_operators() if name == "pytorch" else nullcontext():
                start = time.perf_counter()
                model.predict(views)
                values.append((time.perf_counter() - start) * 1e3)
    return {name: spread(values[1:]) for name, values in times.items()}
