# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What of the upstream models is measured: sizes, weights, refusals. No test asks how fast."""

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.benchmark import upstream_speed
from semsplat_ros.evaluation.benchmark.speed import BenchPair
from semsplat_ros.evaluation.benchmark.upstream_speed import (
    UpstreamRun,
    bench_upstream,
    weights_mib,
)
from semsplat_ros.families import dust3r, lsm, spatialsplat, splatt3r
from semsplat_ros.families.spatialsplat import spatialsplat_by_rule
from semsplat_ros.networks.clip.clip import TINY_CLIP
from semsplat_ros.networks.spatialsplat import TINY_SPLAT
from semsplat_ros.rooms.robot import StereoRig
from test.support.fake_model import block_image
from test.support.pair_models import tiny_pair_model

ROOM = {"red": (20, 40, 40, 60)}


@pytest.mark.parametrize(
    ("name", "precision"), [("room", "fp32"), ("lsm", "fp8"), ("lsm", ""), ("", "fp32")]
)
def test_what_cannot_be_measured_is_refused(name: str, precision: str) -> None:
    with pytest.raises(SemsplatError) as error:
        UpstreamRun(name, precision)
    assert error.value.code is ErrorCode.INVALID_ARGUMENT


class Asked(Exception):  # noqa: N818  (nothing went wrong)
    """A model of official size was asked for; making it would take seconds."""


@pytest.mark.parametrize(
    ("name", "side", "sides"),
    [
        ("dust3r", 0, (384, 512)),
        ("dust3r", 224, (224, 224)),
        ("splatt3r", 0, (512, 512)),
        ("spatialsplat", 0, (256, 256)),
        ("lsm", 128, (128, 128)),
    ],
)
def test_image_size_is_the_one_of_training_or_the_one_asked_for(
    monkeypatch: pytest.MonkeyPatch, name: str, side: int, sides: tuple[int, int]
) -> None:
    def asked_for(*_names: str, **options: object) -> None:
        raise Asked(options["image_size"], options["dtype"])

    monkeypatch.setattr(dust3r, "pair_model_by_rule", asked_for)
    monkeypatch.setattr(splatt3r, "splatt3r_by_rule", asked_for)
    monkeypatch.setattr(lsm, "lsm_by_rule", asked_for)
    monkeypatch.setattr(spatialsplat, "spatialsplat_by_rule", asked_for)
    with pytest.raises(Asked) as asked:
        UpstreamRun(name, "bf16", "cpu", 1, side).model()
    assert asked.value.args == (sides, torch.bfloat16)


def test_weights_are_counted_once_and_the_text_tower_with_them() -> None:
    exact, half = (
        spatialsplat_by_rule(0, TINY_SPLAT, TINY_CLIP, (64, 64), dtype=dtype)
        for dtype in (torch.float32, torch.bfloat16)
    )
    text = exact.text_encoder
    assert text is not None
    modules = (exact.network, text._clip)
    expected = sum(p.nbytes for m in modules for p in m.parameters()) / 2**20
    assert weights_mib(exact) == pytest.approx(expected, abs=0.06)
    assert weights_mib(half) < 0.75 * weights_mib(exact)


def test_a_run_says_what_it_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    small = tiny_pair_model("dust3r", (32, 48))
    monkeypatch.setattr(upstream_speed, "rule_model", lambda *_: small)
    pair = BenchPair(block_image(ROOM), block_image(ROOM), StereoRig(height=128, width=160))
    found = bench_upstream(pair, UpstreamRun("dust3r", "fp32", "cpu", 1), 1)
    assert found["image_size"] == [32, 48]
    assert found["model_ms"]["runs"] == 1
    assert found["threads"] == 1
    assert found["peak_mib"] > found["weights_mib"] > 0
