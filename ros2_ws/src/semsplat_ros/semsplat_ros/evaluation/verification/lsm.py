# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSM from the images to the Gaussians, and its LSeg part alone.

Known exception: positions are cut into voxels, and a rounding error may move a point to the voxel
beside, after which all later attention windows hold other points. So the recorded point maps are
fed in where the file holds them, and where points still fall into other voxels, what follows is
compared by mean and deviation only.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.evaluation.verification.dust3r import image_sizes
from semsplat_ros.evaluation.verification.golden import Recorder
from semsplat_ros.evaluation.verification.inputs import smooth_image_pair
from semsplat_ros.evaluation.verification.loading import load_by_rule
from semsplat_ros.evaluation.verification.point_transformer import (
    WITHOUT_FLASH,
    Doubt,
    compare,
    compare_gaussians,
    watch_stages,
)
from semsplat_ros.families.weights.named_weights import DUST3R_RULE
from semsplat_ros.networks.dust3r import PairPointMaps
from semsplat_ros.networks.lseg import SIDE_MULTIPLE, Lseg
from semsplat_ros.networks.lsm import (
    VOXEL_SIZE,
    Cloud,
    LanguageFeatures,
    LsmConfig,
    LsmNetwork,
    enlarge,
)
from semsplat_ros.networks.point_transformer.cloud import structure_of, voxelize

LIMIT = 1e-4
INJECTED_CENTRE_LIMIT = 1e-6
"""Of the size of the cloud, where the points are the recorded ones."""
VOXEL_SHARE_LIMIT = 0.005
"""Of the points: how much the number of occupied voxels may differ."""
INJECTED = ("pts3d", "pts3d_in_other_view")


def lsm(recorder: Recorder, seed: int) -> None:
    """All sizes in the file."""
    sizes = image_sizes(recorder.golden, SIDE_MULTIPLE)
    network = load_by_rule(
        lambda: LsmNetwork(LsmConfig(points=WITHOUT_FLASH)), "lsm", seed, DUST3R_RULE
    )
    network.lseg_feature_extractor.drop_unused()
    for name, height, width in sizes:
        images = torch.stack(smooth_image_pair(seed, height, width), dim=1)
        _one_size(recorder, network, name, images)


def lseg(recorder: Recorder, seed: int) -> None:
    """LSeg's image tower and the two small layers around it, under their names in LSM's file."""
    sizes = image_sizes(recorder.golden, SIDE_MULTIPLE)
    with torch.device("meta"):
        network = LsmNetwork()
    inside = "lseg_feature_extractor"
    network.lseg_feature_extractor = load_by_rule(Lseg, "lseg", seed, DUST3R_RULE, f"{inside}.")
    network.lseg_feature_extractor.drop_unused()
    for part in ("feature_reduction", "feature_expansion"):
        layer = load_by_rule(
            lambda part=part: getattr(LsmNetwork(), part), None, seed, DUST3R_RULE, f"{part}."
        )
        setattr(network, part, layer)
    for name, height, width in sizes:
        images = torch.stack(smooth_image_pair(seed, height, width), dim=1)
        _language(recorder, network, name, images)


def _language(
    recorder: Recorder, network: LsmNetwork, name: str, images: Float[Tensor, "1 2 3 h w"]
) -> LanguageFeatures:
    language = network.language(images)
    reduced = enlarge(language.reduced)
    values = {
        "feature": language.dense,
        "token": language.tokens,
        "reduced": reduced,
        "expanded": network.expand(reduced),
    }
    for value, tensor in values.items():
        recorder.compare(f"{name}/lseg/{value}", tensor, LIMIT)
    return language


def _one_size(
    recorder: Recorder, network: LsmNetwork, name: str, images: Float[Tensor, "1 2 3 h w"]
) -> None:
    language = _language(recorder, network, name, images)
    maps = network.dust3r["dust3r"](images)
    tokens = torch.cat([maps.features.reference[0], maps.features.others[0]], dim=1)
    recorder.compare(f"{name}/dust3r/enc_feat", tokens, LIMIT)
    recorder.compare(f"{name}/dust3r/pts3d", maps.first.points, LIMIT)
    recorder.compare(f"{name}/dust3r/conf1", maps.first.confidence, LIMIT)
    recorder.compare(f"{name}/dust3r/pts3d_in_other_view", maps.second.points, LIMIT)
    recorder.compare(f"{name}/dust3r/conf2", maps.second.confidence, LIMIT)
    points, injected = _points(recorder, name, maps)
    cloud = network.assemble(points, images)
    placed = torch.cat([cloud.centre[0], cloud.scale])
    limit = (INJECTED_CENTRE_LIMIT if injected else LIMIT) * float(cloud.scale)
    recorder.compare_array(f"{name}/merge/center_scale", placed, limit)
    if injected:
        cloud = _placed_as_recorded(recorder, name, cloud)
    doubt = _merge(recorder, name, cloud, injected)
    hooks = watch_stages(recorder, network.point_transformer, f"{name}/ptv3", doubt)
    hooks.append(
        network.point_transformer.register_forward_hook(
            lambda _m, _i, out: compare(recorder, f"{name}/ptv3/out", out, doubt)
        )
    )
    gaussians = network.gaussians(cloud, tokens, language.tokens, language.reduced)
    for hook in hooks:
        hook.remove()
    height, width = images.shape[-2:]
    compare_gaussians(recorder, name, gaussians, cloud.points, (height, width), doubt)


def _points(
    recorder: Recorder, name: str, maps: PairPointMaps
) -> tuple[Float[Tensor, "1 2 h w 3"], bool]:
    """The recorded point maps if the file holds them whole, else ours; and whether it does."""
    ours = (maps.first.points, maps.second.points)
    injected = [f"{name}/inject/{entry}" for entry in INJECTED]
    if not all(entry in recorder.golden.arrays for entry in injected):
        return torch.stack(ours, dim=1), False
    for entry in injected:
        recorder.used_as_input(entry, "point map fed to what follows, so that voxels agree")
    recorded = [torch.from_numpy(recorder.golden.array(entry)) for entry in injected]
    return torch.stack(recorded, dim=1), True


def _placed_as_recorded(recorder: Recorder, name: str, cloud: Cloud) -> Cloud:
    """The cloud with the recorded centre and size, which ours may miss by a rounding error: enough
    to move a point to another voxel."""
    recorded = recorder.golden.arrays.get(f"{name}/merge/center_scale")
    if recorded is None:
        return cloud
    centre, scale = torch.from_numpy(recorded).float().split([3, 1])
    coords = ((cloud.points - centre) / scale).flatten(0, 1)
    structure = structure_of(coords, voxelize(coords, VOXEL_SIZE), cloud.structure.counts)
    features = torch.cat([coords, cloud.features[:, 3:]], dim=1)
    return Cloud(structure, features, cloud.points, centre[None], scale)


def _merge(recorder: Recorder, name: str, cloud: Cloud, injected: bool) -> Doubt | None:
    """Compare the scaled cloud; returns why what follows may differ in single elements."""
    structure = cloud.structure
    recorder.compare(f"{name}/merge/coord", structure.coords, LIMIT)
    recorded = recorder.golden.tensors.get(f"{name}/merge/grid_coord")
    if recorded is None:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"the golden file has no entry '{name}/merge/grid_coord'; is it another system's?",
        )
    samples = structure.grid.reshape(-1)[torch.from_numpy(recorded.index)].numpy()
    moved = int((samples != recorded.value).sum())
    voxels = len(structure.voxels.keys)
    points, recorded_voxels = (int(n) for n in recorder.golden.array(f"{name}/points_voxels"))
    doubt = None
    if moved or voxels != recorded_voxels:
        doubt = Doubt(
            f"{moved} of {len(samples)} sampled voxel indices moved by rounding, "
            f"{voxels} voxels where {recorded_voxels} were recorded",
            certain=True,
        )
    elif not injected:
        doubt = Doubt("points that are not among the samples moved to other voxels", certain=False)
    differs = doubt is not None and doubt.certain
    note = doubt.reason if doubt is not None and differs else ""
    allowed = 1.0 / recorded.std if differs else 0.0
    recorder.compare(f"{name}/merge/grid_coord", structure.grid, allowed, note=note)
    recorder.compare_array(
        f"{name}/points_voxels",
        torch.tensor([len(structure.coords), voxels]),
        VOXEL_SHARE_LIMIT * points if differs else 0.0,
        note,
    )
    return doubt
