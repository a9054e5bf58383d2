# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from semsplat_ros.cli.data import register
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.generation import generate_shards, missing_shards
from semsplat_ros.rooms.layout import EVALUATION_SEEDS
from semsplat_ros.rooms.shards import check_seeds, read_shard, shard_path, write_shard

FIRST_SEED = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    done = dict(generate_shards(folder, 2, FIRST_SEED, workers=2, rooms=2, pairs_per_room=5))
    assert sorted(done) == [0, 1]
    assert all(count >= 6 for count in done.values())
    return folder


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    for file in sorted(path.iterdir()):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()


def test_shapes_and_types(folder):
    shard = read_shard(shard_path(folder, 0))
    n = len(shard["room"])
    image = (n, 2, 128, 160)
    expected = {
        "rgb": (np.uint8, (*image, 3)),
        "depth": (np.float16, image),
        "instance": (np.uint8, image),
        "instance_class": (np.uint8, (n, 80)),
        "intrinsics": (np.float32, (n, 2, 3, 3)),
        "first_from_second": (np.float32, (n, 4, 4)),
        "world_from_first": (np.float32, (n, 4, 4)),
        "stereo": (np.bool_, (n,)),
        "room": (np.int64, (n,)),
        "boxes": (np.float32, (n, 80, 7)),
        "inverse_depth_cue": (np.float16, image),
    }
    assert {k: (v.dtype.type, v.shape) for k, v in shard.items()} == expected
    assert isinstance(shard["rgb"], np.memmap)
    assert set(np.unique(shard["room"])) <= {FIRST_SEED, FIRST_SEED + 1}


def test_content_is_plausible(folder):
    shard = read_shard(shard_path(folder, 0))
    n = len(shard["room"])
    seen = shard["instance_class"][
        np.arange(n)[:, None], shard["instance"].reshape(n, -1).clip(0, 79)
    ]
    assert (seen < 24).mean() > 0.999
    depth = shard["depth"].astype(float)
    assert depth.min() > 0.15
    assert depth.max() < 12
    assert 30 < shard["rgb"].mean() < 200
    assert (shard["rgb"] >= 254).all(-1).mean() < 0.05


def test_cue_is_inverse_depth_for_stereo_pairs_alone(folder):
    errors = []
    kinds = set()
    for index in (0, 1):
        shard = read_shard(shard_path(folder, index))
        for i, stereo in enumerate(shard["stereo"]):
            cue = shard["inverse_depth_cue"][i].astype(float)
            kinds.add(bool(stereo))
            if not stereo:
                assert not cue.any()
                continue
            valid = cue > 0
            assert valid.mean() > 0.1
            error = abs(cue * shard["depth"][i] - 1)[valid]
            errors.append(np.median(error))
    assert kinds == {True, False}
    assert np.median(errors) < 0.08


def test_same_shard_twice_is_the_same(folder, tmp_path):
    write_shard(tmp_path, 1, FIRST_SEED, rooms=2, pairs_per_room=5)
    assert _digest(shard_path(tmp_path, 1)) == _digest(shard_path(folder, 1))


def test_shard_that_is_there_is_left_alone(folder):
    before = (shard_path(folder, 0) / "rgb.npy").stat().st_mtime_ns
    pairs = len(read_shard(shard_path(folder, 0))["room"])
    assert write_shard(folder, 0, FIRST_SEED, rooms=2, pairs_per_room=5) == pairs
    assert (shard_path(folder, 0) / "rgb.npy").stat().st_mtime_ns == before
    assert missing_shards(folder, 4) == [2, 3]
    assert sorted(p.name for p in folder.iterdir()) == ["shard_000000", "shard_000001"]


def test_broken_shard_is_told(folder, tmp_path):
    with pytest.raises(SemsplatError) as refusal:
        read_shard(tmp_path / "shard_000000")
    assert refusal.value.code is ErrorCode.BAD_FILE
    copy = tmp_path / "shard_000001"
    copy.mkdir()
    for file in shard_path(folder, 1).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    about = json.loads((copy / "shard.json").read_text())
    (copy / "shard.json").write_text(json.dumps(about | {"format": 99}))
    with pytest.raises(SemsplatError, match="format 99"):
        read_shard(copy)
    (copy / "shard.json").write_text(json.dumps(about))
    assert len(read_shard(copy)["room"]) == about["pairs"]
    (copy / "depth.npy").write_bytes((copy / "depth.npy").read_bytes()[:1000])
    with pytest.raises(SemsplatError) as refusal:
        read_shard(copy)
    assert refusal.value.code is ErrorCode.BAD_FILE


@pytest.mark.parametrize(
    ("first", "count", "validation", "allowed"),
    [
        (0, 13, False, True),
        (EVALUATION_SEEDS - 13, 13, False, True),
        (EVALUATION_SEEDS - 12, 13, False, False),
        (EVALUATION_SEEDS, 1, False, False),
        (EVALUATION_SEEDS, 13, True, True),
        (EVALUATION_SEEDS - 1, 13, True, False),
        (-1, 13, False, False),
    ],
)
def test_training_and_evaluation_rooms_are_kept_apart(first, count, validation, allowed, tmp_path):
    if allowed:
        check_seeds(first, count, validation)
        return
    with pytest.raises(SemsplatError) as refusal:
        write_shard(tmp_path, 0, first, validation, rooms=count)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
    assert list(tmp_path.iterdir()) == []


def test_command_refuses_evaluation_rooms(tmp_path):
    app = typer.Typer()
    register(app)
    arguments = [
        "data",
        "rooms",
        "--out",
        str(tmp_path),
        "--shards",
        "2",
        "--first-seed",
        "999990",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert "kept for evaluation" in result.output
    assert list(tmp_path.iterdir()) == []
