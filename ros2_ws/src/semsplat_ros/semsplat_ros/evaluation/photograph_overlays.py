# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Images to look at: labelled boxes and answers, objects, and depth of one pair, side by
side."""

import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.photographs import PhotographRecord, WordRecord
from semsplat_ros.geometry.views import original_image
from semsplat_ros.objects.drawing import draw_objects, write_text
from semsplat_ros.objects.instances import instance_map
from semsplat_ros.scene import Perception, Roi

LABELLED = (255, 255, 255)
RIGHT, ELSEWHERE, WRONG = (40, 200, 60), (255, 160, 0), (230, 30, 30)
"""Colours of the answers, r g b."""
NEAREST_SHARE = 0.02
"""Of the pixels: they are as near as the nearest colour."""


def write_overlay(
    folder: Path,
    number: int,
    record: PhotographRecord,
    perception: Perception,
    left: UInt8[np.ndarray, "h w 3"],
    min_score: float,
) -> Path:
    """Write NUMBER_ID_MODE.png into a folder that is there.

    Raises:
        SemsplatError: IO_ERROR if it cannot be written.
    """
    name = re.sub(r"[^\w.-]+", "_", record.pair.id)
    path = folder / f"{number:03d}_{name}_{record.mode}.png"
    image = overlay(record, perception, left, min_score)
    if not cv2.imwrite(str(path), image[..., ::-1]):
        raise SemsplatError(ErrorCode.IO_ERROR, f"{path} cannot be written")
    return path


def overlay(
    record: PhotographRecord,
    perception: Perception,
    left: UInt8[np.ndarray, "h w 3"],
    min_score: float,
) -> UInt8[np.ndarray, "h w3 3"]:
    """From left to right: labelled boxes (white) and answers (green: right, orange: elsewhere,
    red: the word is in neither image); the objects; depth, near is red.
    """
    answers = left.copy()
    for item in record.pair.objects:
        x0, y0, x1, y1 = (round(v) for v in item.left_box)
        cv2.rectangle(answers, (x0, y0), (x1 - 1, y1 - 1), LABELLED, 1)
        write_text(answers, item.name, (x0 + 2, y1 - 22))
    by_roi = defaultdict(list)
    for word in record.words:
        if word.score >= min_score and word.roi is not None:
            by_roi[word.roi].append(word)
    for roi, words in by_roi.items():
        _draw_answers(answers, roi, words)
    missed = [w.name for w in record.words if w.present and w.score < min_score]
    if missed:
        write_text(answers, f"missed: {', '.join(missed)}", (0, answers.shape[0]))
    objects = draw_objects(left, instance_map(perception, 0), perception.instances)
    return np.concatenate([answers, objects, _depth(perception)], axis=1)


def _draw_answers(image: np.ndarray, roi: Roi, words: Sequence[WordRecord]) -> None:
    """One object and all words that it answers, in the colour of the worst."""
    colour = RIGHT
    if not all(word.right for word in words):
        colour = ELSEWHERE if all(word.present for word in words) else WRONG
    corner = roi.left + roi.width - 1, roi.top + roi.height - 1
    cv2.rectangle(image, (roi.left, roi.top), corner, colour, 2)
    centre = words[0].centre
    if np.isfinite(centre).all():
        # far outside the image OpenCV draws nothing
        at = np.clip(centre, -(2**14), 2**14).astype(int).tolist()
        cv2.drawMarker(image, at, colour, cv2.MARKER_CROSS, 12, 2)
    text = ", ".join(f"{word.name} {word.score:.2f}" for word in words)
    write_text(image, text, (roi.left + 2, roi.top + 2))


def _depth(perception: Perception) -> UInt8[np.ndarray, "h w 3"]:
    """Inverse depth as colours; black where there is none."""
    scene = perception.scene
    depth = original_image(scene.depth_map(0).cpu().float().numpy(), scene.crops[0], np.nan)
    known = depth > 0
    inverse = np.where(known, 1.0 / np.where(known, depth, 1.0), 0.0)
    nearest = np.quantile(inverse[known], 1.0 - NEAREST_SHARE) if known.any() else 1.0
    levels = (np.clip(inverse / nearest, 0.0, 1.0) * 255).astype(np.uint8)
    colours = cv2.applyColorMap(levels, cv2.COLORMAP_TURBO)[..., ::-1].copy()
    colours[~known] = 0
    return colours
