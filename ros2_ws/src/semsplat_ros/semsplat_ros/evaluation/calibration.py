# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From a model's raw scores to scores that mean something: 0.25 is the threshold that is
shipped."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import yaml
from scipy.optimize import isotonic_regression

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.room_benchmark import PairRecord

SHIPPED_THRESHOLD = 0.25
"""Default of the parameter query.min_score."""
POINTS = 9


def calibrate(records: Sequence[PairRecord], wrong_finds: float) -> dict[str, list[float]]:
    """Piecewise-linear calibration from records with raw scores.

    The raw score at which `wrong_finds` of the absent classes would be found is mapped to 0.25.
    Below and above, scores follow the measured share of answers that are right (isotonic
    regression),
    squeezed into 0..0.25 and 0.25..1.

    Args:
        records: made without a calibration.
        wrong_finds: share of the queries for absent classes that may pass the threshold.

    Returns:
        {"raw": [...], "calibrated": [...]} as config.yaml holds it.

    Raises:
        SemsplatError: INVALID_ARGUMENT if there are no absent or no present classes to learn from.
    """
    queries = [q for r in records for q in r.queries if q.counts or q.absent]
    absent = np.array([q.score for q in queries if q.absent])
    if len(absent) == 0 or len(absent) == len(queries):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{len(queries)} queries, {len(absent)} of them for absent classes; take more rooms",
        )
    threshold = float(np.quantile(absent, 1.0 - wrong_finds))
    score = np.array([q.score for q in queries])
    right = np.array([float(q.counts and q.right) for q in queries])
    order = np.argsort(score)
    probability = isotonic_regression(right[order]).x
    raw = np.unique(np.append(np.quantile(score, np.linspace(0, 1, POINTS)), threshold))
    raw = raw[(raw > 1e-3) & (raw < 1.0 - 1e-3)]
    at_raw = np.interp(raw, score[order], probability)
    pivot = float(np.clip(np.interp(threshold, score[order], probability), 1e-3, 1.0 - 1e-3))
    calibrated = np.where(
        at_raw <= pivot,
        SHIPPED_THRESHOLD * at_raw / pivot,
        SHIPPED_THRESHOLD + (1 - SHIPPED_THRESHOLD) * (at_raw - pivot) / (1 - pivot),
    )
    # Isotonic steps are flat: a small slope keeps the order of the raw scores.
    calibrated = 0.95 * calibrated + 0.05 * raw
    shift = SHIPPED_THRESHOLD - float(np.interp(threshold, raw, calibrated))
    calibrated = np.maximum.accumulate(np.clip(calibrated + shift, 0.0, 1.0))
    return {
        "raw": [0.0, *(round(float(v), 4) for v in raw), 1.0],
        "calibrated": [0.0, *(round(float(v), 4) for v in calibrated), 1.0],
    }


def store(folder: Path, calibration: dict[str, list[float]] | None) -> None:
    """Write a calibration into a model's config.yaml; None takes it out."""
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["calibration"] = calibration
    path.write_text(yaml.safe_dump(config, sort_keys=False))
