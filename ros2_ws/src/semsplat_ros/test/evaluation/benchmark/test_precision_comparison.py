# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Distance of a smaller number format from float32, and that it is small at official size."""

from typing import Any

import pytest
import torch

from semsplat_ros.evaluation.benchmark import upstream_speed
from semsplat_ros.evaluation.benchmark.precision_comparison import (
    SAME_POINTS,
    compare_precision,
    raw_outputs,
    relative_differences,
)
from semsplat_ros.evaluation.benchmark.speed import BenchPair, in_own_process, room_pair
from semsplat_ros.evaluation.benchmark.upstream_speed import UpstreamRun
from semsplat_ros.families.lsm import lsm_by_rule
from semsplat_ros.networks.lsm import TINY_LSM
from semsplat_ros.networks.point_transformer.network import PointTransformer
from semsplat_ros.rooms.robot import StereoRig
from test.support.fake_model import block_image
from test.support.pair_models import tiny_pair_model

LIMIT = 0.01
"""With weights made from names, where raw head values are sums of terms that nearly cancel. What
follows the voxels of LSM is left out: rounding moves some of its points into other ones."""
OBSERVED = {
    *("enc_norm", "dec_norm", "dec_norm 2"),
    *("downstream_head1.dpt", "downstream_head2.dpt"),
}


def test_difference_is_relative_to_the_length_of_the_exact_tensor() -> None:
    exact = {"a": torch.tensor([3.0, 4.0]), "b": torch.ones(4)}
    rounded = {"a": torch.tensor([3.0, 4.5]), "b": torch.ones(4)}
    assert relative_differences(exact, rounded) == {"a": pytest.approx(0.1), "b": 0.0}


def test_tokens_and_raw_heads_of_both_sides_are_observed() -> None:
    network = tiny_pair_model("dust3r", (32, 48)).network
    with torch.no_grad(), raw_outputs(network) as found:
        network(torch.zeros(1, 2, 3, 32, 48))
    assert set(found) == OBSERVED
    assert found["downstream_head1.dpt"].shape == (1, 4, 32, 48)
    assert not any(m._forward_hooks for m in network.modules())


def test_comparison_sees_the_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    def small(name: str, dtype: torch.dtype, *_: object):
        return tiny_pair_model(name, (32, 48), dtype=dtype)

    monkeypatch.setattr(upstream_speed, "rule_model", small)
    pair = BenchPair(block_image({"red": (20, 40, 40, 60)}), block_image({}), StereoRig(128, 160))
    apart = compare_precision(pair, UpstreamRun("dust3r", "bf16", "cpu", 1))
    assert {name.removeprefix("network.") for name in apart} == OBSERVED
    assert all(1e-5 < value < 0.05 for value in apart.values())


def test_a_point_transformer_is_also_compared_with_the_points_of_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def small(_name: str, dtype: torch.dtype, *_: object):
        return lsm_by_rule(0, TINY_LSM, (32, 64), dtype=dtype)

    seen: list[torch.Tensor] = []
    forward = PointTransformer.forward

    def watched(self: PointTransformer, features: torch.Tensor, *rest: Any) -> torch.Tensor:
        seen.append(features)
        return forward(self, features, *rest)

    monkeypatch.setattr(PointTransformer, "forward", watched)
    monkeypatch.setattr(upstream_speed, "rule_model", small)
    pair = BenchPair(block_image({"red": (20, 40, 40, 60)}), block_image({}), StereoRig(128, 160))
    apart = compare_precision(pair, UpstreamRun("lsm", "bf16", "cpu", 1))
    exact, rounded, again = seen
    assert torch.equal(again, exact) and not torch.equal(rounded, exact)
    of_points = {name: value for name, value in apart.items() if "point_transformer" in name}
    assert set(of_points) == {
        "network.point_transformer",
        "network.point_transformer" + SAME_POINTS,
    }
    assert all(1e-5 < value < 1 for value in of_points.values())
    assert of_points["network.point_transformer" + SAME_POINTS] < 0.05


@pytest.mark.golden
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    not torch.cpu._is_avx512_bf16_supported(), reason="this CPU has no bfloat16 units"
)
@pytest.mark.parametrize("name", ["spatialsplat", "dust3r", "splatt3r", "lsm"])
def test_bfloat16_stays_close_to_float32_at_official_size(name: str) -> None:
    pair = in_own_process(room_pair, 1_000_000)
    apart = in_own_process(compare_precision, pair, UpstreamRun(name, "bf16", "cpu"))
    tokens = {where: value for where, value in apart.items() if "_norm" in where}
    assert len(tokens) == 3
    moved = [where for where in apart if where.endswith(("point_transformer", "gaussian_proj"))]
    assert len(moved) == (2 if name == "lsm" else 0)
    assert max(apart[where] for where in apart if where not in moved) < LIMIT, apart
