# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Training pairs on disk: directories of plain arrays, read by memory map."""

import json
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError

NO_INSTANCE = 255
STORED = (
    "rgb",
    "depth",
    "instance",
    "instance_class",
    "inverse_depth_cue",
    "intrinsics",
    "first_from_second",
    "stereo",
)
"""What training reads of a shard; see :mod:`semsplat_ros.rooms.shards`."""


@dataclass(frozen=True)
class PairBatch:
    """b pairs of views with everything the generator knows about them; view 0 is the first."""

    images: Float[Tensor, "b 2 3 h w"]
    """RGB, 0..1."""
    depth: Float[Tensor, "b 2 h w"]
    """Metres along the optical axis."""
    instance: Int[Tensor, "b 2 h w"]
    """Index of the instance in its room."""
    label: Int[Tensor, "b 2 h w"]
    """Class of that instance."""
    cue: Float[Tensor, "b 2 h w"]
    """Inverse depth in 1/m from row matching, 0 where unknown."""
    intrinsics: Float[Tensor, "b 2 3 3"]
    first_from_second: Float[Tensor, "b 4 4"]
    stereo: Bool[Tensor, " b"]
    """True for rectified pairs."""

    def replace(self, **changes: Tensor) -> "PairBatch":
        """A copy with some fields changed."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return PairBatch(**{**values, **changes})

    def __len__(self) -> int:
        return int(self.stereo.shape[0])


class PairShards:
    """All pairs of the shards in a directory, in one index.

    Args:
        directory: holds `shard_*` directories as `semsplat data rooms` writes them.

    Raises:
        SemsplatError: IO_ERROR if there are none; BAD_FILE if their classes differ.
    """

    class_names: tuple[str, ...]
    """What the labels are indices into."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(directory)
        self.class_names = ()
        self._arrays: list[dict[str, np.ndarray]] = []
        self._names: set[str] = set()
        self._starts = np.zeros(1, np.int64)
        self.refresh()
        if not self._arrays:
            raise SemsplatError(
                ErrorCode.IO_ERROR,
                f"no shard_* directory in {self.directory}; make some with `semsplat data rooms`",
            )

    def refresh(self) -> int:
        """Take in shards that were written since; returns how many pairs there are."""
        for path in sorted(self.directory.glob("shard_*")):
            if path.suffix or path.name in self._names or not path.is_dir():
                continue
            self._take_class_names(path)
            self._names.add(path.name)
            self._arrays.append({p.stem: np.load(p, mmap_mode="r") for p in path.glob("*.npy")})
        counts = [len(a["stereo"]) for a in self._arrays]
        self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        return len(self)

    def _take_class_names(self, path: Path) -> None:
        try:
            names = tuple(json.loads((path / "shard.json").read_text())["classes"])
        except (OSError, ValueError, KeyError) as error:
            raise SemsplatError(
                ErrorCode.BAD_FILE, f"{path} is not a whole shard ({error}): make it again"
            ) from error
        if self.class_names and names != self.class_names:
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"{path} has {len(names)} classes, the shards before it {len(self.class_names)}: "
                "keep rooms with and without --furniture in directories of their own",
            )
        self.class_names = names

    def __len__(self) -> int:
        return int(self._starts[-1])

    def read(self, indices: np.ndarray) -> dict[str, Tensor]:
        """The pairs at these indices as they are stored, for :func:`decode`."""
        shards = np.searchsorted(self._starts, indices, "right") - 1
        rows = indices - self._starts[shards]
        pick = [(self._arrays[s], int(r)) for s, r in zip(shards, rows, strict=True)]
        return {name: torch.from_numpy(np.stack([a[name][r] for a, r in pick])) for name in STORED}

    def batch(self, indices: np.ndarray) -> PairBatch:
        """The pairs at these indices, on the CPU."""
        return decode(self.read(indices), torch.device("cpu"))


def decode(stored: dict[str, Tensor], device: torch.device) -> PairBatch:
    """Make a batch of what :meth:`PairShards.read` gave, on a device.

    Only there, since stored numbers are a sixth of the bytes of those that are computed with.
    """
    here = {name: values.to(device, non_blocking=True) for name, values in stored.items()}
    instance = here["instance"].long()
    # A crack between two surfaces shows nothing; instance 0 is a wall in every room.
    instance = torch.where(instance == NO_INSTANCE, 0, instance)
    classes = here["instance_class"].long()
    return PairBatch(
        images=here["rgb"].permute(0, 1, 4, 2, 3).float() / 255.0,
        depth=here["depth"].float(),
        instance=instance,
        label=classes.gather(1, instance.flatten(1)).view_as(instance),
        cue=here["inverse_depth_cue"].float(),
        intrinsics=here["intrinsics"],
        first_from_second=here["first_from_second"],
        stereo=here["stereo"],
    )
