# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Nothing in a PyTorch file is ever executed."""

import argparse
import builtins
import os
import pickle
import subprocess
import zipfile

import pytest
import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.checkpoints import read_checkpoint
from semsplat_ros.families.weights.placeholders import Inert
from semsplat_ros.families.weights.torch_files import read_torch_file
from test.support.official_files import foreign_classes, lightning_file, training_file


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments) -> None:
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


def exploits(marker) -> dict[str, Call]:
    code = f"open({str(marker)!r}, 'w').close()"
    return {
        "os.system": Call(os.system, f"touch {marker}"),
        "eval": Call(builtins.eval, code),
        "exec": Call(builtins.exec, code),
        "open": Call(builtins.open, str(marker), "w"),
        "subprocess": Call(subprocess.check_call, ["touch", str(marker)]),
        "getattr": Call(builtins.getattr, os, "system"),
        "torch.load": Call(torch.load, str(marker)),
    }


@pytest.mark.parametrize("name", exploits(""))
@pytest.mark.parametrize("place", ["alone", "weights", "arguments", "config", "key"])
def test_an_exploit_is_refused_and_does_not_run(tmp_path, name, place):
    marker, path = tmp_path / "ran", tmp_path / "weights.pth"
    exploit = exploits(marker)[name]
    weights = {"a.weight": torch.zeros(2)}
    if name == "getattr":  # os itself cannot be pickled
        exploit = Call(builtins.getattr, "text", "upper")
    with foreign_classes() as classes:
        lightning = lightning_file(weights, classes)
        config = classes["DictConfig"]()
        config.__dict__["_content"] = exploit
        content = {
            "alone": exploit,
            "weights": {"model": {"a.weight": torch.zeros(2), "b": exploit}},
            "arguments": {"args": argparse.Namespace(model=exploit), "model": weights},
            "config": lightning | {"hyper_parameters": {"config": config}},
            "key": training_file(weights) | {exploit: 1},
        }[place]
        torch.save(content, path)
    with pytest.raises(SemsplatError) as refusal:
        read_checkpoint(path)
    assert refusal.value.code is ErrorCode.BAD_FILE
    assert not marker.exists()


def test_the_exploit_would_run_in_a_plain_unpickler(tmp_path):
    """The files of the test above are real."""
    marker = tmp_path / "ran"
    pickle.loads(pickle.dumps(exploits(marker)["os.system"]))
    assert marker.exists()


def test_a_bare_pickle_is_refused_unread(tmp_path):
    marker, path = tmp_path / "ran", tmp_path / "weights.pth"
    path.write_bytes(pickle.dumps({"model": exploits(marker)["os.system"]}))
    with pytest.raises(SemsplatError, match="no PyTorch zip file"):
        read_torch_file(path)
    assert not marker.exists()


def test_known_containers_become_inert(tmp_path):
    path, before = tmp_path / "known.ckpt", set(torch.serialization.get_safe_globals())
    with foreign_classes() as classes:
        torch.save(lightning_file({"a": torch.ones(2)}, classes), path)
    content = read_torch_file(path)
    config = content["hyper_parameters"]["config"]
    assert type(config) is Inert
    assert config.state["_content"]["size"].state["_val"] == 512
    torch.save(training_file({"a": torch.ones(2)}), path)
    content = read_torch_file(path)
    assert type(content["args"]) is Inert
    assert content["args"].state["lr"] == 1e-4
    assert set(torch.serialization.get_safe_globals()) == before


def test_the_tensors_are_memory_mapped(tmp_path):
    path = tmp_path / "big.pth"
    torch.save({"model": {"a": torch.ones(1000)}}, path)
    tensor = read_torch_file(path)["model"]["a"]
    with path.open("r+b") as file:
        content = file.read()
        file.seek(content.index(torch.ones(1000).numpy().tobytes()))
        file.write(torch.full((1,), 7.0).numpy().tobytes())
    assert tensor[0] == 7.0


def test_compressed_parts_are_refused(tmp_path):
    source, packed = tmp_path / "plain.pth", tmp_path / "packed.pth"
    torch.save({"a": torch.zeros(100)}, source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            new.writestr(part.filename, old.read(part))
    with pytest.raises(SemsplatError, match="compressed"):
        read_torch_file(packed)


@pytest.mark.parametrize("damage", range(12))
def test_a_damaged_pickle_is_refused(tmp_path, damage):
    path = tmp_path / "damaged.pth"
    torch.save({"model": {"a": torch.zeros(10), "b": torch.ones(3)}}, path)
    with zipfile.ZipFile(path) as archive:
        info = next(p for p in archive.infolist() if p.filename.endswith("data.pkl"))
        pickled = archive.read(info)
    content = bytearray(path.read_bytes())
    start = content.index(pickled)
    content[start + damage * (len(pickled) // 12)] ^= 0xFF
    path.write_bytes(content)
    try:
        read_torch_file(path)  # a changed name or number is no damage that can be seen
    except SemsplatError as error:
        assert error.code is ErrorCode.BAD_FILE
