# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Benchmark of the node: the real node, a model without weights, another process that looks on."""

import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark.speed import MODEL_STAGES, BenchPair
from semsplat_ros.nodes.bench import NODE_STAGES, split, time_node
from semsplat_ros.rooms.robot import StereoRig
from test.support.fake_model import FakeModel, block_image
from test.support.perception_rig import ROOM, VOCABULARY

PAIR = BenchPair(block_image(ROOM), block_image(ROOM), StereoRig(height=128, width=160))


@pytest.mark.ros
@pytest.mark.timeout(180)
def test_real_node_is_measured_over_dds() -> None:
    model = FakeModel()
    found = time_node(PAIR, 4, {"semantics.vocabulary": VOCABULARY}, lambda _: model)
    assert set(found) == {"node_ms", "stages_ms", "query_ms"}
    assert tuple(found["stages_ms"]) == NODE_STAGES
    for values in (found["node_ms"], found["query_ms"], *found["stages_ms"].values()):
        assert set(values) == {"median", "p5", "p95", "runs"}
        assert values["runs"] == 4
        assert 0.0 <= values["p5"] <= values["median"] <= values["p95"]
    assert found["query_ms"]["p5"] > 0.0
    for stage in ("decode", "fill", "publish"):
        assert found["stages_ms"][stage]["median"] > 0.0, "clouds and masks had a listener"


@pytest.mark.ros
@pytest.mark.timeout(180)
def test_model_that_cannot_be_loaded_is_named() -> None:
    def load(_settings):
        raise SemsplatError(ErrorCode.BAD_FILE, "not a weights file")

    with pytest.raises(SemsplatError, match="not a weights file"):
        time_node(PAIR, 1, {}, load)


def samples(pairs: int) -> dict[str, list[float]]:
    """Stages that take 1, 2, 3, ... ms, 10 ms of the total in no stage."""
    stages = ("decode", "fill", "publish", *MODEL_STAGES)
    rows = {stage: [float(i + 1)] * pairs for i, stage in enumerate(stages)}
    total = sum(values[0] for values in rows.values()) + 10.0
    return {**rows, "total": [total] * pairs, "wait": [0.5] * pairs}


def test_stages_add_up_to_the_nodes_time_without_the_model() -> None:
    found = split(samples(3))
    stages = {name: values["median"] for name, values in found["stages_ms"].items()}
    assert stages == {"wait": 0.5, "decode": 1.0, "other": 10.0, "fill": 2.0, "publish": 3.0}
    assert found["node_ms"]["median"] == sum(stages.values())
    assert found["node_ms"]["runs"] == 3


def test_a_pair_that_has_only_begun_does_not_shift_the_rows() -> None:
    rows = samples(2)
    for stage in ("wait", "decode"):
        rows[stage].insert(0, 99.0)
    assert split(rows)["stages_ms"]["wait"] == {"median": 0.5, "p5": 0.5, "p95": 0.5, "runs": 2}
