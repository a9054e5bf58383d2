# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One colour for a label, the same in every overlay, cloud and image."""

import colorsys

UNLABELLED_COLOUR = (160, 160, 160)
GOLDEN_SECTION = 0.618033988749895
"""Of a turn: the hues of consecutive labels lie far apart."""
UNLABELLED_OBJECTS = 1000
"""Objects without a label take the colours of label ids from here on."""


def label_colour(label_id: int) -> tuple[int, int, int]:
    """r g b, 0..255, of a label id; 0 is grey."""
    if label_id == 0:
        return UNLABELLED_COLOUR
    hue = (label_id * GOLDEN_SECTION) % 1.0
    # Three brightnesses in turn keep labels apart whose hues fall close together.
    value = (0.95, 0.75, 0.55)[label_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)
