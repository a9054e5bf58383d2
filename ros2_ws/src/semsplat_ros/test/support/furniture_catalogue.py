# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A furniture library made by hand: boxes and a table, as the Debian package has its own."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

from semsplat_ros.rooms.household.catalogue import Place


@dataclass(frozen=True)
class Entry:
    """One model; centimetres, as libraries have them."""

    name: str
    class_name: str
    place: Place
    width: float
    depth: float
    height: float
    elevation: float | None = None


ENTRIES = (
    Entry("table", "table", "floor", 140, 80, 74),
    Entry("desk", "desk", "wall", 120, 60, 72),
    Entry("sofa", "sofa", "wall", 180, 80, 80),
    Entry("bed", "bed", "wall", 140, 200, 55),
    Entry("cabinet", "cabinet", "wall", 60, 58, 88),
    Entry("cupboard", "cabinet", "mounted", 60, 35, 70, 145),
    Entry("stove", "stove", "wall", 60, 60, 85),
    Entry("hood", "range hood", "mounted", 60, 40, 30, 160),
    Entry("chair", "chair", "floor", 45, 50, 85),
    Entry("curtain", "curtain", "mounted", 100, 6, 220),
    Entry("blinds", "blinds", "mounted", 90, 6, 90, 130),
    Entry("pendant", "lamp", "hang", 40, 40, 60),
    Entry("toaster", "toaster", "table", 27, 16, 17),
    Entry("bowl", "bowl", "table", 25, 25, 9),
    Entry("thing", "something else", "table", 12, 18, 14),
    Entry("machine", "something else", "floor", 70, 60, 120),
    Entry("carpet", "rug", "flat", 180, 120, 1),
    Entry("person", "person", "floor", 50, 35, 175),
)
"""What the library holds."""
TABLE: dict[str, tuple[str, Place]] = {f"Test#{e.name}": (e.class_name, e.place) for e in ENTRIES}
"""Class and place by model id."""
BOX_FACES = (
    *("1 3 2", "1 4 3", "5 6 7", "5 7 8", "1 2 6", "1 6 5"),
    *("2 3 7", "2 7 6", "3 4 8", "3 8 7", "4 1 5", "4 5 8"),
)


def write_catalogue(folder: Path, entries: tuple[Entry, ...] = ENTRIES) -> Path:
    """Write the library into a folder; returns the folder."""
    lines = ["# a library", "id=Test", "name=Test"]
    with zipfile.ZipFile(folder / "Test.sh3f", "w") as library:
        for number, entry in enumerate(entries, 1):
            lines += [
                "",
                f"id#{number}=Test#{entry.name}",
                f"name#{number}={entry.name.title()}",
                f"model#{number}=/test/{entry.name}/{entry.name}.obj",
                f"width#{number}={entry.width}",
                f"depth#{number}={entry.depth}",
                f"height#{number}={entry.height}",
                f"creator#{number}=Somebody",
            ]
            if entry.elevation is not None:
                lines.append(f"elevation#{number}={entry.elevation}")
            stem = f"test/{entry.name}/{entry.name}"
            library.writestr(f"{stem}.obj", _obj(entry))
            library.writestr(f"{stem}.mtl", "newmtl paint\nKd 0.8 0.2 0.1\n")
        library.writestr("PluginFurnitureCatalog.properties", "\n".join(lines).encode("latin-1"))
    return folder


def _obj(entry: Entry) -> str:
    """A box about the origin in a scale of its own, y up."""
    corners = [f"v {x} {y} {z}" for y in (-1, 1) for x, z in ((-2, -3), (2, -3), (2, 3), (-2, 3))]
    faces = [f"f {face}" for face in BOX_FACES]
    head = [f"mtllib {entry.name}.mtl", *corners, "usemtl paint"]
    return "\n".join([*head, *faces]) + "\n"
