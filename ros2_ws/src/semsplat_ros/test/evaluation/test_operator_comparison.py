# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The comparison runs both ways; how fast they are is no test's business."""

from unittest import mock

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark import upstream_speed
from semsplat_ros.evaluation.benchmark.speed import BenchPair
from semsplat_ros.evaluation.benchmark.upstream_speed import UpstreamRun
from semsplat_ros.evaluation.operator_comparison import compare_operators
from semsplat_ros.families import pair_loading
from semsplat_ros.networks import linear
from semsplat_ros.networks.croco import TINY_CROCO
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.rooms.robot import StereoRig
from test.support.fake_model import block_image

PAIR = BenchPair(block_image({}), block_image({}), StereoRig(height=128, width=160))


def test_a_gpu_has_nothing_to_compare(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = mock.Mock(device=torch.device("meta"))
    monkeypatch.setattr(upstream_speed, "rule_model", lambda *_: elsewhere)
    with pytest.raises(SemsplatError, match="--device cpu") as refusal:
        compare_operators(PAIR, UpstreamRun("dust3r", "fp32", "cpu", 1), 1)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


@pytest.mark.skipif(not linear._ONEDNN, reason="PyTorch without oneDNN")
def test_every_second_pair_takes_pytorchs_operators_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    small = pair_loading.by_rule("dust3r", 0, TINY_CROCO, TINY_DPT, (32, 48))
    monkeypatch.setattr(upstream_speed, "rule_model", lambda *_: small)
    product = mock.Mock(wraps=torch.ops.mkldnn._linear_pointwise)
    calls = []
    predict = small.predict

    def counting(views: object) -> object:
        before = product.call_count
        scene = predict(views)
        calls.append(product.call_count - before)
        return scene

    monkeypatch.setattr(small, "predict", counting)
    with mock.patch.object(torch.ops.mkldnn, "_linear_pointwise", product):
        found = compare_operators(PAIR, UpstreamRun("dust3r", "fp32", "cpu", 1), 2)
    assert [values["runs"] for values in found.values()] == [2, 2]
    assert list(found) == ["pytorch", "own"]
    assert calls[0::2] == [0, 0, 0]
    assert calls[1] > 0
    assert calls[1::2] == [calls[1]] * 3
