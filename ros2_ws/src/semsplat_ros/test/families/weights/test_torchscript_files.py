# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weights out of TorchScript archives, as OpenAI publishes CLIP, without running them."""

import os
import pickle
import shutil
import zipfile

import pytest
import torch
from torch import nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights import identification
from semsplat_ros.families.weights.checkpoints import load_new, read_checkpoint
from semsplat_ros.families.weights.torch_files import read_torch_file


class Tower(nn.Module):
    """Nested modules, halves, a buffer, a transposed parameter, lists and numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.Sequential(nn.Conv2d(3, 4, 2, bias=False), nn.ReLU(), nn.Flatten())
        self.ln = nn.LayerNorm(16)
        self.proj = nn.Parameter(torch.randn(5, 16).half().t())
        self.register_buffer("input_resolution", torch.tensor(224))
        self.attn_mask = torch.ones(2, 2)

    def forward(self, x):
        return self.ln(self.blocks(x)) @ self.proj.float() + self.attn_mask.sum()


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A module and its archive, made once: scripting takes a while."""
    path = tmp_path_factory.mktemp("script") / "ViT-B-16.pt"
    module = Tower()
    torch.jit.script(module).save(str(path))
    return module, path


def rewritten(source, target, change):
    """A copy of an archive with the pickle changed; the other parts stay as they are."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            pickled = part.filename.endswith("/data.pkl")
            new.writestr(part.filename, change(content) if pickled else content)
    return target


def test_weights_are_those_of_the_module(saved):
    module, path = saved
    found = read_torch_file(path)
    assert found.keys() == module.state_dict().keys() | {"attn_mask"}
    for name, tensor in module.state_dict().items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


def test_notes_are_no_weights(saved, monkeypatch):
    module, path = saved
    checkpoint = read_checkpoint(path)
    assert checkpoint.container == "torch"
    kept = identification._strip(list(checkpoint.tensors), "")
    assert kept.keys() == {"blocks.0.weight", "ln.weight", "ln.bias", "proj"}
    part = {name: checkpoint.tensors[name] for name in ("ln.weight", "ln.bias")}
    loaded = load_new(
        lambda: nn.LayerNorm(16), {n.removeprefix("ln."): t for n, t in part.items()}
    )
    assert torch.equal(loaded.weight, module.ln.weight)


def test_weights_are_mapped_and_the_file_is_left_alone(saved, tmp_path):
    path = shutil.copy(saved[1], tmp_path / "copy.pt")
    before = path.read_bytes()
    read_torch_file(path)["ln.weight"].fill_(7.0)
    assert path.read_bytes() == before


class Call:
    """Pickles as a call of os.system."""

    def __init__(self, marker) -> None:
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_an_exploit_is_refused_and_does_not_run(saved, tmp_path, protocol):
    marker = tmp_path / "ran"
    evil = pickle.dumps({"a": Call(marker)}, protocol)
    path = rewritten(saved[1], tmp_path / "evil.pt", lambda _: evil)
    with pytest.raises(SemsplatError, match="system") as refusal:
        read_checkpoint(path)
    assert refusal.value.code is ErrorCode.BAD_FILE
    assert not marker.exists()
    pickle.loads(evil)
    assert marker.exists()  # it was real


@pytest.mark.parametrize(
    "change",
    [
        lambda p: pickle.dumps({}),
        lambda p: pickle.dumps([1, 2]),
        lambda p: p[: len(p) // 2],
        lambda p: p.replace(b"HalfStorage", b"FileStorage"),
        # More values than the part holds.
        lambda p: p.replace(b"cpuq\x06KP", b"cpuq\x06K\xff", 1),
        lambda p: p.replace(b"LayerNorm", b"LayerNorn").replace(b"__torch__", b"os_torch_"),
    ],
    ids=["dict", "list", "cut", "storage", "long", "foreign"],
)
def test_what_no_writer_makes_is_refused(saved, tmp_path, change):
    path = rewritten(saved[1], tmp_path / "odd.pt", change)
    with zipfile.ZipFile(saved[1]) as a, zipfile.ZipFile(path) as b:
        name = next(n for n in a.namelist() if n.endswith("/data.pkl"))
        assert a.read(name) != b.read(name)
    with pytest.raises(SemsplatError) as refusal:
        read_torch_file(path)
    assert refusal.value.code is ErrorCode.BAD_FILE


def test_a_truncated_archive_is_refused(saved, tmp_path):
    content = saved[1].read_bytes()
    for keep in (len(content) - 1, len(content) // 2):
        (tmp_path / "cut.pt").write_bytes(content[:keep])
        with pytest.raises(SemsplatError, match="truncated"):
            read_torch_file(tmp_path / "cut.pt")
