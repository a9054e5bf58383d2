# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Meshes of catalogue models, kept on disk once they are made."""

import os
from pathlib import Path

import numpy as np

from semsplat_ros.rooms.household.catalogue import Model
from semsplat_ros.rooms.household.meshes import Mesh, Part, load_mesh

FORMAT = 3
"""Part of the cached files' names; raise it when what is in them changes."""


class MeshStore:
    """Loads models and keeps what it made of them in a folder.

    Args:
        folder: made if it is not there; several processes may share it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def load(self, model: Model) -> Mesh:
        """The mesh of a model.

        Raises:
            SemsplatError: ``BAD_FILE`` if the library's file cannot be used.
        """
        name = "".join(c if c.isalnum() else "_" for c in model.model_id)
        path = self._folder / f"{name}.{FORMAT}.npz"
        if path.exists():
            return _read_mesh(path)
        mesh = load_mesh(model)
        temporary = self._folder / f".{os.getpid()}.npz"
        _write_mesh(temporary, mesh)
        temporary.replace(path)
        return mesh


def _write_mesh(path: Path, mesh: Mesh) -> None:
    arrays = {"size": np.array(mesh.size), "top": np.array(mesh.top), "cells": mesh.cells}
    for number, part in enumerate(mesh.parts):
        arrays[f"msh_{number}"] = np.frombuffer(part.msh, np.uint8)
        arrays[f"png_{number}"] = np.frombuffer(part.png, np.uint8)
        arrays[f"extent_{number}"] = np.stack([part.center, part.half])
    np.savez(path, allow_pickle=False, **arrays)


def _read_mesh(path: Path) -> Mesh:
    with np.load(path) as file:
        arrays = dict(file)
    parts: list[Part] = []
    while (msh := arrays.get(f"msh_{len(parts)}")) is not None:
        png, extent = arrays[f"png_{len(parts)}"], arrays[f"extent_{len(parts)}"]
        parts.append(Part(msh.tobytes(), png.tobytes(), extent[0], extent[1]))
    width, depth, height = (float(v) for v in arrays["size"])
    return Mesh(tuple(parts), (width, depth, height), float(arrays["top"]), arrays["cells"])
