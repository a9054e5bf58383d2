# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The second network of the model `home`, with its shipped weights."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.photograph_network import (
    FACTOR,
    PREFIX,
    PhotographNetwork,
    load_photograph_network,
)
from semsplat_ros.families.registry import model_directory, shipped_config
from semsplat_ros.networks.deeplab import DeepLab
from semsplat_ros.scene import Views

CPU = torch.device("cpu")


def shipped() -> PhotographNetwork | None:
    path, config = model_directory() / "home" / "model.safetensors", shipped_config("home")
    tensors = {
        name.removeprefix(PREFIX): value
        for name, value in load_file(path).items()
        if name.startswith(PREFIX)
    }
    return load_photograph_network(
        path, tensors, config["class_names"], config["photograph_classes"], CPU
    )


@torch.inference_mode()
def test_shipped_weights_give_the_recorded_logits() -> None:
    """Recorded from the published network, run from its own graph in float32."""
    network = shipped()
    assert network is not None
    ramp = torch.linspace(0, 1, 64 * 80).reshape(1, 1, 64, 80)
    image = torch.cat([ramp, ramp.flip(2), ramp.flip(3)], 1)
    logits = network.network(image)[0, :, 1, 2]
    wanted = torch.tensor(RECORDED)
    torch.testing.assert_close(logits, wanted, rtol=0.02, atol=0.1)


RECORDED = [
    16.302,
    1.288,
    6.463,
    3.814,
    -5.101,
    11.053,
    13.023,
    13.163,
    7.941,
    6.772,
    -2.165,
    1.513,
    3.586,
    0.891,
    5.317,
    11.826,
    3.157,
    0.175,
    -3.198,
    12.991,
    10.942,
]


@torch.inference_mode()
def test_the_last_channel_is_any_object_and_no_less_than_the_classes() -> None:
    network = shipped()
    assert network is not None
    images = torch.rand(2, 3, 32, 48)
    out = network(Views(images, crops=()), images)
    assert out.shape == (2, len(network.classes) + 1, 32 * FACTOR // 16, 48 * FACTOR // 16)
    assert (out[:, :-1].sum(1) <= out[:, -1] + 1e-5).all()


def test_a_model_without_it_has_none() -> None:
    assert load_photograph_network(Path("w"), {}, ("chair",), {}, CPU) is None


@pytest.mark.parametrize(
    ("tensors", "called"),
    [(False, {"chair": "chair"}), (True, {}), (True, {"chair": "throne"}), (True, {"x": "chair"})],
)
def test_weights_and_classes_that_do_not_fit_are_refused(
    tensors: bool, called: dict[str, str]
) -> None:
    state = DeepLab().state_dict() if tensors else {}
    with pytest.raises(SemsplatError, match="photograph_classes") as caught:
        load_photograph_network(Path("w"), state, ("chair",), called, CPU)
    assert caught.value.code is ErrorCode.BAD_FILE
