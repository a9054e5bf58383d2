# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A file as a user has it, at official size, from the names of model and file to an answer."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from semsplat_ros.evaluation.verification.golden import load_golden
from semsplat_ros.evaluation.verification.inputs import splat_inputs
from semsplat_ros.families.registry import load_model
from semsplat_ros.families.splat_models import blending_opacities
from semsplat_ros.families.weights.named_weights import SPLAT_RULE, rule_state
from semsplat_ros.families.weights.tensor_lists import tensor_list
from semsplat_ros.geometry.views import central_crop
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, Views

GOLDEN = Path(__file__).parents[1] / "golden" / "golden_spatialsplat_seed0.npz"
SIDE = 256
LIMIT = 5e-3
"""Of a tensor's deviation; images and intrinsics pass through 0..1 and pixels on the way in."""


def rule_tensors(system: str) -> dict[str, torch.Tensor]:
    listed = tensor_list(system).tensors
    like = {n: torch.empty(s.shape, dtype=s.dtype, device="meta") for n, s in listed.items()}
    return rule_state(like, 0, SPLAT_RULE)


def write_files(folder: Path) -> Path:
    prefix = tensor_list("spatialsplat").prefix
    path = folder / "spatialsplat.ckpt"
    state = {prefix + n: t for n, t in rule_tensors("spatialsplat").items()}
    torch.save({"state_dict": state, "epoch": 1}, path)
    save_file(rule_tensors("clip_vitb16"), folder / "clip_vitb16.safetensors")
    return path


def golden_views() -> Views:
    inputs = splat_inputs(0)
    crop = central_crop(SIDE, SIDE, SIDE, SIDE)
    pixels = inputs.intrinsics[0] * torch.tensor([[SIDE], [SIDE], [1.0]])
    images = inputs.images[0] * 0.5 + 0.5
    prior = CameraPrior(tuple(pixels), IntrinsicsSource.CAMERA_INFO)
    return Views(images, (crop, crop), prior)


@pytest.mark.golden
@pytest.mark.timeout(900)
def test_spatialsplat_from_its_file_to_an_answer(tmp_path):
    path = write_files(tmp_path)
    model = load_model("spatialsplat", str(path), "cpu", "fp32")
    assert model.info.image_size == (SIDE, SIDE)
    assert "non-commercial" in model.info.licence
    perceiver = Perceiver(model)
    vocabulary = perceiver.make_vocabulary(["chair", "table", "wall"], 1)
    perception = perceiver.perceive(golden_views(), vocabulary)
    scene, golden = perception.scene, load_golden(GOLDEN)
    assert scene.provenance.model == f"spatialsplat-{model.info.checksum}"

    def agrees(name: str, ours: torch.Tensor, left_out: torch.Tensor | None = None) -> None:
        recorded = golden.tensors[name]
        assert ours.numel() == torch.Size(recorded.shape).numel()
        index = torch.from_numpy(recorded.index)
        delta = (ours.flatten()[index] - torch.from_numpy(recorded.value)).abs() / recorded.std
        if left_out is not None:
            delta = delta[~left_out.flatten()[index]]
        assert delta.max() < LIMIT, name

    gaussians = scene.gaussians
    agrees("out_fine/means", gaussians.means)
    agrees("out_fine/active", gaussians.importances)
    at_threshold = (gaussians.importances - 0.5).abs() < 1e-4
    agrees("out_fine/opacities", blending_opacities(gaussians), at_threshold)
    agrees("out_fine/instance_feats", scene.instance_features)
    agrees("out_coarse/means", scene.semantics.coarse.gaussians.means)
    agrees("out_coarse/language_feats", scene.semantics.coarse.semantics)
    answer = perceiver.query(perception, "find the chair", min_score=0.0)
    assert answer.concept == "chair"
    assert answer.found == bool(perception.instances)
