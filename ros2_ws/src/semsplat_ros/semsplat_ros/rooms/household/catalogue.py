# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The furniture of Debian's package sweethome3d-furniture: what there is, and of which class.

The package holds libraries (``.sh3f``: zip files with a Java properties file and OBJ models).
``furniture_models.csv`` beside this file says for each model that is used its class and where it
stands; it was reviewed by hand. Models are for training and never part of this repository.
"""

import csv
import re
import zipfile
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Literal, get_args

from semsplat_ros.errors import ErrorCode, SemsplatError

PACKAGE_FOLDER = Path("/usr/share/sweethome3d/furniture")
PROPERTIES = "PluginFurnitureCatalog.properties"
LICENCES = {
    "Blend Swap CC-0": "CC0-1.0, the authors named by Blend Swap",
    "Blend Swap CC-BY": "CC-BY-3.0, Blend Swap contributors",
    "Kator Legaz": "CC-BY-3.0-US, Andrew Kator & Jennifer Legaz",
    "Reallusion": "CC-BY-3.0-US, Reallusion",
    "Scopia": "CC-BY-3.0, Scopia Visual Interfaces Systems, s.l.",
}
"""Licence and author of each library, by the part of a model's id before the `#`."""
HELD_OUT_SHARE = 0.15
Place = Literal["floor", "wall", "table", "mounted", "hang", "flat"]
"""Free on the floor, on the floor with its back to a wall, on a table, on a wall, from the
ceiling, or lying flat on the floor."""
PLACES: tuple[Place, ...] = get_args(Place)


@dataclass(frozen=True)
class Model:
    """One entry of a library. Metres."""

    model_id: str
    """As the library names it, for example `Scopia#tv`."""
    class_name: str
    """An entry of :data:`semsplat_ros.rooms.builder.HOUSEHOLD_CLASSES`."""
    place: Place
    archive: Path
    """The library's file."""
    obj: str
    """Path of the model within it."""
    width: float
    depth: float
    height: float
    elevation: float | None
    """Of its underside above the floor where the library gives one."""
    rotation: tuple[float, ...] | None
    """Model axes into the library's (x right, y up, z towards the viewer), row by row."""
    creator: str

    @property
    def held_out(self) -> bool:
        """True for models that evaluation alone may show; by the hash of the id, so for ever."""
        return is_held_out(self.model_id)


def is_held_out(model_id: str) -> bool:
    """Whether a model is kept for evaluation."""
    number = int.from_bytes(sha256(model_id.encode()).digest()[:8])
    return number / 2**64 < HELD_OUT_SHARE


def read_table(text: str) -> dict[str, tuple[str, Place]]:
    """Class and place by model id, from the text of a table like ``furniture_models.csv``."""
    rows = csv.DictReader(text.splitlines())
    return {row["model"]: (row["class"], _place(row["place"])) for row in rows}


def _place(text: str) -> Place:
    for place in PLACES:
        if text == place:
            return place
    raise ValueError(f"a place is one of {', '.join(PLACES)}, not {text}")


def shipped_table() -> dict[str, tuple[str, Place]]:
    """The reviewed table."""
    return read_table(
        files("semsplat_ros.rooms.household").joinpath("furniture_models.csv").read_text()
    )


def read_catalogue(
    folder: Path = PACKAGE_FOLDER, table: dict[str, tuple[str, Place]] | None = None
) -> list[Model]:
    """Every model of the libraries in a folder that the table knows, ordered by id.

    Args:
        folder: holds `.sh3f` files.
        table: class and place by model id; the shipped one if None.

    Raises:
        SemsplatError: ``NOT_FOUND`` if the package is not installed; ``BAD_FILE`` if a library
        cannot be read.
    """
    table = shipped_table() if table is None else table
    archives = sorted(folder.glob("*.sh3f"))
    if not archives:
        raise SemsplatError(
            ErrorCode.NOT_FOUND,
            f"{folder} has no furniture library (*.sh3f): install Debian's package with "
            "`apt install sweethome3d-furniture`",
        )
    models = []
    for archive in archives:
        for entry in _entries(archive):
            if entry.get("id") in table:
                models.append(_model(archive, entry, *table[entry["id"]]))
    return sorted(models, key=lambda model: model.model_id)


def _entries(archive: Path) -> list[dict[str, str]]:
    """The numbered entries of a library's properties file: key -> value."""
    try:
        with zipfile.ZipFile(archive) as library:
            text = library.read(PROPERTIES).decode("latin-1")
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{archive} is not a furniture library ({error}): reinstall sweethome3d-furniture",
        ) from error
    entries: dict[int, dict[str, str]] = {}
    for key, number, value in re.findall(r"^(\w+)#(\d+)\s*=\s*(.*?)\s*$", text, re.MULTILINE):
        entries.setdefault(int(number), {})[key] = value
    return list(entries.values())


def _model(archive: Path, entry: dict[str, str], class_name: str, place: Place) -> Model:
    try:
        width, depth, height = (float(entry[k]) / 100 for k in ("width", "depth", "height"))
        elevation = float(entry["elevation"]) / 100 if "elevation" in entry else None
        rotation = tuple(float(v) for v in entry.get("modelRotation", "").split()) or None
        path = entry["model"].lstrip("/")
    except (KeyError, ValueError) as error:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"model {entry.get('id')} of {archive} has no usable size or file ({error}): "
            "reinstall sweethome3d-furniture",
        ) from error
    return Model(
        entry["id"],
        class_name,
        place,
        archive,
        path,
        width,
        depth,
        height,
        elevation,
        rotation,
        entry.get("creator", ""),
    )
