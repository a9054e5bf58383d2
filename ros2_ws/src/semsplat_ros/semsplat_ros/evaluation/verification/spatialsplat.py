# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""SpatialSplat and NoPoSplat: every recorded stage from the patch tokens to the Gaussians."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.clip import dense_features, text_features
from semsplat_ros.evaluation.verification.golden import Recorder
from semsplat_ros.evaluation.verification.inputs import SplatInputs, splat_inputs
from semsplat_ros.evaluation.verification.loading import load_by_rule
from semsplat_ros.families.weights.named_weights import SPLAT_RULE
from semsplat_ros.networks.clip.clip import Clip
from semsplat_ros.networks.croco import TwoViewTransformer
from semsplat_ros.networks.dpt import expm1_points
from semsplat_ros.networks.gaussian_adapter import covariances, selected_opacities
from semsplat_ros.networks.spatialsplat import (
    COARSE_STRIDE,
    GaussianField,
    NoPoSplatNetwork,
    SpatialSplatNetwork,
)

BACKBONE_LIMIT = 2e-5
RAW_LIMIT = 1e-4
OUTPUT_LIMIT = 5e-4
POINTS_LIMIT = 1e-3
"""Points pass through exp(d) - 1 with d up to about 11, which multiplies rounding errors."""
PATTERN_MULTIPLE = 64
THRESHOLD_MARGIN = 1e-4
"""Importances this close to the threshold may fall on either side of it, a factor of 1000 in
opacity."""
FRACTION_ROUNDING = 1e-6
"""Of a share that was kept as float32."""


def spatialsplat(recorder: Recorder, seed: int) -> None:
    """With language features from CLIP."""
    inputs = _inputs(recorder, seed)
    clip = load_by_rule(Clip, "clip_vitb16", seed, SPLAT_RULE)
    dense = dense_features(recorder, clip, inputs.images[0])
    text_features(recorder, clip)
    del clip
    _spatialsplat(recorder, seed, inputs, dense.unsqueeze(0))


def spatialsplat_given_language(recorder: Recorder, seed: int) -> None:
    """With language features from the rule."""
    inputs = _inputs(recorder, seed)
    recorder.compare("in/language", inputs.language, BACKBONE_LIMIT)
    _spatialsplat(recorder, seed, inputs, inputs.language)


def noposplat(recorder: Recorder, seed: int) -> None:
    """Any number of views."""
    inputs = _inputs(recorder, seed)
    network = load_by_rule(NoPoSplatNetwork, "noposplat", seed, SPLAT_RULE)
    _watch(recorder, network, inputs.images.shape[1])
    field = network(inputs.images, inputs.intrinsics)
    _compare_field(recorder, "fine", field, field.opacities, None)


def _inputs(recorder: Recorder, seed: int) -> SplatInputs:
    shape = recorder.golden.shape("in/image")
    if len(shape) != 5 or shape[0] != 1 or shape[3] != shape[4] or shape[3] % PATTERN_MULTIPLE:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"in/image is recorded as {shape}; the rule makes one scene of square views, sides "
            f"a multiple of {PATTERN_MULTIPLE}",
        )
    views, size = shape[1], shape[3]
    inputs = splat_inputs(seed, views, size)
    recorder.compare("in/image", inputs.images, BACKBONE_LIMIT)
    recorder.compare_array("in/intrinsics", inputs.intrinsics, 1e-6)
    return inputs


def _spatialsplat(recorder: Recorder, seed: int, inputs: SplatInputs, language: Tensor) -> None:
    network = load_by_rule(SpatialSplatNetwork, "spatialsplat", seed, SPLAT_RULE)
    views = inputs.images.shape[1]
    _watch(recorder, network, views)
    for side, head in ((1, network.instance_head), (2, network.instance_head2)):
        _watch_instances(_Side(recorder, f"instance_head{side}"), head.dpt)
    fields = network(inputs.images, inputs.intrinsics, language)
    selected = selected_opacities(fields.fine.opacities, fields.fine.importances)
    close = (fields.fine.importances - 0.5).abs() < THRESHOLD_MARGIN
    _compare_field(recorder, "fine", fields.fine, selected, close)
    _compare_field(recorder, "coarse", fields.coarse, fields.coarse.opacities, None)
    above = (fields.fine.importances > 0.5).double().mean()
    either = float(close.double().mean()) + FRACTION_ROUNDING
    recorder.compare_array("out_fine/active_fraction_gt_half", above, either)
    nearest = (fields.fine.importances - 0.5).abs().min()
    recorder.compare_array("out_fine/active_min_dist_to_half", nearest, THRESHOLD_MARGIN)


class _Side:
    """Records the outputs of one head; a batch of several views is recorded view by view."""

    def __init__(self, recorder: Recorder, prefix: str) -> None:
        self.recorder = recorder
        self.prefix = prefix

    def hook(
        self,
        module: nn.Module,
        name: str,
        limit: float = RAW_LIMIT,
        change: Callable[[Tensor], Tensor] = lambda x: x,
    ) -> None:
        def record(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            for view, one in enumerate(change(output).split(1)):
                suffix = f"#{view}" if view else ""
                self.recorder.compare(f"{self.prefix}/{name}{suffix}", one, limit)

        module.register_forward_hook(record)


def _watch(recorder: Recorder, network: NoPoSplatNetwork, views: int) -> None:
    _watch_backbone(recorder, network.backbone, views)
    for side, head in ((1, network.downstream_head1), (2, network.downstream_head2)):
        points = _Side(recorder, f"pts_head{side}")
        for level, act in enumerate(head.dpt.act_postprocess):
            points.hook(act, f"act{level}")
        for path in (4, 3, 2, 1):
            points.hook(getattr(head.dpt.scratch, f"refinenet{path}"), f"path{path}")
        points.hook(head.dpt, "raw")
        points.hook(head.dpt, "pts3d", POINTS_LIMIT, expm1_points)
    for side, head in ((1, network.gaussian_param_head), (2, network.gaussian_param_head2)):
        gaussians = _Side(recorder, f"gs_head{side}")
        gaussians.hook(head.dpt.input_merger, "input_merger")
        gaussians.hook(head.dpt.head, "fine_raw")
        if network.coarse_stride is not None:
            gaussians.hook(head.dpt.down_head, "coarse_raw")


def _watch_instances(side: _Side, dpt: nn.Module) -> None:
    side.hook(dpt.feats_proj, "film_bhwc", change=lambda x: x.permute(0, 2, 3, 1))
    side.hook(dpt.head, "instance_raw")
    step = COARSE_STRIDE
    side.hook(dpt.head, "instance_low_raw", change=lambda x: x[:, :, ::step, ::step])
    side.hook(dpt.language_feats_head, "semantic")


def _watch_backbone(recorder: Recorder, backbone: TwoViewTransformer, views: int) -> None:
    def record(
        module: nn.Module, name: str, change: Callable[[Tensor], Tensor] = lambda x: x
    ) -> None:
        module.register_forward_hook(
            lambda _m, _i, out: recorder.compare(f"backbone/{name}", change(out), BACKBONE_LIMIT)
        )

    record(backbone.intrinsic_encoder, "intrinsic_token", lambda x: x.unflatten(0, (1, views)))
    record(backbone.patch_embed, "patch_embed_tokens")
    for i, block in enumerate(backbone.enc_blocks):
        record(block, f"enc_block{i}")
        record(block.attn, f"enc_block{i}_attn")
    record(backbone.enc_norm, "enc_norm")
    for side, decoder in ((1, backbone.dec_blocks), (2, backbone.dec_blocks2)):
        for i, block in enumerate(decoder):
            record(block, f"dec_block{i}_view{side}")
            record(block.cross_attn, f"dec_block{i}_cross_view{side}")
            record(block.attn, f"dec_block{i}_attn_view{side}")
    _watch_shared(recorder, backbone.decoder_embed, "backbone/decoder_embed")
    _watch_shared(recorder, backbone.dec_norm, "backbone/dec_norm")


def _watch_shared(recorder: Recorder, module: nn.Module, name: str) -> None:
    """A layer for all views: recorded view by view for two views, in one piece for more."""
    calls: list[Tensor] = []

    def record(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        calls.append(output.reshape(-1, *output.shape[-2:]))
        together = torch.cat(calls)
        recorded = recorder.golden.tensors.get(name)
        if recorded is None or len(together) < recorded.shape[0]:
            return
        if recorded.shape[0] > 1:
            recorder.compare(name, together, BACKBONE_LIMIT)
            return
        for view, one in enumerate(together.split(1)):
            recorder.compare(f"{name}#{view}" if view else name, one, BACKBONE_LIMIT)

    module.register_forward_hook(record)


def _compare_field(
    recorder: Recorder,
    name: str,
    field: GaussianField,
    opacities: Tensor,
    close: Tensor | None,
) -> None:
    """Attributes of one field; views and pixels are one axis in the recorded outputs."""
    adapter = f"adapter_{name}"
    recorder.compare(f"{adapter}/scales", field.scales[:, :, :, None, None], OUTPUT_LIMIT)
    recorder.compare(
        f"{adapter}/rotations_xyzw", field.quats_xyzw[:, :, :, None, None], OUTPUT_LIMIT
    )
    outputs = {
        "covariances": covariances(field.scales, field.quats_xyzw),
        "harmonics": field.sh,
        "active": field.importances,
        "instance_feats": field.instances,
        "language_feats": field.semantics,
    }
    for output, values in outputs.items():
        if values is not None:
            recorder.compare(f"out_{name}/{output}", values.flatten(1, 2), OUTPUT_LIMIT)
    recorder.compare(f"out_{name}/means", field.means.flatten(1, 2), POINTS_LIMIT)
    recorder.compare(
        f"out_{name}/opacities",
        opacities.flatten(1, 2),
        OUTPUT_LIMIT,
        None if close is None else close.flatten(1, 2),
        "" if close is None else f"importance within {THRESHOLD_MARGIN:g} of the threshold",
    )
