# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Many shards at once: a process a worker, each with its own OpenGL context."""

import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path

from semsplat_ros.rooms.renderer import use_offscreen_gl
from semsplat_ros.rooms.shards import (
    PAIRS_PER_ROOM,
    ROOMS_PER_SHARD,
    check_seeds,
    shard_path,
    write_shard,
)


def missing_shards(folder: Path, count: int) -> list[int]:
    """Which of the shards 0..count-1 are not there yet."""
    return [index for index in range(count) if not shard_path(folder, index).exists()]


def generate_shards(
    folder: Path,
    count: int,
    first_seed: int,
    workers: int,
    validation: bool = False,
    rooms: int = ROOMS_PER_SHARD,
    pairs_per_room: int = PAIRS_PER_ROOM,
    furniture: Path | None = None,
) -> Iterator[tuple[int, int]]:
    """Make the missing ones of `count` shards; yields the index and the number of pairs of each as
    it is done. Arguments are those of :func:`semsplat_ros.rooms.shards.write_shard`.

    Raises:
        SemsplatError: as :func:`semsplat_ros.rooms.shards.write_shard`.
    """
    check_seeds(first_seed, count * rooms, validation)
    folder.mkdir(parents=True, exist_ok=True)
    use_offscreen_gl()  # inherited by the workers, which import mujoco
    jobs = [
        (folder, index, first_seed, validation, rooms, pairs_per_room, furniture)
        for index in missing_shards(folder, count)
    ]
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, initializer=_start_worker) as pool:
        yield from pool.imap_unordered(_work, jobs)


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, and one core to each worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import cv2

    cv2.setNumThreads(1)


def _work(job: tuple[Path, int, int, bool, int, int, Path | None]) -> tuple[int, int]:
    return job[1], write_shard(*job)
