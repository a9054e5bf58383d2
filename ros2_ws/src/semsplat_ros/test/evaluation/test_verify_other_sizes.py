# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``semsplat verify`` on golden files of other sizes, seeds and numbers of views than the
published ones.

With small networks, so that the files come from this project's own; what is tested is the
verification, not the networks.
"""

from dataclasses import replace
from importlib import import_module

import numpy as np
import pytest
import torch

from semsplat_ros.evaluation.verification import (
    clip,
    dust3r,
    lsm,
    point_transformer,
    spatialsplat,
)
from semsplat_ros.evaluation.verification.registry import SYSTEMS, verify
from semsplat_ros.families.weights.named_weights import rule_state
from semsplat_ros.networks.clip.clip import TINY_CLIP, Clip
from semsplat_ros.networks.croco import TINY_CROCO
from semsplat_ros.networks.dpt import TINY_DPT
from semsplat_ros.networks.dust3r import Dust3rNetwork
from semsplat_ros.networks.lseg import TINY_LSEG, Lseg
from semsplat_ros.networks.lsm import TINY_LSM, VOXEL_SIZE, Cloud, LsmNetwork
from semsplat_ros.networks.lsm_head import LsmGaussianHead
from semsplat_ros.networks.point_transformer.blocks import TINY_POINT_TRANSFORMER, WindowRule
from semsplat_ros.networks.point_transformer.cloud import structure_of, voxelize
from semsplat_ros.networks.point_transformer.network import PointTransformer
from semsplat_ros.networks.spatialsplat import (
    TINY_SPLAT,
    NoPoSplatNetwork,
    SpatialSplatNetwork,
)
from semsplat_ros.networks.splatt3r import Splatt3rNetwork
from test.support.golden_files import Recording, nudge

SEED = 7
WITHOUT_FLASH = WindowRule.SMALLEST_SCENE
SMALL = {
    "dust3r": lambda: Dust3rNetwork(TINY_CROCO, TINY_DPT),
    "splatt3r": lambda: Splatt3rNetwork(TINY_CROCO, TINY_DPT),
    "noposplat": lambda: NoPoSplatNetwork(TINY_SPLAT),
    "spatialsplat": lambda: SpatialSplatNetwork(replace(TINY_SPLAT, language_channels=512)),
    "clip_vitb16": lambda: Clip(replace(TINY_CLIP, embedding=512)),
    "lsm": lambda: LsmNetwork(
        replace(TINY_LSM, points=replace(TINY_LSM.points, window_rule=WITHOUT_FLASH))
    ),
    "lseg": lambda: Lseg(TINY_LSEG),
    "feature_reduction.": lambda: LsmNetwork(TINY_LSM).feature_reduction,
    "feature_expansion.": lambda: LsmNetwork(TINY_LSM).feature_expansion,
    "point_transformer.": lambda: PointTransformer(
        replace(TINY_POINT_TRANSFORMER, window_rule=WITHOUT_FLASH)
    ),
    "gaussian_head.": LsmGaussianHead,
}


@pytest.fixture(scope="module", autouse=True)
def small_networks():
    def small_by_rule(_build, system, seed, rule, prefix=""):
        module = SMALL[system or prefix]()
        module.load_state_dict(rule_state(module.state_dict(), seed, rule, prefix))
        return module.eval()

    with pytest.MonkeyPatch.context() as patch:
        for module in (clip, dust3r, lsm, point_transformer, spatialsplat):
            patch.setattr(module, "load_by_rule", small_by_rule)
        yield


def pair(*sizes: str) -> Recording:
    """DUSt3R and Splatt3R."""
    positions = np.stack(np.meshgrid(np.arange(3), np.arange(4), indexing="ij"), -1)
    generator = np.random.default_rng(0)
    rope = {
        "rope/in": generator.standard_normal((1, 2, 12, 64)).astype(np.float32),
        "rope/pos_yx": positions.reshape(1, 12, 2),
        "rope/out": np.zeros(0),
    }
    focals = {f"{s}/focal_{how}": np.zeros(1) for s in sizes for how in ("weiszfeld", "median")}
    return Recording({f"{size}/conf1": (1,) for size in sizes}, rope | focals)


def views(count: int, side: int) -> Recording:
    """SpatialSplat and NoPoSplat: two views are recorded one by one, more in one piece."""
    together = count if count > 2 else 1
    tensors = {"in/image": (1, count, 3, side, side), "clip/input": (count, 3, side, side)}
    shared = {f"backbone/{name}": (together,) for name in ("decoder_embed", "dec_norm")}
    return Recording(tensors | shared)


def scenes(*sizes: str) -> Recording:
    """LSM and LSeg."""
    tensors = {f"{size}/merge/grid_coord": (1,) for size in sizes}
    arrays = {f"{size}/points_voxels": np.zeros(2) for size in sizes}
    return Recording(tensors, arrays)


def clouds() -> Recording:
    """The point transformer: single points and several to a voxel, one scene and two."""
    generator = np.random.default_rng(0)
    grid = np.unique(generator.integers(0, 24, (400, 3)), axis=0)[:300].astype(np.int32)
    coords = generator.uniform(-1, 1, (160, 3)).astype(np.float32) * 0.06
    tensors = {f"{letter}/embedding": (n, 1) for letter, n in CLOUDS.items()}
    tensors |= {"a/gaussian1/means": (1, 10, 15, 3), "b/gaussian1/means": (1, 8, 10, 3)}
    arrays = {
        "a/grid_coord": grid[generator.permutation(300)],
        "a/center_scale": np.array([0.3, -0.2, 1.5, 2.5], np.float32),
        "b/coord": coords,
        "b/center_scale": np.array([0, 0, 1, 0.5], np.float32),
        "e/indices": np.array([[0, 1, 1, 1], [0, 1, 1, 2], [1, 1, 1, 1], [0, 1, 1, 1]], np.int32),
    }
    return Recording(tensors | {"e/out": (4, 5)}, arrays)


CLOUDS = {"a": 300, "b": 160, "c": 200, "d": 30}


def cameras() -> Recording:
    """Geometry and metrics."""
    generator = np.random.default_rng(0)
    height, width, focal = 24, 40, 37.0
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    depth = generator.uniform(2, 4, (height, width))
    rays = [(columns - width / 2) / focal, (rows - height / 2) / focal, np.ones_like(rows)]
    points = (np.stack(rays, -1) * depth[..., None]).astype(np.float32)
    moved = np.eye(4)
    moved[:3, 3] = 0.3, -0.1, 0.2
    batched = {"scaling_pred1": points * 0.4, "scaling_pred2": points * 0.4 + 0.01}
    known = generator.random((1, height, width)) > 0.2
    arrays = {
        "points1": points,
        "points2_in_cam1": points + moved[:3, 3].astype(np.float32),
        "true_cam2world": moved,
        "true_focal": np.array(focal),
        "valid1": known,
        "valid2": known,
        "depth_gt": depth.astype(np.float32),
        "depth_pred": (depth * generator.uniform(0.5, 0.6, depth.shape)).astype(np.float32),
        "labels": generator.integers(0, 14, (2, 9, 11)),
        "predicted": generator.integers(1, 14, (2, 9, 11)),
    }
    arrays |= {name: array[None].astype(np.float32) for name, array in batched.items()}
    computed = ("focal_weiszfeld", "focal_median", "scaling_weiszfeld_stop_grad", "scaling_avg")
    computed += ("scaling_median", "avg_dis_factor", "depth_scale", "miou", "accuracy")
    arrays |= dict.fromkeys((*computed, "pnp_cam2world_50"), np.zeros(1))
    arrays |= {f"relevancy_{i}": np.zeros(70, np.float32) for i in range(2)}
    return Recording({}, arrays)


FILES = {
    "dust3r": (lambda: pair("48x80", "96x32"), "96x32/dec_tokens2_7"),
    "splatt3r": (lambda: pair("32x48", "64x32"), "64x32/view2/sh"),
    "noposplat": (lambda: views(2, 64), "adapter_fine/scales"),
    "noposplat-3views": (lambda: views(4, 64), "pts_head2/path4#2"),
    "spatialsplat": (lambda: views(2, 128), "clip/dense_features"),
    "spatialsplat-givenlang": (lambda: views(3, 64), "out_coarse/language_feats"),
    "clip": (lambda: views(3, 128), "clip/ln_pre"),
    "lsm": (lambda: scenes("32x64", "96x32"), "96x32/merge/coord"),
    "lseg": (lambda: scenes("32x64", "96x32"), "32x64/lseg/token"),
    "ptv3": (clouds, "c/dec.dec2"),
    "geometry": (cameras, "accuracy"),
}


@pytest.fixture(scope="module", params=FILES)
def recorded(request, tmp_path_factory):
    """Name of a system, its golden file, and an entry of it."""
    make, entry = FILES[request.param]
    recording = make()
    run = SYSTEMS[request.param]
    with torch.inference_mode():
        getattr(import_module(run.module), run.function)(recording, SEED)
    path = tmp_path_factory.mktemp(request.param) / "golden.npz"
    return request.param, recording.save(path), entry


def test_every_recorded_number_is_compared_and_agrees(recorded):
    name, path, entry = recorded
    report = verify(name, path, SEED)
    assert not [c for c in report.comparisons if not c.passed]
    assert report.passed
    assert report.not_compared == report.of_other_systems == ()
    assert entry in {c.name for c in report.comparisons}


def test_a_wrong_number_and_an_unknown_entry_fail_and_nothing_else_does(recorded, tmp_path):
    name, path, entry = recorded
    path = nudge(path, entry, tmp_path / "nudged.npz")
    with np.load(path) as archive:
        np.savez(tmp_path / "more.npz", **archive, **{"backbonus/new": np.zeros(3)})
    report = verify(name, tmp_path / "more.npz", SEED)
    assert [c.name for c in report.comparisons if not c.passed] == [entry]
    assert report.not_compared == ("backbonus/new",)
    assert not report.passed


def test_another_seed_fails(recorded):
    name, path, _entry = recorded
    assert not verify(name, path, SEED + 1).passed


def test_rounding_of_the_size_moves_no_point_that_is_fed_in(tmp_path, monkeypatch):
    generator = np.random.default_rng(1)
    recording = scenes("64x64")
    for entry in lsm.INJECTED:
        points = generator.standard_normal((1, 64, 64, 3)).astype(np.float32)
        recording.golden.arrays[f"64x64/inject/{entry}"] = points
    cloud = LsmNetwork.assemble

    def assemble(self, points, images):
        centred = cloud(self, points, images)
        scale = (1 + 8e-7) * centred.scale
        coords = (points.flatten(1, 3) - centred.centre) / scale
        grid = voxelize(coords[0], VOXEL_SIZE)
        moved = structure_of(coords[0], grid, centred.structure.counts)
        assert not torch.equal(grid, centred.structure.grid), "some point moves"
        features = torch.cat([coords[0], centred.features[:, 3:]], dim=1)
        return Cloud(moved, features, centred.points, centred.centre, scale)

    with monkeypatch.context() as recorded, torch.inference_mode():
        recorded.setattr(LsmNetwork, "assemble", assemble)
        lsm.lsm(recording, SEED)
    report = verify("lsm", recording.save(tmp_path / "golden.npz"), SEED)
    assert report.passed
    assert not [c for c in report.comparisons if c.note], "every element counts"
    assert report.inputs.keys() == {f"64x64/inject/{entry}" for entry in lsm.INJECTED}
