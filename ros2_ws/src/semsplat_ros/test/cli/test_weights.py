# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat weights`` on files in the official layouts."""

import dataclasses
import json
import os

import pytest
import torch
import typer
from safetensors import safe_open
from typer.testing import CliRunner

from semsplat_ros.cli import weights
from semsplat_ros.families.registry import weight_sources
from semsplat_ros.families.weights import checkpoints, conversion, identification
from semsplat_ros.families.weights.checkpoints import load_new, read_checkpoint
from semsplat_ros.families.weights.tensor_lists import TensorSpec, tensor_list, tensor_list_names
from semsplat_ros.networks.croco import TINY_CROCO
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.networks.dust3r import Dust3rNetwork
from test.support.official_files import foreign_classes, lightning_file, state_dict

app = typer.Typer()
weights.register(app)


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def run_for_json(tmp_path, *arguments):
    """Exit status and report."""
    file = tmp_path / "report.json"
    result = run(*arguments, "--json", file)
    assert file.exists(), result.output
    return result.exit_code, json.loads(file.read_text())


@pytest.fixture
def official(tmp_path):
    """Splatt3R's layout."""
    path = tmp_path / "epoch=19-step=1200.ckpt"
    loss = {"lpips_criterion.lin0.model.1.weight": torch.zeros(1, 64, 1, 1)}
    with foreign_classes() as classes:
        torch.save(lightning_file(state_dict("splatt3r") | loss, classes), path)
    return path


def test_inspect_says_what_it_is(official, tmp_path):
    status, report = run_for_json(tmp_path, "weights", "inspect", official, "--sha256")
    assert status == 0
    assert (report["system"], report["complete"], report["extras"]) == ("splatt3r", True, 1)
    assert report["parameters"] == 729_044_772
    assert len(report["sha256"]) == 64
    text = run("weights", "inspect", official).output
    assert "CC BY-NC 4.0" in text
    assert "complete" in text


def test_inspect_of_an_incomplete_file_lists_differences(tmp_path):
    state = state_dict("dust3r")
    del state["enc_norm.weight"]
    torch.save({"model": state}, tmp_path / "d.pth")
    status, report = run_for_json(tmp_path, "weights", "inspect", tmp_path / "d.pth")
    assert status == 1
    assert report["differences"] == ["enc_norm.weight is missing"]
    assert "enc_norm.weight is missing" in run("weights", "inspect", tmp_path / "d.pth").output
    refused = run("weights", "convert", tmp_path / "d.pth", tmp_path / "d.safetensors")
    assert refused.exit_code == 2
    assert "enc_norm.weight is missing" in refused.output
    assert not (tmp_path / "d.safetensors").exists()


class Touch:
    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_an_exploit_is_refused_with_one_line(tmp_path):
    marker = tmp_path / "ran"
    torch.save({"model": Touch(marker)}, tmp_path / "bad.pth")
    for command in (["inspect"], ["convert"]):
        out = [tmp_path / "o.safetensors"] if command == ["convert"] else []
        result = run("weights", *command, tmp_path / "bad.pth", *out)
        assert result.exit_code == 2
        assert result.output.startswith("BAD_FILE: bad.pth was refused")
    assert not marker.exists()


def test_convert_keeps_every_weight(tmp_path):
    source, target = tmp_path / "s.ckpt", tmp_path / "s.safetensors"
    shared = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    state = {"a": shared, "b": torch.ones(3), "same": shared, "half": torch.ones(2).half()}
    torch.save({"state_dict": state}, source)
    status, report = run_for_json(tmp_path, "weights", "convert", source, target)
    assert status == 0
    assert report["bytes"] == target.stat().st_size
    after = read_checkpoint(target).tensors
    assert after.keys() == state.keys()
    for name, tensor in state.items():
        torch.testing.assert_close(after[name], tensor, rtol=0, atol=0)
    again = run("weights", "convert", source, target)
    assert again.exit_code == 2
    assert "ALREADY_EXISTS" in again.output
    assert run("weights", "convert", source, target, "--overwrite").exit_code == 0
    assert run("weights", "convert", source, tmp_path / "s.bin").exit_code == 2


def test_convert_of_a_system_writes_each_tensor_once(tmp_path, monkeypatch):
    """At a small size: the official list is replaced by that of a small DUSt3R."""
    network = Dust3rNetwork(TINY_CROCO, TINY_DPT)
    official = dataclasses.replace(
        tensor_list("dust3r"),
        tensors={n: TensorSpec(tuple(t.shape)) for n, t in network.state_dict().items()},
    )
    for module in (identification, checkpoints, conversion):
        monkeypatch.setattr(module, "tensor_list", lambda _name: official)
    source, target = tmp_path / "s.pth", tmp_path / "s.safetensors"
    torch.save({"model": network.state_dict()}, source)
    assert run("weights", "convert", source, target).exit_code == 0
    with safe_open(target, "pt") as file:
        assert len(file.keys()) == len(official.tensors) - len(official.aliases)
    loaded = load_new(lambda: Dust3rNetwork(TINY_CROCO, TINY_DPT), read_checkpoint(target))
    for name, tensor in network.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)


@pytest.mark.parametrize("name", [*tensor_list_names(), "gsemsplat"])
def test_where_knows_every_system(name, tmp_path):
    status, (source,) = run_for_json(tmp_path, "weights", "where", name)
    assert status == 0
    assert source["system"] == name
    assert source["terms"]


def test_where_of_all_and_of_nothing():
    text = run("weights", "where").output
    assert all(name in text for name in weight_sources())
    unknown = run("weights", "where", "resnet")
    assert unknown.exit_code == 2
    assert "INVALID_NAME" in unknown.output


def test_a_report_that_cannot_be_written_is_one_line(tmp_path):
    result = run("weights", "where", "lsm", "--json", tmp_path / "none" / "report.json")
    assert result.exit_code == 2
    assert result.output.startswith("IO_ERROR: ")
