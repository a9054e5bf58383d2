# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Official files are recognised, loaded strictly and never executed."""

import hashlib
import logging

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.checkpoints import (
    load_into,
    load_new,
    read_checkpoint,
)
from semsplat_ros.families.weights.tensor_lists import tensor_list, tensor_list_names
from test.support.official_files import (
    foreign_classes,
    lightning_file,
    state_dict,
    training_file,
)


def refused(action, code=ErrorCode.BAD_FILE) -> str:
    with pytest.raises(SemsplatError) as refusal:
        action()
    assert refusal.value.code is code
    return refusal.value.message


class Small(nn.Module):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 4)
        self.norm = nn.LayerNorm(4)


class Tied(Small):
    """A layer under two names."""

    def __init__(self) -> None:
        super().__init__()
        self.again = self.first


@pytest.mark.parametrize("system", ["dust3r", "mast3r", "lsm"])
def test_training_files_are_recognised(tmp_path, system):
    path = tmp_path / "checkpoint.pth"
    torch.save(training_file(state_dict(system)), path)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.system, checkpoint.complete) == (system, True)
    assert checkpoint.model_string.startswith("AsymmetricCroCo3DStereo(")
    assert checkpoint.tensors.keys() == tensor_list(system).tensors.keys()


@pytest.mark.parametrize("system", ["splatt3r", "noposplat", "spatialsplat", "lseg"])
def test_lightning_files_are_recognised(tmp_path, system):
    path = tmp_path / "epoch=1.ckpt"
    state = state_dict(system) | {"lpips_criterion.lin0.model.1.weight": torch.zeros(1, 64, 1, 1)}
    with foreign_classes() as classes:
        torch.save(lightning_file(state, classes), path)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.system, checkpoint.complete) == (system, True)
    assert list(checkpoint.extras) == ["lpips_criterion.lin0.model.1.weight"]
    assert checkpoint.tensors.keys() == tensor_list(system).tensors.keys()


@pytest.mark.parametrize("system", tensor_list_names())
def test_bare_state_dicts_without_the_prefix_are_recognised(tmp_path, system):
    path = tmp_path / "weights.pt"
    prefix = tensor_list(system).prefix
    torch.save({n.removeprefix(prefix): t for n, t in state_dict(system).items()}, path)
    checkpoint = read_checkpoint(path)
    assert (checkpoint.system, checkpoint.complete) == (system, True)


def test_a_language_extractor_inside_is_kept_apart(tmp_path):
    path = tmp_path / "spatialsplat.ckpt"
    inside = {"encoder.language_extractor.head.weight": torch.ones(2, 3)}
    torch.save({"state_dict": state_dict("spatialsplat") | inside}, path)
    checkpoint = read_checkpoint(path)
    assert checkpoint.complete
    assert checkpoint.variant == "with LSeg inside"
    assert list(checkpoint.extras) == list(inside)


def test_one_name_of_an_alias_is_enough_and_two_must_agree(tmp_path):
    state = state_dict("dust3r")
    second, first = next(iter(tensor_list("dust3r").aliases.items()))
    one_name = {n: t for n, t in state.items() if n != first}
    torch.save({"model": one_name}, tmp_path / "one.pth")
    checkpoint = read_checkpoint(tmp_path / "one.pth")
    assert checkpoint.complete
    assert checkpoint.tensors[first] is checkpoint.tensors[second]
    torch.save({"model": state | {second: state[first] + 1}}, tmp_path / "two.pth")
    assert "differ in it" in refused(lambda: read_checkpoint(tmp_path / "two.pth"))


def test_a_single_decoder_serves_both_sides(tmp_path):
    single = {n: t for n, t in state_dict("dust3r").items() if not n.startswith("dec_blocks2")}
    torch.save({"model": single}, tmp_path / "croco.pth")
    checkpoint = read_checkpoint(tmp_path / "croco.pth")
    assert checkpoint.complete
    name = "dec_blocks{}.3.attn.qkv.weight"
    assert checkpoint.tensors[name.format("2")] is checkpoint.tensors[name.format("")]


@pytest.mark.parametrize("change", ["missing", "renamed", "transposed", "extra"])
def test_a_changed_tensor_is_named(tmp_path, change):
    state = state_dict("splatt3r")
    name = "encoder.decoder_embed.weight"
    tensor = state.pop(name) if change in ("missing", "renamed") else state[name]
    state |= {
        "missing": {},
        "renamed": {"encoder.decoder_embedding.weight": tensor},
        "transposed": {name: tensor.T},
        "extra": {"encoder.decoder_embed.scale": tensor},
    }[change]
    torch.save({"state_dict": state}, tmp_path / "changed.ckpt")
    checkpoint = read_checkpoint(tmp_path / "changed.ckpt")
    assert checkpoint.system == "splatt3r"
    assert not checkpoint.complete
    assert "decoder_embed" in checkpoint.differences[0]


def test_a_file_of_something_else_is_unknown(tmp_path):
    torch.save(Small().state_dict(), tmp_path / "small.pt")
    checkpoint = read_checkpoint(tmp_path / "small.pt")
    assert (checkpoint.system, checkpoint.complete) == ("unknown", False)
    assert "unknown" in checkpoint.licence


@pytest.mark.parametrize("container", ["safetensors", "torch"])
def test_a_file_reads_back_and_truncation_is_refused(tmp_path, container):
    module, path = Small(), tmp_path / f"small.{container}"
    if container == "torch":
        torch.save({"state_dict": module.state_dict()}, path)
    else:
        save_file(module.state_dict(), path, metadata={"made": "here"})
    checkpoint = read_checkpoint(path)
    assert checkpoint.container == container
    loaded = load_new(Small, checkpoint)
    for name, tensor in module.state_dict().items():
        torch.testing.assert_close(loaded.state_dict()[name], tensor, rtol=0, atol=0)
    content = path.read_bytes()
    for keep in (len(content) - 1, len(content) // 2, 5, 0):
        path.write_bytes(content[:keep])
        assert path.name in refused(lambda: read_checkpoint(path))


def test_checksum_and_absence(tmp_path):
    path = tmp_path / "small.safetensors"
    save_file(Small().state_dict(), path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert read_checkpoint(path, digest.upper()).container == "safetensors"
    assert digest in refused(lambda: read_checkpoint(path, "0" * 64))
    refused(lambda: read_checkpoint(tmp_path / "none.pth"), ErrorCode.IO_ERROR)
    assert "folder" in refused(lambda: read_checkpoint(tmp_path), ErrorCode.IO_ERROR)


@pytest.mark.parametrize(
    "content",
    [{}, [1, 2], {"model": {"a": 3}}, {"state_dict": {"a": torch.eye(2).to_sparse()}}, 7],
)
def test_a_file_without_dense_tensors_is_refused(tmp_path, content):
    torch.save(content, tmp_path / "odd.pth")
    refused(lambda: read_checkpoint(tmp_path / "odd.pth"))


def test_nothing_is_assigned_unless_all_fits():
    module, other = Small(), Small()
    before = {n: t.clone() for n, t in module.state_dict().items()}
    good = other.state_dict()
    for bad in (
        {n: t for n, t in good.items() if n != "norm.bias"},
        good | {"norm.bias": torch.zeros(5)},
        good | {"more": torch.zeros(5)},
        good | {"first.weight": good["first.weight"].T},
    ):
        message = refused(lambda bad=bad: load_into(module, bad))
        assert "does not fit Small" in message
        for name, tensor in module.state_dict().items():
            torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
def test_weights_that_are_no_real_numbers_are_named(tmp_path, dtype):
    state = state_dict("dust3r")
    shape = state["enc_norm.bias"].shape
    state["enc_norm.bias"] = torch.ones((), dtype=dtype).expand(shape)
    torch.save({"model": state}, tmp_path / "odd.pth")
    checkpoint = read_checkpoint(tmp_path / "odd.pth")
    (difference,) = checkpoint.differences
    assert difference == f"enc_norm.bias holds {str(dtype)[6:]}, expected float32"
    weights = Small().state_dict() | {"norm.bias": torch.ones(4, dtype=dtype)}
    assert "norm.bias holds" in refused(lambda: load_new(Small, weights))


@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_not_finite_are_named(value, dtype):
    weights = Small().state_dict()
    weights["first.weight"] = weights["first.weight"].to(dtype)
    weights["first.weight"][2, 1] = value
    assert "first.weight holds a value that is infinite" in refused(
        lambda: load_new(Small, weights)
    )


def test_loading_takes_the_tensors_over_and_converts_where_needed():
    weights = Small().state_dict()
    weights["norm.weight"] = weights["norm.weight"].half()
    module = load_new(Small, weights)
    assert module.first.weight.data_ptr() == weights["first.weight"].data_ptr()
    assert module.norm.weight.dtype is torch.float32
    assert module.first.weight.requires_grad


def test_one_name_of_a_tied_parameter_is_enough():
    weights = Small().state_dict()
    module = load_new(Tied, weights)
    assert module.again.weight is module.first.weight
    assert module.again.weight.data_ptr() == weights["first.weight"].data_ptr()
    refused(lambda: load_new(Tied, {n: t for n, t in weights.items() if n != "first.bias"}))


def test_a_long_list_of_differences_is_shortened():
    weights = Small().state_dict() | {f"extra{i}": torch.zeros(1) for i in range(20)}
    message = refused(lambda: load_into(Small(), weights))
    assert message.endswith("and 14 more")


def test_the_licence_is_said_once(tmp_path, caplog):
    path = tmp_path / "small-licence.pt"
    torch.save(Small().state_dict(), path)
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            load_into(Small(), read_checkpoint(path))
    assert sum("small-licence.pt" in record.getMessage() for record in caplog.records) == 1
