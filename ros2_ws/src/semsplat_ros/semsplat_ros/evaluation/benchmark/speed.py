# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How fast a model is and how much memory it takes, without ROS.

Every duration is told as :func:`spread`: the median with the 5th and the 95th percentile and the
number of runs. Runs before them (:data:`WARM_UP`) are not counted: they load libraries and fill
caches.
"""

import multiprocessing
import resource
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import UInt8
from torch import nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.base import SceneModel
from semsplat_ros.families.registry import load_model
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.rooms.robot import StereoRig
from semsplat_ros.rooms.simulation import RobotInRoom

WARM_UP = 3
MODEL_STAGES = ("prepare", "predict", "label", "segment")
OUTSIDE = "outside the network"

Result = TypeVar("Result")


@dataclass(frozen=True)
class BenchPair:
    """What a robot's stereo camera sees in a generated room."""

    left: UInt8[np.ndarray, "h w 3"]
    right: UInt8[np.ndarray, "h w 3"]
    rig: StereoRig


def room_pair(seed: int) -> BenchPair:
    """The first view, 640 x 480 pixels, of the robot in a room."""
    rig = StereoRig(height=480, width=640)
    with RobotInRoom(seed, rig) as robot:
        return BenchPair(*robot.images(robot.pose(0.0), rig), rig)


def spread(milliseconds: Sequence[float]) -> dict[str, float | int]:
    """Median, 5th and 95th percentile and number of runs; milliseconds to two digits."""
    low, middle, high = np.percentile(milliseconds, (5, 50, 95))
    return {
        "median": round(float(middle), 2),
        "p5": round(float(low), 2),
        "p95": round(float(high), 2),
        "runs": len(milliseconds),
    }


def peak_mib() -> float:
    """Most memory that this process has held at one time (resident set), MiB."""
    try:
        # getrusage knows it too, but starts with the peak of the process that started this one.
        lines = Path("/proc/self/status").read_text().splitlines()
        kib = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(kib / 1024.0, 1)


def in_own_process(function: Callable[..., Result], *arguments: Any) -> Result:
    """Run a function in a fresh process, so that its memory is its own.

    What the function raises is raised here.

    Raises:
        SemsplatError: INTERNAL if the process dies, as it does when the memory is too small.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        try:
            return pool.submit(function, *arguments).result()
        except BrokenProcessPool as error:
            raise SemsplatError(
                ErrorCode.INTERNAL,
                f"the process of {function.__name__} died without a word, perhaps for want of "
                "memory; close other programs or measure a smaller model",
            ) from error


def bench_shipped(
    pair: BenchPair, name: str, checkpoint: str, device: str, threads: int, runs: int
) -> dict[str, Any]:
    """:func:`time_model` of a model of the zoo and ``peak_mib``; for a process of its own."""
    perceiver = Perceiver(load_model(name, checkpoint, device, threads=threads))
    found = time_model(perceiver, pair, runs)
    return {
        "device": str(perceiver.model.device),
        "threads": torch.get_num_threads(),
        **found,
        "peak_mib": peak_mib(),
    }


def time_model(perceiver: Perceiver, pair: BenchPair, runs: int) -> dict[str, Any]:
    """Images to a perception: ``prepare`` and ``perceive``.

    Returns:
        ``pairs_per_s``, ``model_ms`` and ``stages_ms`` of :data:`MODEL_STAGES`, whose times add up
        to the model's in every run.
    """
    matrix = pair.rig.intrinsics
    prior = CameraPrior((matrix, matrix), baseline=pair.rig.baseline, rectified=True)
    rows: dict[str, list[float]] = defaultdict(list)
    for run in range(WARM_UP + runs):
        start = time.perf_counter()
        views = perceiver.prepare((pair.left, pair.right), prior)
        prepared = time.perf_counter()
        perception = perceiver.perceive(views)
        _wait_for(perceiver.model.device)
        if run < WARM_UP:
            continue
        rows["total"].append((time.perf_counter() - start) * 1e3)
        rows["prepare"].append((prepared - start) * 1e3)
        for stage, milliseconds in perception.stages_ms.items():
            rows[stage].append(milliseconds)
    return {
        "pairs_per_s": round(1e3 / float(np.median(rows["total"])), 3),
        "model_ms": spread(rows["total"]),
        "stages_ms": {stage: spread(rows[stage]) for stage in MODEL_STAGES},
    }


def time_by_module(
    model: SceneModel, network: nn.Module, pair: BenchPair, runs: int
) -> dict[str, Any]:
    """``predict`` alone, split by the network's named children.

    Returns:
        ``pairs_per_s``, ``model_ms`` and ``stages_ms`` by the child's name, with
        :data:`OUTSIDE` for what predict does besides: together they are the model's time.
    """
    views = Perceiver(model).prepare((pair.left, pair.right))
    totals: list[float] = []
    rows: list[Mapping[str, float]] = []
    with module_times(network, model.device) as times:
        for _ in range(1 + runs):
            times.clear()
            start = time.perf_counter()
            model.predict(views)
            _wait_for(model.device)
            total = (time.perf_counter() - start) * 1e3
            rows.append({**times, OUTSIDE: max(total - sum(times.values()), 0.0)})
            totals.append(total)
    names = sorted({name for row in rows for name in row}, key=lambda n: -rows[-1].get(n, 0.0))
    return {
        "pairs_per_s": round(1e3 / float(np.median(totals[1:])), 3),
        "model_ms": spread(totals[1:]),
        "stages_ms": {n: spread([row.get(n, 0.0) for row in rows[1:]]) for n in names},
    }


@contextmanager
def module_times(network: nn.Module, device: torch.device) -> Iterator[dict[str, float]]:
    """Milliseconds that are spent in each named child of a network, summed over its calls.

    A list or dictionary of modules counts as its members together. Children that are called
    inside another child count to both; there are none in this package's networks.
    """
    times: dict[str, float] = defaultdict(float)
    started: dict[str, float] = {}
    handles = []

    def before(name: str) -> Callable:
        def note(*_: Any) -> None:
            _wait_for(device)
            started[name] = time.perf_counter()

        return note

    def after(name: str) -> Callable:
        def note(*_: Any) -> None:
            _wait_for(device)
            times[name] += (time.perf_counter() - started[name]) * 1e3

        return note

    for name, child in network.named_children():
        groups = isinstance(child, nn.ModuleList | nn.ModuleDict)
        parts = list(child.children()) if groups else [child]
        for part in parts:
            handles.append(part.register_forward_pre_hook(before(name)))
            handles.append(part.register_forward_hook(after(name)))
    try:
        yield times
    finally:
        for handle in handles:
            handle.remove()


def _wait_for(device: torch.device) -> None:
    """A GPU works on after its calls have returned."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def figures(
    name: str, model: Mapping[str, Any], node: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What ``semsplat bench --json`` writes; what was not measured is None.

    Args:
        name: of the model.
        model: from :func:`bench_shipped` or
            :func:`semsplat_ros.evaluation.benchmark.upstream_speed.bench_upstream`.
        node: from :func:`semsplat_ros.nodes.bench.bench_node`; its process held model and node,
            so its memory is the one that is told.
    """
    node = node or {}
    query = node.get("query_ms")
    return {
        "model": name,
        "device": model["device"],
        "threads": model["threads"],
        "pairs_per_s": model["pairs_per_s"],
        "model_ms": model["model_ms"],
        "node_ms": node.get("node_ms"),
        "stages_ms": {**model["stages_ms"], **node.get("stages_ms", {})},
        "query_p95_ms": query["p95"] if query else None,
        "peak_mib": node.get("peak_mib", model["peak_mib"]),
    }
