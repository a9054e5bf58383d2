# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of a model: what is counted, that stages add up, one schema. No test asks how fast."""

import json
import os
import time

import numpy as np
import pytest
import torch
from torch import nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark import speed
from semsplat_ros.evaluation.benchmark.speed import BenchPair
from semsplat_ros.evaluation.benchmark.upstream_speed import UpstreamRun
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.rooms.robot import StereoRig
from test.support.fake_model import FakeModel, ToyTextEncoder, block_image
from test.support.pair_models import tiny_pair_model

ROOM = {"red": (20, 40, 40, 60)}
KEYS = {
    *("model", "device", "threads", "pairs_per_s", "model_ms"),
    *("node_ms", "stages_ms", "query_p95_ms", "peak_mib"),
}


def pair() -> BenchPair:
    return BenchPair(block_image(ROOM), block_image(ROOM), StereoRig(height=128, width=160))


def perceiver() -> Perceiver:
    return Perceiver(FakeModel(), ToyTextEncoder())


def test_spread_names_median_percentiles_and_runs() -> None:
    assert speed.spread(list(range(101))) == {"median": 50.0, "p5": 5.0, "p95": 95.0, "runs": 101}


def test_warm_up_does_not_count_and_stages_are_those_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = FakeModel()
    calls = []
    original = model.predict

    def slow_at_first(views):
        calls.append(len(calls))
        time.sleep(0.3 if len(calls) <= speed.WARM_UP else 0.0)
        return original(views)

    monkeypatch.setattr(model, "predict", slow_at_first)
    found = speed.time_model(Perceiver(model, ToyTextEncoder()), pair(), 4)
    assert len(calls) == speed.WARM_UP + 4
    assert found["model_ms"]["runs"] == 4
    assert found["model_ms"]["p95"] < found["pairs_per_s"] * 1e6
    assert tuple(found["stages_ms"]) == speed.MODEL_STAGES
    assert found["pairs_per_s"] == pytest.approx(1e3 / found["model_ms"]["median"], rel=0.05)


def test_one_run_is_the_sum_of_its_stages() -> None:
    found = speed.time_model(perceiver(), pair(), 1)
    stages = sum(values["median"] for values in found["stages_ms"].values())
    total = found["model_ms"]["median"]
    # What is left is the building of the answer between two looks at the clock.
    assert stages <= total + 0.05
    assert stages == pytest.approx(total, abs=max(0.3 * total, 5.0))


class TwoParts(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(2, 2)
        self.many = nn.ModuleList([nn.Linear(2, 2), nn.Linear(2, 2)])
        self.named = nn.ModuleDict({"only": nn.Linear(2, 2)})
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.many:
            x = part(x)
        return self.one(self.one(self.named["only"](x)))


def test_time_by_named_child_sums_calls_and_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(100))
    monkeypatch.setattr(speed.time, "perf_counter", lambda: next(clock))
    network = TwoParts()
    with speed.module_times(network, torch.device("cpu")) as times:
        network(torch.zeros(1, 2))
    assert times == {"one": 2000.0, "many": 2000.0, "named": 1000.0}
    assert not any(m._forward_hooks for m in network.modules()), "nothing stays behind"


def test_modules_of_an_upstream_network_add_up_to_its_time() -> None:
    model = tiny_pair_model("dust3r", (32, 48))
    found = speed.time_by_module(model, model.network, pair(), 1)
    assert speed.OUTSIDE in found["stages_ms"]
    assert len(found["stages_ms"]) > 1
    together = sum(values["median"] for values in found["stages_ms"].values())
    assert together == pytest.approx(found["model_ms"]["median"], abs=0.1)


def test_figures_have_the_documented_keys_and_none_for_what_was_not_measured() -> None:
    measured = {"device": "cpu", "threads": 1}
    model = {**measured, **speed.time_model(perceiver(), pair(), 2), "peak_mib": 10.0}
    alone = speed.figures("room", model)
    assert set(alone) == KEYS
    assert (alone["device"], alone["threads"]) == ("cpu", 1)
    assert alone["node_ms"] is None
    assert alone["query_p95_ms"] is None
    node = {
        "node_ms": speed.spread([3.0]),
        "stages_ms": {"fill": speed.spread([1.0])},
        "query_ms": speed.spread([5.0]),
        "peak_mib": 20.0,
    }
    both = json.loads(json.dumps(speed.figures("room", model, node)))
    assert set(both) == KEYS
    assert (both["query_p95_ms"], both["peak_mib"]) == (5.0, 20.0)
    assert set(both["stages_ms"]) == {*speed.MODEL_STAGES, "fill"}


def test_memory_is_that_of_a_process_of_its_own() -> None:
    ballast = np.ones(1 << 30, np.uint8)
    assert speed.in_own_process(os.getpid) != os.getpid()
    assert 10 < speed.in_own_process(speed.peak_mib) < speed.peak_mib() - 500
    assert ballast[-1] == 1


def test_what_another_process_refuses_is_said_here() -> None:
    with pytest.raises(SemsplatError, match="'room' given") as error:
        speed.in_own_process(UpstreamRun, "room", "fp32")
    assert error.value.code is ErrorCode.INVALID_ARGUMENT
    with pytest.raises(SemsplatError, match="died"):
        speed.in_own_process(os._exit, 3)
