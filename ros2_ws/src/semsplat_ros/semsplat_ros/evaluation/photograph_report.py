# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Records of many photographs to the figures that are reported (docs/photographs.md)."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from semsplat_ros.evaluation.photographs import MODES, PhotographRecord, WordRecord

DIGITS = 4
THRESHOLDS = tuple(round(0.05 * i, 2) for i in range(1, 20))
FEW_WRONG_FINDS = 0.05


def report(records: Sequence[PhotographRecord], min_score: float) -> dict[str, Any]:
    """The figures of every mode under `modes`, and those of the first one at the top."""
    by_mode = {mode: [r for r in records if r.mode == mode] for mode in MODES}
    modes = {m: summarise(mine, min_score) for m, mine in by_mode.items() if mine}
    return {**next(iter(modes.values())), "min_score": min_score, "modes": modes}


def summarise(records: Sequence[PhotographRecord], min_score: float) -> dict[str, Any]:
    """Figures of one mode: rates 0..1; None where nothing was there to measure."""
    words = [w for r in records for w in r.words]
    names = dict.fromkeys(w.name for w in words)
    errors = [w.distance_error for w in words if w.right and w.score >= min_score]
    return {
        "pairs": len(records),
        **shares(words, min_score),
        "right_at_any_score": _share([w.right for w in words if w.present]),
        "right_at_5_percent_wrong": _at_few_wrong_finds(words),
        "label_share": _ratio(
            sum(r.labelled_right for r in records), sum(r.labelled for r in records)
        ),
        "distance_error_m": _median(errors),
        "by_class": {name: _by_class(name, records, min_score) for name in names},
        "by_threshold": [{"threshold": t, **shares(words, t)} for t in THRESHOLDS],
        "depth": _depth(records),
        "pose": _pose(records),
        "focal": _focal(records),
        "by_pair": [_by_pair(record, min_score) for record in records],
    }


def shares(words: Iterable[WordRecord], threshold: float) -> dict[str, Any]:
    """What became of the questions at a threshold."""
    words = list(words)
    present = [w for w in words if w.present]
    found = [w.score >= threshold for w in present]
    right = [f and w.right for f, w in zip(found, present, strict=True)]
    elsewhere = [f and not w.right for f, w in zip(found, present, strict=True)]
    absent = [w for w in words if not w.present]
    return {
        "present": len(present),
        "right": _share(right),
        "elsewhere": _share(elsewhere),
        "missed": _share([not f for f in found]),
        "absent": len(absent),
        "wrong_finds": _share([w.score >= threshold for w in absent]),
    }


def _at_few_wrong_finds(words: Sequence[WordRecord]) -> dict[str, Any] | None:
    """The lowest threshold at which 5 % of the absent words are found at most."""
    absent = sorted((w.score for w in words if not w.present), reverse=True)
    if not absent:
        return None
    allowed = int(FEW_WRONG_FINDS * len(absent))
    threshold = float(np.nextafter(absent[allowed], np.inf))
    values = shares(words, threshold)
    return {"threshold": round(threshold, DIGITS)} | {
        key: values[key] for key in ("right", "wrong_finds")
    }


def _by_class(name: str, records: Sequence[PhotographRecord], min_score: float) -> dict[str, Any]:
    pixels = [r.label_pixels[name] for r in records if name in r.label_pixels]
    return {
        **shares([w for r in records for w in r.words if w.name == name], min_score),
        "label_share": _ratio(sum(hit for _, hit in pixels), sum(all_ for all_, _ in pixels)),
    }


def _depth(records: Sequence[PhotographRecord]) -> dict[str, Any]:
    """Means over the pairs, against measured depth and against the semi-global matcher."""
    out = {}
    for kind, measured in (("measured", True), ("matched", False)):
        mine = [r.depth for r in records if r.depth and r.depth.measured is measured]
        metric = [d.metric for d in mine if d.metric is not None]
        out[kind] = {
            "pairs": len(mine),
            "abs_rel_aligned": _mean([d.aligned for d in mine]),
            "metric_pairs": len(metric),
            "abs_rel_metric": _mean(metric),
        }
    return out


def _pose(records: Sequence[PhotographRecord]) -> dict[str, Any]:
    """Medians over the pairs whose pose was found."""
    out = {}
    for kind, rectified in (("free", False), ("rectified", True)):
        mine = [r.pose for r in records if r.pose and r.pose.rectified is rectified]
        out[kind] = {
            "pairs": len(mine),
            "failed": sum(p.rotation is None for p in mine),
            "rotation_degrees": _median([p.rotation for p in mine]),
            "direction_degrees": _median([p.direction for p in mine]),
        }
    return out


def _focal(records: Sequence[PhotographRecord]) -> dict[str, Any]:
    ratios = [r.focal_ratio for r in records if r.focal_ratio is not None]
    return {
        "pairs": len(ratios),
        "ratio": _median(ratios),
        "relative_error": _median([abs(ratio - 1.0) for ratio in ratios]),
    }


def _by_pair(record: PhotographRecord, min_score: float) -> dict[str, Any]:
    found = [w for w in record.words if w.score >= min_score]
    pose, depth = record.pose, record.depth
    return {
        "id": record.pair.id,
        "right": [w.name for w in found if w.present and w.right],
        "elsewhere": [w.name for w in found if w.present and not w.right],
        "missed": [w.name for w in record.words if w.present and w.score < min_score],
        "wrong_finds": [w.name for w in found if not w.present],
        "scores": {w.name: round(w.score, DIGITS) for w in record.words},
        "label_share": _ratio(record.labelled_right, record.labelled),
        "abs_rel_aligned": _round(depth.aligned if depth else None),
        "abs_rel_metric": _round(depth.metric if depth else None),
        "rotation_degrees": _round(pose.rotation if pose else None),
        "direction_degrees": _round(pose.direction if pose else None),
        "focal_ratio": _round(record.focal_ratio),
    }


def _share(hits: Sequence[bool]) -> float | None:
    return _ratio(sum(hits), len(hits))


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, DIGITS) if whole else None


def _mean(values: Sequence[float]) -> float | None:
    return _round(float(np.mean(values))) if values else None


def _median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return _round(float(np.median(known))) if known else None


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, DIGITS)
