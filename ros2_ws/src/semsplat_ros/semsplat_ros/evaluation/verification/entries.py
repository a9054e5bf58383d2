# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What can be verified, without PyTorch: the command lists it."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from semsplat_ros.evaluation.verification.golden import GoldenFile


@dataclass(frozen=True)
class Entry:
    """Where a system's verification is, and how its golden files are told from others. Patterns
    match the beginning of recorded names."""

    module: str
    function: str
    needs: tuple[str, ...] = ()
    """A file of this system has a name for each of these."""
    lacks: str = "(?!)"
    """No name of it matches this."""
    shared_with: str = "(?!)"
    """Names in the same file that are another system's to compare."""

    def suits(self, golden: "GoldenFile") -> bool:
        """True if the file may be one of this system."""
        names = golden.names
        has_all = all(any(re.match(need, name) for name in names) for need in self.needs)
        return has_all and not any(re.match(self.lacks, name) for name in names)


_HERE = "semsplat_ros.evaluation.verification"
_SIZE = r"\d+x\d+/"
SYSTEMS: dict[str, Entry] = {
    "spatialsplat": Entry(
        f"{_HERE}.spatialsplat",
        "spatialsplat",
        needs=("in/image", "clip/", "instance_head|out_coarse"),
    ),
    "spatialsplat-givenlang": Entry(
        f"{_HERE}.spatialsplat",
        "spatialsplat_given_language",
        needs=("in/image", "in/language"),
    ),
    "noposplat": Entry(
        f"{_HERE}.spatialsplat",
        "noposplat",
        needs=("in/image", "backbone/|pts_head|gs_head|out_fine"),
        lacks="instance_head|out_coarse",
    ),
    "noposplat-3views": Entry(
        f"{_HERE}.spatialsplat",
        "noposplat",
        needs=("in/image", "backbone/|pts_head|gs_head|out_fine"),
        lacks="instance_head|out_coarse",
    ),
    "dust3r": Entry(
        f"{_HERE}.dust3r",
        "dust3r",
        needs=(_SIZE + "(patch_tokens|enc_tokens|dec_tokens|raw_head|pts3d|conf)",),
    ),
    "splatt3r": Entry(f"{_HERE}.dust3r", "splatt3r", needs=(_SIZE + "view[12]/",)),
    "geometry": Entry(f"{_HERE}.geometry", "geometry", needs=("points1",)),
    "ptv3": Entry(
        f"{_HERE}.point_transformer", "point_transformer", needs=("[a-z]/(embedding|indices)",)
    ),
    "lseg": Entry(
        f"{_HERE}.lsm",
        "lseg",
        needs=(_SIZE + "lseg/",),
        shared_with=_SIZE + "(dust3r/|inject/|merge/|points_voxels|ptv3/|gaussian[12]/)",
    ),
    "lsm": Entry(f"{_HERE}.lsm", "lsm", needs=(_SIZE + "merge/",)),
    "clip": Entry(
        f"{_HERE}.clip",
        "clip",
        needs=("clip/input",),
        shared_with="(in|backbone|(pts|gs|instance)_head[12]|adapter_.*|out_.*)/",
    ),
}
