# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Figures from records made by hand, where the right answer can be counted on fingers."""

import numpy as np
import pytest

from semsplat_ros.errors import SemsplatError
from semsplat_ros.evaluation.calibration import SHIPPED_THRESHOLD, calibrate
from semsplat_ros.evaluation.room_benchmark import PairRecord, QueryRecord
from semsplat_ros.evaluation.room_report import report, summarise
from semsplat_ros.families.base import Calibration
from semsplat_ros.rooms.builder import CLASSES

COUNT = len(CLASSES)


def query(name: str = "chair", **changes: object) -> QueryRecord:
    values = {
        "name": name, "counts": True, "absent": False, "score": 0.5, "found": True, "right": True,
        "distance": 0.1, "localised": True,
    }  # fmt: skip
    return QueryRecord(**{**values, **changes})


def absent(found: bool, score: float = 0.1) -> QueryRecord:
    nan = float("nan")
    return query(
        "tv", counts=False, absent=True, found=found, right=False, score=score, distance=nan,
        localised=False,
    )  # fmt: skip


def record(queries: list[QueryRecord], split: str = "stereo") -> PairRecord:
    confusion = np.zeros((COUNT, COUNT + 1), np.int64)
    wall, chair = CLASSES.index("wall"), CLASSES.index("chair")
    confusion[wall, wall], confusion[chair, chair], confusion[chair, wall] = 60, 30, 10
    return PairRecord(split, 0.1, 0.4, confusion, tuple(queries))


def test_rates_are_shares_of_what_counts() -> None:
    figures = summarise(
        [
            record([query(), query(found=False), query(right=False), absent(True)]),
            record([query(distance=0.3), absent(False), absent(False), absent(False)]),
        ]
    )
    assert figures["find_success"] == 0.5
    assert figures["wrong_finds"] == 0.25
    assert figures["found_but_elsewhere"] == 0.25
    assert figures["right_at_any_score"] == 0.75
    assert figures["position_error_m"] == pytest.approx(0.2)
    assert figures["by_class"]["chair"]["queries"] == 4
    assert figures["by_class"]["tv"]["wrong_finds"] == 0.25
    assert figures["by_class"]["tv"]["find_success"] is None, "nothing was there to find"


def test_miou_is_the_mean_over_the_classes_that_occur() -> None:
    figures = summarise([record([query()])])
    assert figures["by_class"]["chair"]["iou"] == 0.75
    assert figures["miou"] == pytest.approx((60 / 70 + 0.75) / 2, abs=1e-4)
    assert figures["pixel_accuracy"] == 0.9


def test_the_top_level_is_stereo_and_the_splits_stand_beside() -> None:
    figures = report([record([query()]), record([query(found=False)], "free")])
    assert figures["find_success"] == 1.0
    assert figures["splits"]["free"]["find_success"] == 0.0
    assert "no_baseline" not in figures["splits"], "a split without pairs is not reported as zero"


def test_calibration_puts_the_threshold_where_few_absent_classes_pass() -> None:
    rng = np.random.default_rng(0)
    queries = [absent(False, float(s)) for s in rng.beta(2, 8, 500)]
    queries += [query(score=float(s), right=bool(s > 0.3)) for s in rng.beta(5, 4, 500)]
    points = calibrate([record(queries)], wrong_finds=0.05)
    map_score = Calibration(tuple(points["raw"]), tuple(points["calibrated"]))
    wrong = np.mean([map_score(q.score) >= SHIPPED_THRESHOLD for q in queries if q.absent])
    assert wrong == pytest.approx(0.05, abs=0.01)
    kept = np.mean([map_score(q.score) >= SHIPPED_THRESHOLD for q in queries if q.right])
    assert kept > 0.7


def test_calibration_needs_both_kinds() -> None:
    with pytest.raises(SemsplatError, match="more rooms"):
        calibrate([record([query()])], 0.05)
