# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Objects in the image: tinted where they are, named where one can read it."""

import numpy as np
import pytest

from semsplat_ros.objects.drawing import draw_objects, object_name
from semsplat_ros.scene import ObjectInstance, Roi

GREY = 100


def instance(number: int, roi: Roi, label: str = "chair") -> ObjectInstance:
    zero = (0.0, 0.0, 0.0)
    return ObjectInstance(number, zero, zero, zero, 9, 0.5, (roi,), label, bool(label), 0.83)


def drawn(roi: Roi, label: str = "chair", shape: tuple[int, int] = (120, 200)) -> np.ndarray:
    image = np.full((*shape, 3), GREY, np.uint8)
    mask = np.zeros(shape, np.uint16)
    mask[roi.top : roi.top + roi.height, roi.left : roi.left + roi.width] = 3
    out = draw_objects(image, mask, (instance(3, roi, label),))
    assert (image == GREY).all()
    return out


def test_names_say_label_and_score_or_the_number() -> None:
    assert object_name(instance(3, Roi())) == "chair 0.83"
    assert object_name(instance(3, Roi(), "")) == "#3"


@pytest.mark.parametrize(("left", "top"), [(60, 50), (190, 50), (60, 110), (190, 110), (0, 0)])
def test_a_name_is_whole_wherever_the_object_is(left: int, top: int) -> None:
    def letters(image: np.ndarray) -> int:
        return int((image.min(2) > 200).sum())

    middle = letters(drawn(Roi(60, 50, 8, 8)))
    assert middle > 50
    assert letters(drawn(Roi(left, top, 8, 8))) == middle


def test_a_name_is_legible_on_white_too() -> None:
    white = np.full((120, 200, 3), 255, np.uint8)
    mask = np.zeros((120, 200), np.uint16)
    mask[50:58, 60:68] = 3
    out = draw_objects(white, mask, (instance(3, Roi(60, 50, 8, 8)),))
    assert (out.max(2) < 80).sum() > 500


def test_a_tiny_image_holds_what_it_can() -> None:
    assert drawn(Roi(2, 2, 4, 4), shape=(16, 16)).shape == (16, 16, 3)


def test_nothing_is_drawn_far_from_an_object_and_no_name_without_a_place() -> None:
    out = drawn(Roi(60, 50, 20, 20))
    changed = np.argwhere((out != GREY).any(2))
    assert changed.min(0).tolist() >= [49, 59]
    assert changed.max(0)[0] <= 72
    assert (drawn(Roi()) == GREY).all()


def test_other_letters_become_question_marks() -> None:
    assert (drawn(Roi(60, 50, 8, 8), "téa") == drawn(Roi(60, 50, 8, 8), "t?a")).all()
