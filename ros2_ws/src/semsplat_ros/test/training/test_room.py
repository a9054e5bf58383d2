# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A run becomes a model of the zoo, and a model of the zoo the start of a run."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.room import BANK
from semsplat_ros.rooms.builder import CLASSES, HOUSEHOLD_CLASSES
from semsplat_ros.training.room import export_room, initial_weights, room_loss
from test.support.pairs import write_shard
from test.training.test_trainer import make


def test_exported_weights_start_another_run(tmp_path: Path) -> None:
    trainer = make(tmp_path, 2)
    trainer.train()
    export_room(tmp_path / "run", tmp_path / "model")
    config = yaml.safe_load((tmp_path / "model" / "config.yaml").read_text())
    assert config["class_names"] == list(CLASSES)
    assert config["training"]["step"] == 2
    start = initial_weights(tmp_path / "model" / "model.safetensors")
    assert start.keys() == trainer.network.state_dict().keys(), "and no class bank"
    for name, value in start.items():
        assert value.dtype is torch.float32
        torch.testing.assert_close(value, trainer.average[name], rtol=1e-3, atol=1e-6)


def test_a_run_is_of_the_classes_of_its_shards(tmp_path: Path) -> None:
    about = write_shard(tmp_path / "data") / "shard.json"
    about.write_text(json.dumps({"classes": HOUSEHOLD_CLASSES}))
    loss = room_loss(tmp_path / "data")
    assert len(loss.bank) == len(loss.class_weights) == len(HOUSEHOLD_CLASSES)
    make(tmp_path, 1).train()
    export_room(tmp_path / "run", tmp_path / "model")
    config = yaml.safe_load((tmp_path / "model" / "config.yaml").read_text())
    assert config["class_names"] == list(HOUSEHOLD_CLASSES)
    assert len(load_file(tmp_path / "model" / "model.safetensors")[BANK]) == len(HOUSEHOLD_CLASSES)


def test_a_run_without_a_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError, match="train first") as caught:
        export_room(tmp_path, tmp_path / "model")
    assert caught.value.code is ErrorCode.IO_ERROR
