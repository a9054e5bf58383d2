# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Catalogue models and own primitives as pieces that a room is furnished with."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from semsplat_ros.rooms import furniture, small_objects
from semsplat_ros.rooms.builder import Builder, Vector
from semsplat_ros.rooms.household import objects as household_objects
from semsplat_ros.rooms.household.catalogue import PACKAGE_FOLDER, Model, Place, read_catalogue
from semsplat_ros.rooms.household.mesh_store import MeshStore
from semsplat_ros.rooms.household.meshes import Mesh

OWN: tuple[tuple[str, Place, Callable[[Builder], Vector], float], ...] = (
    ("sofa", "wall", furniture.sofa, 0.1),
    ("bed", "wall", furniture.bed, 0.15),
    ("bookshelf", "wall", furniture.bookshelf, 0.5),
    ("cabinet", "wall", furniture.cabinet, 0.15),
    ("cabinet", "wall", furniture.sideboard, 0.15),
    ("wardrobe", "wall", furniture.cabinet, 0.15),
    ("table", "floor", furniture.table, 0.15),
    ("chair", "floor", furniture.chair, 0.1),
    ("lamp", "floor", furniture.floor_lamp, 0.4),
    ("lamp", "table", furniture.table_lamp, 0.2),
    ("plant", "floor", furniture.plant, 0.2),
    ("plant", "table", furniture.small_plant, 0.2),
    ("trash can", "floor", small_objects.trash_can, 0.4),
    ("box", "floor", small_objects.cardboard_box, 0.5),
    ("box", "table", small_objects.cardboard_box, 0.2),
    ("ball", "floor", small_objects.ball, 0.5),
    ("mug", "table", small_objects.mug, 0.4),
    ("bottle", "table", small_objects.bottle, 0.25),
    ("laptop", "table", small_objects.laptop, 0.6),
    ("tv", "table", small_objects.tv, 0.6),
    ("book", "table", household_objects.book, 0.9),
    ("paper", "table", household_objects.paper, 0.6),
    ("keyboard", "table", household_objects.keyboard, 1.0),
    ("computer mouse", "table", household_objects.computer_mouse, 1.0),
    ("computer monitor", "table", household_objects.computer_monitor, 0.75),
    ("dishwasher", "wall", household_objects.dishwasher, 1.0),
    ("mirror", "mounted", household_objects.mirror, 1.0),
)
"""Class, place, piece, and share of that class and place that it makes up."""
CLOTH = frozenset({"sofa", "armchair", "bed", "curtain", "towel", "clothes"})
WOOD = frozenset(
    {"table", "desk", "cabinet", "wardrobe", "bookshelf", "shelf", "nightstand", "chair"}
    | {"chest of drawers", "bench", "stool"}
)


@dataclass(frozen=True)
class Piece:
    """Something to put into a room; calling it adds it to a builder and returns its size."""

    class_name: str
    build: Callable[[Builder], Vector]
    model: Model | None = None
    mesh: Mesh | None = None

    def __call__(self, b: Builder) -> Vector:
        return self.build(b)


class FurnitureLibrary:
    """The pieces of training rooms or of evaluation rooms.

    Args:
        cache: folder for the models as they are drawn.
        held_out: for evaluation: of classes that have held-out models those alone.
        folder: of the installed libraries.
        table: class and place by model id; the shipped one if None.

    Raises:
        SemsplatError: as :func:`semsplat_ros.rooms.household.catalogue.read_catalogue`.
    """

    def __init__(
        self,
        cache: Path,
        held_out: bool = False,
        folder: Path = PACKAGE_FOLDER,
        table: dict[str, tuple[str, Place]] | None = None,
    ) -> None:
        self._store = MeshStore(cache)
        self._models: dict[tuple[str, Place], list[Model]] = {}
        everything = read_catalogue(folder, table)
        chosen = [model for model in everything if model.held_out == held_out]
        if held_out:
            have = {(model.class_name, model.place) for model in chosen}
            chosen += [m for m in everything if (m.class_name, m.place) not in have]
        for model in chosen:
            self._models.setdefault((model.class_name, model.place), []).append(model)

    def places(self, class_name: str) -> list[Place]:
        """Where things of a class can be."""
        own = [place for name, place, _, _ in OWN if name == class_name]
        return sorted({*own, *(place for name, place in self._models if name == class_name)})

    def draw(self, rng: Generator, class_name: str, place: Place) -> Piece | None:
        """A random piece of a class for a place; None if there is none."""
        models = self._models.get((class_name, place), [])
        own = [(build, share) for n, p, build, share in OWN if (n, p) == (class_name, place)]
        for build, share in own:
            if rng.random() < share:
                return Piece(class_name, build)
        if models:
            return self.piece(models[rng.integers(len(models))], rng)
        return Piece(class_name, own[0][0]) if own else None

    def piece(self, model: Model, rng: Generator) -> Piece:
        """A model, in its own colours, tinted, or now and then in other cloth or wood."""
        mesh = self._store.load(model)
        tint = np.clip(rng.uniform(0.6, 1.1) * (1 + rng.normal(0, 0.06, 3)), 0.2, 1.0)
        covered = rng.random() < 0.2
        name = "".join(c if c.isalnum() else "_" for c in model.model_id)

        def build(b: Builder) -> Vector:
            for number, part in enumerate(mesh.parts):
                file = f"{name}_{number}"
                b.files[file + ".msh"] = part.msh
                if covered and number == 0 and model.class_name in CLOTH:
                    material = b.cloth_material()
                elif covered and number == 0 and model.class_name in WOOD:
                    material = b.furniture_material()
                else:
                    b.files[file + ".png"] = part.png
                    material = b.image_material(tint, file + ".png")
                x, y, z = (float(v) for v in part.center)
                half = (float(part.half[0]), float(part.half[1]), float(part.half[2]))
                b.add("mesh", half, (x, y, z), material, mesh=file + ".msh")
            return mesh.size

        return Piece(model.class_name, build, model, mesh)
