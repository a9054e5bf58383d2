# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Objects painted into the image they were found in."""

import cv2
import numpy as np
from jaxtyping import UInt8, UInt16

from semsplat_ros.objects.colours import UNLABELLED_OBJECTS, label_colour
from semsplat_ros.scene import ObjectInstance

TINT = 0.45
"""Share of the object's colour in its area."""
FONT = (cv2.FONT_HERSHEY_SIMPLEX, 0.45)
MARGIN = 3
"""Pixels round a name."""


def object_colour(instance: ObjectInstance) -> tuple[int, int, int]:
    """r g b, 0..255: the label's colour; unlabelled objects get one each."""
    return label_colour(instance.label_id or UNLABELLED_OBJECTS + instance.id)


def object_name(instance: ObjectInstance) -> str:
    """As in "chair 0.83", or "#3" if there is no label."""
    if not instance.label:
        return f"#{instance.id}"
    return f"{instance.label} {instance.label_score:.2f}"


def draw_objects(
    image: UInt8[np.ndarray, "h w 3"],
    mask: UInt16[np.ndarray, "h w"],
    instances: tuple[ObjectInstance, ...],
    view: int = 0,
) -> UInt8[np.ndarray, "h w 3"]:
    """The image with every object tinted, outlined and named.

    Args:
        image: an original image, RGB; not changed.
        mask: ids of the objects at its pixels.
        instances: the objects.
        view: which image it is, for the places of the names.
    """
    out = image.copy()
    for instance in instances:
        area = mask == instance.id
        if not area.any():
            continue
        colour = np.array(object_colour(instance), np.float32)
        out[area] = (out[area] * (1.0 - TINT) + colour * TINT).astype(np.uint8)
        contours, _ = cv2.findContours(
            area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(out, contours, -1, colour.tolist(), 2)
    for instance in instances:
        _write_name(out, instance, view)
    return out


def _write_name(image: np.ndarray, instance: ObjectInstance, view: int) -> None:
    roi = instance.rois[view] if view < len(instance.rois) else None
    if roi is not None and roi.width > 0:
        write_text(image, object_name(instance), (int(roi.left) + 1, int(roi.top) + 1))


def write_text(image: UInt8[np.ndarray, "h w 3"], text: str, at: tuple[int, int]) -> None:
    """White on a dark plate, into the image; `at` is the plate's left upper corner, moved so
    that it fits.
    """
    # OpenCV's fonts have ASCII only; other letters come out as "?".
    shown = text.encode("ascii", "replace").decode()
    (width, above), below = cv2.getTextSize(shown, *FONT, 1)
    left = max(min(at[0], image.shape[1] - width - 2 * MARGIN), 0)
    top = max(min(at[1], image.shape[0] - above - below - 2 * MARGIN), 0)
    plate = image[top : top + above + below + 2 * MARGIN, left : left + width + 2 * MARGIN]
    plate //= 4  # dark: letters are legible on any object
    origin = (left + MARGIN, top + MARGIN + above)
    cv2.putText(image, shown, origin, *FONT, (255, 255, 255), 1, cv2.LINE_AA)
