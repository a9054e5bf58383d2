# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Shards are read as they were written; new ones are taken in."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import CLASSES, HOUSEHOLD_CLASSES
from semsplat_ros.training.shards import PairShards
from test.support.pairs import DEPTH, write_shard


def test_fields_of_a_batch(tmp_path: Path) -> None:
    write_shard(tmp_path)
    batch = PairShards(tmp_path).batch(np.array([0, 3]))
    assert batch.stereo.tolist() == [True, False]
    assert float(batch.images.max()) <= 1.0
    assert torch.equal(batch.depth, torch.full_like(batch.depth, DEPTH))
    assert batch.label[0, 0, 10, 10] == 5
    assert batch.label[0, 0, 0, 0] == 0


def test_a_crack_counts_as_the_wall(tmp_path: Path) -> None:
    path = write_shard(tmp_path)
    instance = np.load(path / "instance.npy")
    instance[0, 0, 0, 0] = 255
    np.save(path / "instance.npy", instance)
    batch = PairShards(tmp_path).batch(np.array([0]))
    assert batch.instance[0, 0, 0, 0] == 0
    assert batch.label[0, 0, 0, 0] == 0


def test_new_shards_are_taken_in_and_half_written_ones_are_not(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, pairs=4)
    shards = PairShards(tmp_path)
    write_shard(tmp_path, 1, pairs=3)
    (tmp_path / "shard_000002.tmp").mkdir()
    assert shards.refresh() == 7
    assert len(shards.batch(np.array([6, 0]))) == 2


def test_no_shards_is_said(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError, match="semsplat data rooms") as error:
        PairShards(tmp_path)
    assert error.value.code is ErrorCode.IO_ERROR


def test_shards_of_other_classes_are_refused(tmp_path: Path) -> None:
    write_shard(tmp_path, 0, pairs=4)
    other = write_shard(tmp_path, 1, pairs=3) / "shard.json"
    right = other.read_text()
    other.write_text(json.dumps({"classes": HOUSEHOLD_CLASSES}))
    with pytest.raises(SemsplatError, match="directories of their own") as error:
        PairShards(tmp_path)
    assert error.value.code is ErrorCode.BAD_FILE
    other.unlink()
    with pytest.raises(SemsplatError, match="shard_000001 is not a whole shard"):
        PairShards(tmp_path)
    other.write_text(right)
    shards = PairShards(tmp_path)
    assert len(shards) == 7
    assert shards.class_names == CLASSES
