# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Records of many pairs to the figures that are reported."""

from collections.abc import Sequence

import numpy as np

from semsplat_ros.evaluation.room_benchmark import SPLITS, PairRecord, QueryRecord
from semsplat_ros.evaluation.room_pairs import QUERIED
from semsplat_ros.rooms.builder import CLASSES

DIGITS = 4


def report(records: Sequence[PairRecord]) -> dict:
    """Figures of the stereo pairs at the top, those of the other splits under `splits`."""
    by_split = {s: [r for r in records if r.split == s] for s in SPLITS}
    top = summarise(by_split["stereo"])
    top["splits"] = {s: summarise(by_split[s]) for s in SPLITS[1:] if by_split[s]}
    return top


def summarise(records: Sequence[PairRecord]) -> dict:
    """Figures of one split: rates 0..1, metres; None where nothing was there to measure."""
    queries = [q for r in records for q in r.queries]
    counted = [q for q in queries if q.counts]
    absent = [q for q in queries if q.absent]
    successes = [q for q in counted if q.found and q.right]
    confusion = sum((r.confusion for r in records), np.zeros((len(CLASSES), len(CLASSES) + 1)))
    iou = _iou(confusion)
    correct = np.trace(confusion[:, : len(CLASSES)])
    return {
        "pairs": len(records),
        "find_success": _share(successes, counted),
        "wrong_finds": _share([q for q in absent if q.found], absent),
        "found_but_elsewhere": _share([q for q in counted if q.found and not q.right], counted),
        "right_at_any_score": _share([q for q in counted if q.right], counted),
        "miou": _round(float(np.nanmean(iou))) if records else None,
        "pixel_accuracy": _round(float(correct / confusion.sum())) if records else None,
        "localisation_accuracy": _share([q for q in counted if q.localised], counted),
        "abs_rel": _round(float(np.mean([r.abs_rel for r in records]))) if records else None,
        "tau_103": _round(float(np.mean([r.tau_103 for r in records]))) if records else None,
        "position_error_m": _round(float(np.median([q.distance for q in successes])))
        if successes
        else None,
        "queries": len(counted),
        "absent_queries": len(absent),
        "by_class": {name: _by_class(name, queries, iou) for name in QUERIED},
    }


def _by_class(name: str, queries: Sequence[QueryRecord], iou: np.ndarray) -> dict:
    mine = [q for q in queries if q.name == name]
    counted = [q for q in mine if q.counts]
    absent = [q for q in mine if q.absent]
    value = iou[CLASSES.index(name)]
    return {
        "queries": len(counted),
        "find_success": _share([q for q in counted if q.found and q.right], counted),
        "right_at_any_score": _share([q for q in counted if q.right], counted),
        "localisation_accuracy": _share([q for q in counted if q.localised], counted),
        "absent_queries": len(absent),
        "wrong_finds": _share([q for q in absent if q.found], absent),
        "iou": None if np.isnan(value) else _round(float(value)),
    }


def _iou(confusion: np.ndarray) -> np.ndarray:
    """IoU of every class over all pixels; NaN for classes in neither truth nor prediction."""
    square = confusion[:, : len(CLASSES)]
    inside = np.diag(square)
    union = confusion.sum(1) + square.sum(0) - inside
    return np.where(union > 0, inside / np.maximum(union, 1), np.nan)


def _share(part: Sequence, whole: Sequence) -> float | None:
    return _round(len(part) / len(whole)) if whole else None


def _round(value: float) -> float:
    return round(value, DIGITS)
