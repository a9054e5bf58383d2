# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R and Splatt3R: every recorded stage from the patch tokens to points and Gaussians.

Splatt3R's file covers MASt3R too: the same tensors, but for the descriptor confidence, which is
one less in MASt3R.
"""

import re
from functools import partial

import torch
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.golden import GoldenFile, Recorder
from semsplat_ros.evaluation.verification.inputs import smooth_image_pair
from semsplat_ros.evaluation.verification.loading import load_by_rule
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.geometry.focal import FocalMethod, estimate_focal
from semsplat_ros.networks.dust3r import Descriptors, Dust3rNetwork, PointMap
from semsplat_ros.networks.gaussian_adapter import covariances
from semsplat_ros.networks.rope import apply_rope, rope_table
from semsplat_ros.networks.splatt3r import PixelGaussians, Splatt3rNetwork

BACKBONE_LIMIT = 2e-5
OUTPUT_LIMIT = 1e-4
OFFSET_LIMIT = 1e-3
"""The recorded offset is a difference of two float32 positions a thousand times larger than it: it
holds four digits at most."""
ROPE_LIMIT = 1e-5
FOCAL_LIMIT = 1e-2
"""Relative; the recorded point maps are meaningless, so their focal length is ill-conditioned."""
ROUNDING = 1e-5
"""Of the deviation of points: how far they usually are from the recorded ones."""
ROUNDING_TRIALS = 8
OFFSET_NOTE = "loose: a difference of nearly equal numbers"
PATCH = 16


def dust3r(recorder: Recorder, seed: int) -> None:
    """All sizes in the file."""
    if "rope/in" in recorder.golden.arrays:
        _rope(recorder)
    sizes = image_sizes(recorder.golden)
    network = load_by_rule(Dust3rNetwork, "dust3r", seed, DUST3R_RULE)
    for name, height, width in sizes:
        _dust3r_pair(recorder, network, seed, name, height, width)


def splatt3r(recorder: Recorder, seed: int) -> None:
    """All sizes in the file; the weights are hashed with the official prefix."""
    sizes = image_sizes(recorder.golden)
    network = load_by_rule(Splatt3rNetwork, "splatt3r", seed, DUST3R_RULE, prefix="encoder.")
    for name, height, width in sizes:
        images = torch.stack(smooth_image_pair(seed, height, width), dim=1)
        pair = network(images)
        descriptors = network.describe(pair.features)
        for view in (0, 1):
            prefix = f"{name}/view{view + 1}"
            _points(recorder, prefix, pair.points[view], descriptors[view])
            _gaussians(recorder, prefix, pair.gaussians[view], pair.points[view])


def image_sizes(golden: GoldenFile, multiple: int = PATCH) -> list[tuple[str, int, int]]:
    """Name, height and width of each size in a file.

    Raises:
        SemsplatError: BAD_FILE if there is none, or a side is not a `multiple`.
    """
    found = {re.match(r"(\d+)x(\d+)/", name) for name in golden.names}
    sizes = sorted({(m[0][:-1], int(m[1]), int(m[2])) for m in found if m})
    if not sizes:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            "the golden file names no image size (as 224x224/...); is it another system's?",
        )
    for name, height, width in sizes:
        if height % multiple or width % multiple or not height * width:
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"the golden file names the size {name}; sides are multiples of {multiple}",
            )
    return sizes


def _rope(recorder: Recorder) -> None:
    golden = recorder.golden
    tokens = torch.from_numpy(golden.array("rope/in"))
    positions = torch.from_numpy(golden.array("rope/pos_yx"))[0].long()
    recorder.used_as_input("rope/in", "input of the rotary embedding")
    recorder.used_as_input("rope/pos_yx", "positions of its tokens")
    turned = apply_rope(tokens, rope_table(positions, tokens.shape[-1]))
    recorder.compare_array("rope/out", turned, ROPE_LIMIT)


def _dust3r_pair(
    recorder: Recorder, network: Dust3rNetwork, seed: int, name: str, height: int, width: int
) -> None:
    original_images = smooth_image_pair(seed, height, width)
    for view, image in enumerate(original_images, 1):
        recorder.compare(f"{name}/input{view}", image, BACKBONE_LIMIT)

    def record_patches(_module: object, _inputs: object, tokens: Tensor) -> None:
        for view, own in enumerate(tokens.split(1), 1):
            recorder.compare(f"{name}/patch_tokens{view}", own, BACKBONE_LIMIT)

    def record_raw(view: int, _module: object, _inputs: object, raw: Tensor) -> None:
        recorder.compare(f"{name}/raw_head{view}", raw, OUTPUT_LIMIT)

    hooks = [
        network.patch_embed.register_forward_hook(record_patches),
        network.downstream_head1.register_forward_hook(partial(record_raw, 1)),
        network.downstream_head2.register_forward_hook(partial(record_raw, 2)),
    ]
    maps = network(torch.stack(original_images, dim=1))
    for hook in hooks:
        hook.remove()
    for view, entries in enumerate((maps.features.reference, maps.features.others), 1):
        recorder.compare(f"{name}/enc_tokens{view}", entries[0], BACKBONE_LIMIT)
        for layer, tokens in enumerate(entries[1:], 1):
            recorder.compare(f"{name}/dec_tokens{view}_{layer}", tokens, BACKBONE_LIMIT)
    recorder.compare(f"{name}/pts3d", maps.first.points, OUTPUT_LIMIT)
    recorder.compare(f"{name}/conf1", maps.first.confidence, OUTPUT_LIMIT)
    recorder.compare(f"{name}/pts3d_in_other_view", maps.second.points, OUTPUT_LIMIT)
    recorder.compare(f"{name}/conf2", maps.second.confidence, OUTPUT_LIMIT)
    for method in FocalMethod:
        _focal(recorder, f"{name}/focal_{method.value}", maps.first.points, method)


def _focal(recorder: Recorder, name: str, points: Tensor, method: FocalMethod) -> None:
    """Compare loosely: to 1 %, or to what rounding errors of the points do to the estimate."""
    if name not in recorder.golden.arrays:
        return
    focal = estimate_focal(points, method)
    generator = torch.Generator().manual_seed(0)
    step = ROUNDING * points.std()
    moved = [
        estimate_focal(points + step * torch.randn(points.shape, generator=generator), method)
        for _ in range(ROUNDING_TRIALS)
    ]
    rounding = float((torch.stack(moved) - focal).abs().max())
    limit = max(FOCAL_LIMIT * float(focal.abs().max()), 2 * rounding)
    recorder.compare_array(
        name, focal, limit, f"loose: points are noise, their rounding moves it by {rounding:.1e}"
    )


def _points(recorder: Recorder, prefix: str, maps: PointMap, descriptors: Descriptors) -> None:
    recorder.compare(f"{prefix}/pts3d", maps.points, OUTPUT_LIMIT)
    recorder.compare(f"{prefix}/conf", maps.confidence, OUTPUT_LIMIT)
    recorder.compare(f"{prefix}/desc", descriptors.features, OUTPUT_LIMIT)
    recorder.compare(f"{prefix}/desc_conf", descriptors.confidence, OUTPUT_LIMIT)


def _gaussians(recorder: Recorder, prefix: str, pixels: PixelGaussians, maps: PointMap) -> None:
    values = {
        "scales": pixels.scales,
        "rotations": pixels.quats_xyzw,
        "sh_head": pixels.sh_residual,
        "sh": pixels.sh,
        "opacities": pixels.opacities,
        "means": pixels.means,
        "covariances": covariances(pixels.scales, pixels.quats_xyzw),
    }
    for name, tensor in values.items():
        recorder.compare(f"{prefix}/{name}", tensor, OUTPUT_LIMIT)
    offset = pixels.means - maps.points
    recorder.compare(f"{prefix}/offset_from_pts3d", offset, OFFSET_LIMIT, note=OFFSET_NOTE)
