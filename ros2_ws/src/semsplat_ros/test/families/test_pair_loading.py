# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Official files to scene models; the files hold official names and shapes, but no weights."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.dust3r import dust3r_size, load_dust3r, load_mast3r
from semsplat_ros.families.gsemsplat import load_gsemsplat, save_heads
from semsplat_ros.families.splatt3r import load_splatt3r
from semsplat_ros.networks.gsemsplat import GSemSplatNetwork
from semsplat_ros.scene import Resampling
from test.support.official_files import foreign_classes, lightning_file, state_dict, training_file

CPU = torch.device("cpu")


def official(path, system):
    with foreign_classes() as classes:
        if system == "splatt3r":
            torch.save(lightning_file(state_dict(system), classes), path)
        else:
            torch.save(training_file(state_dict(system)), path)
    return path


@pytest.mark.parametrize(
    ("system", "load", "size", "metric"),
    [
        ("dust3r", load_dust3r, (384, 512), False),
        ("mast3r", load_mast3r, (384, 512), True),
        ("splatt3r", load_splatt3r, (512, 512), True),
    ],
)
def test_an_official_file_becomes_a_model(tmp_path, system, load, size, metric):
    path = official(tmp_path / "file.pth", system)
    model = load(path, CPU, torch.float32)
    assert (model.info.name, model.info.image_size) == (system, size)
    assert model.info.metric is metric
    assert model.info.keep_shape is (size[0] != size[1])
    assert model.info.resampling is Resampling.LANCZOS
    assert "non-commercial" in model.info.licence
    assert len(model.info.checksum) == 8
    assert not model.network.training
    assert not any(p.requires_grad for p in model.network.parameters())
    weight = model.network.downstream_head2.dpt.scratch.layer1_rn.weight
    assert weight is model.network.downstream_head2.dpt.scratch.layer_rn[0].weight
    assert (weight == 0.5).all()


def test_the_file_of_another_system_is_refused(tmp_path):
    path = official(tmp_path / "file.pth", "mast3r")
    with pytest.raises(SemsplatError, match="holds mast3r and not dust3r") as refusal:
        load_dust3r(path, CPU, torch.float32)
    assert refusal.value.code is ErrorCode.BAD_FILE


def test_a_file_of_nothing_known_is_refused(tmp_path):
    torch.save({"fc.weight": torch.zeros(2, 3)}, tmp_path / "file.pth")
    with pytest.raises(SemsplatError, match="no system that is known here and not dust3r"):
        load_dust3r(tmp_path / "file.pth", CPU, torch.float32)


def test_an_incomplete_file_is_refused_with_the_name(tmp_path):
    state = state_dict("splatt3r")
    del state["encoder.enc_blocks.7.attn.qkv.bias"]
    torch.save({"state_dict": state}, tmp_path / "file.ckpt")
    with pytest.raises(SemsplatError, match=r"enc_blocks\.7\.attn\.qkv\.bias is missing"):
        load_splatt3r(tmp_path / "file.ckpt", CPU, torch.float32)


@pytest.mark.parametrize(
    ("side", "size"), [(0, (384, 512)), (512, (384, 512)), (224, (224, 224)), (64, (48, 64))]
)
def test_dust3r_takes_four_to_three(side, size):
    assert dust3r_size(side) == size


@pytest.mark.parametrize("side", [100, 16, -32])
def test_a_side_off_the_grid_is_refused(side):
    with pytest.raises(SemsplatError) as refusal:
        dust3r_size(side)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT


def heads_network():
    """At official size on the meta device, heads with one value each."""
    with torch.device("meta"):
        network = GSemSplatNetwork()
    torch.manual_seed(0)
    network.heads = type(network.heads)()
    return network


def test_gsemsplat_is_its_heads_and_a_file_of_splatt3r(tmp_path):
    network = heads_network()
    heads = tmp_path / "heads.safetensors"
    save_heads(network, heads, "open_clip:ViT-B-16:/models/clip.safetensors")
    with pytest.raises(SemsplatError, match="Splatt3R's file beside") as refusal:
        load_gsemsplat(heads, CPU, torch.float32)
    assert refusal.value.code is ErrorCode.MODEL_NOT_LOADED
    official(tmp_path / "epoch=19-step=1200.ckpt", "splatt3r")
    model = load_gsemsplat(heads, CPU, torch.float32)
    assert model.language.encoder == "open_clip:ViT-B-16:/models/clip.safetensors"
    loaded = model.network.heads.state_dict()
    for name, tensor in network.heads.state_dict().items():
        torch.testing.assert_close(loaded[name], tensor, rtol=0, atol=0)
    assert (model.network.base.enc_norm.weight == 0.5).all()
    save_heads(network, heads, "")
    with pytest.raises(SemsplatError) as refusal:
        load_gsemsplat(heads, CPU, torch.float32)
    assert refusal.value.code is ErrorCode.NO_LANGUAGE_MODEL
    with pytest.raises(SemsplatError, match="set model.name to splatt3r"):
        load_gsemsplat(tmp_path / "epoch=19-step=1200.ckpt", CPU, torch.float32)


@pytest.mark.parametrize("change", ["missing", "renamed", "transposed", "flat", "extra"])
@pytest.mark.parametrize("name", ["region_projection.hidden.weight", "head2.context.3.weight"])
def test_changed_heads_of_gsemsplat_are_refused(tmp_path, name, change):
    heads = tmp_path / "heads.safetensors"
    save_heads(heads_network(), heads, "minilm")
    official(tmp_path / "splatt3r.ckpt", "splatt3r")
    state = load_file(heads)
    tensor = state[f"heads.{name}"] if change == "extra" else state.pop(f"heads.{name}")
    state |= {
        "missing": {},
        "renamed": {f"heads.{name}s": tensor},
        "transposed": {f"heads.{name}": tensor.transpose(0, 1).contiguous()},
        "flat": {f"heads.{name}": tensor.flatten()},
        "extra": {"heads.more": torch.zeros(3)},
    }[change]
    save_file(state, heads, metadata={"text_encoder": "minilm"})
    with pytest.raises(SemsplatError) as refusal:
        load_gsemsplat(heads, CPU, torch.float32)
    assert refusal.value.code is ErrorCode.BAD_FILE
