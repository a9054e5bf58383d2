# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSM's point transformer and Gaussian head on made-up clouds, and the parts they are made of.

The cases of a file are letters: with or without several points in a voxel, one scene or two, more
or fewer points than an attention window.
"""

from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.evaluation.verification.golden import GoldenFile, Recorder
from semsplat_ros.evaluation.verification.loading import load_by_rule
from semsplat_ros.families.weights.named_weights import DUST3R_RULE, rule_array, rule_generator
from semsplat_ros.networks.gaussian_adapter import covariances
from semsplat_ros.networks.lsm import VOXEL_SIZE
from semsplat_ros.networks.lsm_head import LsmGaussianHead, LsmGaussians
from semsplat_ros.networks.point_transformer.blocks import PointTransformerConfig, WindowRule
from semsplat_ros.networks.point_transformer.cloud import (
    PointFeatures,
    Structure,
    structure_of,
    voxelize,
)
from semsplat_ros.networks.point_transformer.network import PointTransformer
from semsplat_ros.networks.point_transformer.space_filling_curves import ORDERS, depth_of, encode
from semsplat_ros.networks.point_transformer.sparse_conv import SubmanifoldConv3d, voxels_of

LIMIT = 1e-4
CONV_LIMIT = 1e-5
STATISTICS_LIMIT = 0.03
"""A point in another voxel shifts all later windows, which changes single features by up to twice
their deviation, and their mean and deviation hardly."""
TOKENS = 96
"""Of each memory that the fusion blocks read."""
TWO_SCENES = "c"
FIRST_SCENE_SHARE = 1500 / 4100
STAGES = (
    "embedding",
    *(f"enc.enc{i}" for i in range(5)),
    "decoder_block_dust",
    "decoder_block_lseg",
    "dec.dec3",
    "decoder_block_multi_scale",
    *(f"dec.dec{i}" for i in (2, 1, 0)),
)
WITHOUT_FLASH = PointTransformerConfig(window_rule=WindowRule.SMALLEST_SCENE)
"""The numbers were recorded without flash attention, which changes the windows of two scenes."""


class Doubt(NamedTuple):
    """Why single elements may rightly differ from the recorded ones."""

    reason: str
    certain: bool
    """True: they are known to; False: elements are compared, and the statistics only where they
    differ."""


class Case(NamedTuple):
    """One cloud."""

    coords: Float[Tensor, "n 3"]
    structure: Structure
    scenes: int


def point_transformer(recorder: Recorder, seed: int) -> None:
    """Everything in the file."""
    golden = recorder.golden
    _codes(recorder)
    if "e/indices" in golden.arrays:
        _one_convolution(recorder, seed)
    network = load_by_rule(
        partial(PointTransformer, WITHOUT_FLASH), None, seed, DUST3R_RULE, "point_transformer."
    )
    head = load_by_rule(LsmGaussianHead, None, seed, DUST3R_RULE, "gaussian_head.")
    for letter in sorted({n.split("/")[0] for n in golden.tensors if n.endswith("/embedding")}):
        case = _case(recorder, letter)
        features = _network(recorder, network, case, letter, seed)
        if f"{letter}/gaussian1/means" in golden.tensors:
            _head(recorder, head, case, features, letter, seed)


def watch_stages(
    recorder: Recorder, network: PointTransformer, prefix: str, doubt: Doubt | None = None
) -> list:
    """Hooks that compare every stage; remove them after the pass.

    Args:
        recorder: compares.
        network: to watch.
        prefix: of the recorded names.
        doubt: why single elements may differ, or None.
    """

    def record(
        name: str, _module: nn.Module, _inputs: object, output: Tensor | PointFeatures
    ) -> None:
        features = output.features if isinstance(output, PointFeatures) else output
        compare(recorder, f"{prefix}/{name}", features, doubt)

    return [
        network.get_submodule(name).register_forward_hook(partial(record, name)) for name in STAGES
    ]


def compare(recorder: Recorder, name: str, ours: Tensor, doubt: Doubt | None = None) -> None:
    """Element by element, or the statistics where there is a reason."""
    if doubt is None or not doubt.certain:
        recorder.compare(name, ours, LIMIT)
        recorded = recorder.comparisons.get(name)
        if doubt is None or recorded is None or recorded.passed:
            return
    recorder.compare_statistics(name, ours, STATISTICS_LIMIT, doubt.reason)


def compare_gaussians(
    recorder: Recorder,
    prefix: str,
    gaussians: LsmGaussians,
    means: Float[Tensor, "s p 3"],
    size: tuple[int, int],
    doubt: Doubt | None = None,
) -> None:
    """Attributes of both views of one scene, as the file has them."""
    # The published code reads the quaternion as (x, y, z, w) here and as (w, x, y, z) where it
    # renders.
    values = {
        "scales": gaussians.scales,
        "rotations": gaussians.quats_wxyz,
        "covs": covariances(gaussians.scales, gaussians.quats_wxyz),
        "opacities": gaussians.opacities[..., None],
        "sh_coeffs": gaussians.sh,
        "gs_feats": gaussians.features,
    }
    for name, both in values.items():
        for view, one in enumerate(both.unflatten(1, (2, *size)).unbind(1), 1):
            compare(recorder, f"{prefix}/gaussian{view}/{name}", one, doubt)
    for view, one in enumerate(means.unflatten(1, (2, *size)).unbind(1), 1):
        recorder.compare(f"{prefix}/gaussian{view}/means", one, LIMIT)


def _normal(name: str, seed: int, shape: tuple[int, ...]) -> Tensor:
    values = rule_generator(name, seed).standard_normal(shape, dtype=np.float32)
    return torch.from_numpy(values)


def _codes(recorder: Recorder) -> None:
    golden = recorder.golden
    if "a/grid_coord" not in golden.arrays:
        return
    recorder.used_as_input("a/grid_coord", "voxels of all cases without coordinates")
    grid = torch.from_numpy(golden.array("a/grid_coord"))
    scene = torch.zeros(len(grid), dtype=torch.long)
    for order in ORDERS:
        codes = encode(grid, scene, depth_of(grid), order)
        recorder.compare_array(f"codes/{order}", codes, 0.0)


def _one_convolution(recorder: Recorder, seed: int) -> None:
    rows = torch.from_numpy(recorder.golden.array("e/indices"))
    recorder.used_as_input("e/indices", "scene and voxel of each point")
    conv = SubmanifoldConv3d(4, recorder.golden.shape("e/out")[1], 3, bias=False)
    shape = tuple(conv.weight.shape)
    conv.weight = nn.Parameter(torch.from_numpy(rule_array("e/weight", shape, seed, DUST3R_RULE)))
    voxels = voxels_of(rows[:, 1:], rows[:, 0])
    features = _normal("e/feat", seed, (len(rows), 4))
    recorder.compare_array("e/out", conv(features, voxels, voxels.neighbours(3)), CONV_LIMIT)


def _case(recorder: Recorder, letter: str) -> Case:
    golden = recorder.golden
    points = golden.shape(f"{letter}/embedding")[0]
    if f"{letter}/coord" in golden.arrays:
        recorder.used_as_input(f"{letter}/coord", "positions")
        coords = torch.from_numpy(golden.array(f"{letter}/coord"))
        grid = voxelize(coords, VOXEL_SIZE)
        recorder.compare(f"{letter}/grid_coord", grid, 0.0)
        voxels = voxels_of(grid, torch.zeros(points, dtype=torch.long))
        counted = np.array([points, len(voxels.keys)])
        recorder.compare_array(f"{letter}/points_voxels", counted, 0.0)
        recorder.used_as_input(
            f"{letter}/sensitivity_1e-6", "how a shift by 1e-6 changes the recorded network"
        )
    else:
        grid = torch.from_numpy(golden.array("a/grid_coord"))[:points]
        coords = (grid.float() + 0.5) * VOXEL_SIZE
    first = round(points * FIRST_SCENE_SHARE)
    counts = (first, points - first) if letter == TWO_SCENES else (points,)
    return Case(coords, structure_of(coords, grid, counts), len(counts))


def _has_head(golden: GoldenFile, letter: str) -> bool:
    return f"{letter}/center_scale" in golden.arrays


def _network(
    recorder: Recorder, network: PointTransformer, case: Case, letter: str, seed: int
) -> Float[Tensor, "n c"]:
    points = len(case.coords)
    if _has_head(recorder.golden, letter):
        features = torch.cat([case.coords, _colours(letter, seed, points)], dim=1)
    else:
        features = _normal(f"{letter}/feat", seed, (points, network.config.in_channels))
    tokens = (case.scenes, TOKENS)
    image = _normal(f"{letter}/dust3r_feature", seed, (*tokens, network.config.image_width))
    language = _normal(f"{letter}/lseg_feature", seed, (*tokens, network.config.language_width))
    hooks = watch_stages(recorder, network, letter)
    out = network(features, case.structure, image, language)
    for hook in hooks:
        hook.remove()
    recorder.compare(f"{letter}/out", out, LIMIT)
    return out


def _colours(letter: str, seed: int, points: int) -> Float[Tensor, "n 3"]:
    return torch.tanh(_normal(f"{letter}/color", seed, (points, 3)))


def _head(
    recorder: Recorder, head: LsmGaussianHead, case: Case, features: Tensor, letter: str, seed: int
) -> None:
    _, height, width, _ = recorder.golden.shape(f"{letter}/gaussian1/means")
    placed = torch.from_numpy(recorder.golden.array(f"{letter}/center_scale"))
    recorder.used_as_input(f"{letter}/center_scale", "where the cloud stands and how large it is")
    means = case.coords * placed[3] + placed[:3]
    shape = (2 * case.scenes, head.splits[-1], height, width)
    language = _normal(f"{letter}/lseg_res_feature", seed, shape)

    def of_scenes(x: Tensor) -> Tensor:
        return x.reshape(case.scenes, -1, x.shape[-1])

    gaussians = head(
        of_scenes(features),
        of_scenes(means),
        of_scenes(_colours(letter, seed, len(means))),
        of_scenes(language.permute(0, 2, 3, 1)),
    )
    compare_gaussians(recorder, letter, gaussians, of_scenes(means), (height, width))
