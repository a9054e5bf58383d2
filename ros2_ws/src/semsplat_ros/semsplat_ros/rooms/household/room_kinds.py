# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in a living room, bedroom, office, kitchen, bathroom and corridor."""

from dataclasses import dataclass

Chances = dict[str, float]
"""Class -> expected number; 1.6 is one, and a second with probability 0.6."""


@dataclass(frozen=True)
class RoomKind:
    """Sizes in metres, contents as expected numbers."""

    share: float
    """Of all rooms."""
    width: tuple[float, float]
    depth: tuple[float, float]
    standing: Chances
    """On the floor, against walls or free, largest first."""
    mounted: Chances
    """On the walls."""
    on_tables: Chances
    """Relative shares of the small things."""
    seats: str | None = None
    """What stands at tables and desks."""
    counter: bool = False
    """Whether a row of kitchen cabinets stands along a wall."""


SCATTERED: Chances = {
    "plant": 0.5,
    "trash can": 0.3,
    "box": 0.3,
    "bag": 0.2,
    "backpack": 0.2,
    "shoe": 0.35,
    "toy": 0.2,
    "ball": 0.2,
    "clothes": 0.25,
    "umbrella": 0.12,
    "suitcase": 0.15,
    "basket": 0.2,
    "fan": 0.1,
    "ladder": 0.06,
    "bicycle": 0.06,
    "fire extinguisher": 0.06,
    "vase": 0.2,
    "candle": 0.1,
    "person": 0.22,
    "cat": 0.12,
    "dog": 0.12,
    "speaker": 0.15,
    "guitar": 0.12,
    "stool": 0.2,
    "something else": 1.1,
}
"""What stands about in any room: expected numbers."""
ANYWHERE: Chances = {
    "book": 0.7,
    "mug": 0.6,
    "bottle": 0.6,
    "phone": 0.4,
    "plant": 0.5,
    "vase": 0.4,
    "lamp": 0.5,
    "box": 0.3,
    "toy": 0.3,
    "hat": 0.2,
    "bag": 0.2,
    "camera": 0.3,
    "paper": 0.4,
    "glass": 0.4,
    "clock": 0.3,
    "radio": 0.3,
    "candle": 0.3,
    "clothes": 0.2,
    "something else": 2.2,
}
"""What lies on any table: relative shares."""

KINDS: dict[str, RoomKind] = {
    "living": RoomKind(
        0.28,
        (3.6, 6.8),
        (3.6, 6.8),
        {
            "sofa": 1.1,
            "piano": 0.12,
            "bookshelf": 0.6,
            "shelf": 0.5,
            "fireplace": 0.25,
            "cabinet": 0.9,
            "table": 1.6,
            "armchair": 0.9,
            "chest of drawers": 0.2,
            "lamp": 0.6,
            "bench": 0.15,
            "radiator": 0.5,
        },
        {"tv": 0.4, "clock": 0.3, "air conditioner": 0.25, "lamp": 0.4},
        ANYWHERE | {"tv": 0.8, "bowl": 0.4, "fruit": 0.4, "laptop": 0.5, "speaker": 0.4},
        seats="chair",
    ),
    "bedroom": RoomKind(
        0.2,
        (3.0, 5.2),
        (3.0, 5.2),
        {
            "bed": 1.1,
            "wardrobe": 0.8,
            "nightstand": 1.2,
            "chest of drawers": 0.6,
            "desk": 0.3,
            "armchair": 0.3,
            "bookshelf": 0.3,
            "shelf": 0.3,
            "lamp": 0.4,
            "radiator": 0.4,
        },
        {"mirror": 0.4, "clock": 0.2, "air conditioner": 0.2, "lamp": 0.3},
        ANYWHERE | {"lamp": 1.2, "laptop": 0.4, "tv": 0.4, "clothes": 0.8, "towel": 0.2},
        seats="chair",
    ),
    "office": RoomKind(
        0.18,
        (3.2, 6.5),
        (3.2, 6.5),
        {
            "desk": 1.9,
            "bookshelf": 0.6,
            "cabinet": 0.9,
            "shelf": 0.4,
            "table": 0.4,
            "armchair": 0.2,
            "lamp": 0.3,
            "radiator": 0.4,
        },
        {"clock": 0.4, "air conditioner": 0.35, "lamp": 0.2},
        ANYWHERE
        | {
            "computer monitor": 1.6,
            "keyboard": 1.4,
            "computer mouse": 1.0,
            "laptop": 1.2,
            "printer": 0.6,
            "paper": 1.2,
            "phone": 0.8,
            "book": 1.2,
        },
        seats="chair",
    ),
    "kitchen": RoomKind(
        0.2,
        (2.8, 5.5),
        (2.8, 5.5),
        {"refrigerator": 0.8, "table": 0.8, "stool": 0.6, "washing machine": 0.3, "shelf": 0.2},
        {"clock": 0.3, "lamp": 0.2},
        ANYWHERE
        | {
            "microwave": 0.8,
            "toaster": 0.7,
            "coffee machine": 0.7,
            "kettle": 0.7,
            "oven": 0.2,
            "plate": 1.0,
            "bowl": 0.9,
            "glass": 1.0,
            "pot": 0.8,
            "pan": 0.6,
            "fruit": 0.8,
            "bottle": 1.0,
            "mug": 1.0,
            "something else": 3.0,
        },
        seats="chair",
        counter=True,
    ),
    "bathroom": RoomKind(
        0.08,
        (2.2, 3.8),
        (2.2, 3.8),
        {
            "bathtub": 0.7,
            "shower": 0.5,
            "toilet": 0.95,
            "sink": 1.1,
            "washing machine": 0.4,
            "cabinet": 0.3,
            "radiator": 0.5,
            "basket": 0.4,
        },
        {"towel": 1.2, "mirror": 0.8, "lamp": 0.3},
        {"towel": 1.0, "bottle": 1.0, "glass": 0.4, "plant": 0.2, "something else": 1.5},
    ),
    "corridor": RoomKind(
        0.06,
        (1.7, 2.4),
        (4.5, 8.0),
        {
            "cabinet": 0.6,
            "bench": 0.5,
            "shoe": 0.8,
            "chest of drawers": 0.3,
            "shelf": 0.3,
            "fire extinguisher": 0.3,
            "radiator": 0.4,
            "umbrella": 0.3,
        },
        {"mirror": 0.5, "clock": 0.2, "lamp": 0.6},
        ANYWHERE,
    ),
}
