# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Gaussians as messages of flat arrays: PointCloud2 and SemanticGaussians."""

import numpy as np
import torch
from sensor_msgs.msg import PointCloud2, PointField
from std_msgs.msg import Header

from semsplat_interfaces.msg import SceneInfo, SemanticGaussians
from semsplat_ros.nodes.common.conversions import fill, fill_zeros
from semsplat_ros.nodes.outputs.scene_arrays import SceneArrays
from semsplat_ros.objects.gaussian_grid import numpy_of
from semsplat_ros.scene import Perception

NO_FEATURE = np.uint32(4294967295)

POINT = np.dtype(
    {
        "names": ["x", "y", "z", "rgb", "instance_id", "label_id", "confidence"],
        "formats": ["<f4", "<f4", "<f4", "<u4", "<u4", "<u2", "<f4"],
        "offsets": [0, 4, 8, 12, 16, 20, 24],
        "itemsize": 28,
    }
)
"""One point. `rgb` holds 0x00RRGGBB and is declared FLOAT32, as RViz and PCL read it."""

_FIELDS = (
    ("x", PointField.FLOAT32),
    ("y", PointField.FLOAT32),
    ("z", PointField.FLOAT32),
    ("rgb", PointField.FLOAT32),
    ("instance_id", PointField.UINT32),
    ("label_id", PointField.UINT16),
    ("confidence", PointField.FLOAT32),
)


def to_cloud(arrays: SceneArrays, indices: np.ndarray, header: Header) -> PointCloud2:
    """The Gaussians at `indices` [m], rising, as an unorganised cloud of :data:`POINT`.

    Confidence is NaN where the model gives none; that is not dense.
    """
    message = PointCloud2(header=header)
    message.height = 1
    message.width = len(indices)
    message.fields = [
        PointField(name=name, offset=POINT.fields[name][1], datatype=datatype, count=1)
        for name, datatype in _FIELDS
    ]
    message.is_bigendian = False
    message.point_step = POINT.itemsize
    message.row_step = POINT.itemsize * len(indices)
    fill_zeros(message.data, message.row_step)
    message.is_dense = _write_points(np.frombuffer(message.data, POINT), arrays, indices)
    return message


def _write_points(points: np.ndarray, arrays: SceneArrays, indices: np.ndarray) -> bool:
    """Fill points [m] of :data:`POINT`; True if no measure of them is NaN or infinite."""
    # No copies where everything is shown; the indices rise, so as many are all of them.
    chosen = slice(None) if len(indices) == len(arrays) else indices
    means, confidences = arrays.means[chosen], arrays.confidences
    points["x"], points["y"], points["z"] = means[:, 0], means[:, 1], means[:, 2]
    points["rgb"] = arrays.packed_colours[chosen]
    points["instance_id"] = arrays.instance_ids[chosen]
    points["label_id"] = arrays.label_ids[chosen]
    points["confidence"] = np.nan if confidences is None else confidences[chosen]
    # A sum is the fastest way to see a number that is none.
    with np.errstate(over="ignore", invalid="ignore"):
        sums = means.sum() + points["confidence"].sum()
    return bool(np.isfinite(sums))


def shown(arrays: SceneArrays, min_opacity: float, max_points: int) -> np.ndarray:
    """Indices of the Gaussians that go into the cloud.

    Those with opacity of at least `min_opacity`; of more than `max_points` a random subset, in
    order. The same scene gives the same subset.
    """
    indices = np.flatnonzero(arrays.opacities >= min_opacity)
    if len(indices) > max_points:
        indices = np.random.default_rng(0).choice(
            indices, max_points, replace=False, shuffle=False
        )
        indices.sort()
    return indices


def instance_cloud(arrays: SceneArrays, instance_id: int, header: Header) -> PointCloud2:
    """The points of one object."""
    indices = np.flatnonzero(arrays.instance_ids == instance_id)
    return to_cloud(arrays, indices, header)


def to_gaussians(
    perception: Perception,
    header: Header,
    info: SceneInfo,
    features: bool = True,
    unselected: bool = False,
) -> SemanticGaussians:
    """The Gaussians of a scene, with one language feature for each object.

    Args:
        perception: the scene and its objects.
        header: stamp and frame of the first image.
        info: shared context.
        features: False leaves the language features out.
        unselected: True sends also those whose importance does not exceed tau.
    """
    every = perception.scene.gaussians
    keep = torch.ones_like(every.selected()) if unselected else every.selected()
    gaussians = every.select(keep)
    message = SemanticGaussians(header=header, info=info)
    message.count = len(gaussians)
    _fill(message.positions, gaussians.means)
    _fill(message.scales, gaussians.scales)
    _fill(message.rotations, gaussians.quats_wxyz[:, [1, 2, 3, 0]])  # ROS order: x y z w
    _fill(message.opacities, gaussians.opacities)
    message.sh_degree = int(gaussians.sh.shape[1] ** 0.5 + 0.5) - 1
    _fill(message.sh, gaussians.sh)
    if gaussians.importances is not None:
        _fill(message.importances, gaussians.importances)
    if gaussians.confidences is not None:
        _fill(message.confidences, gaussians.confidences)
    _fill(message.view_ids, gaussians.view.to(torch.uint8))
    kept = keep.cpu()
    fill(message.instance_ids, perception.instance_ids.cpu()[kept].numpy().astype(np.uint32))
    fill(message.label_ids, perception.label_ids.cpu()[kept].numpy().astype(np.uint16))
    _fill(message.label_scores, perception.label_scores.cpu()[kept])
    if features and perception.scene.semantics is not None and len(gaussians):
        _fill_codebook(message, perception, kept)
    return message


def _fill(field, values: torch.Tensor) -> None:
    if values.is_floating_point():
        values = values.float()
    fill(field, numpy_of(values))


def _fill_codebook(message: SemanticGaussians, perception: Perception, kept: torch.Tensor) -> None:
    """One unit feature for each object: the mean over its Gaussians, sent or not."""
    ids = perception.instance_ids.cpu()
    every = perception.scene.semantics.features().float().cpu()
    present = sorted({instance.id for instance in perception.instances})
    rows = torch.full((int(ids.max()) + 1,), len(present), dtype=torch.long)
    rows[[index for index in present if index < len(rows)]] = torch.tensor(
        [row for row, index in enumerate(present) if index < len(rows)], dtype=torch.long
    )
    row_of = rows[ids]
    sums = torch.zeros(len(present) + 1, every.shape[1]).index_add_(0, row_of, every)
    codebook = torch.nn.functional.normalize(sums[: len(present)], dim=1)
    message.feature_dim = int(every.shape[1])
    _fill(message.features, codebook)
    feature_ids = row_of[kept].numpy().astype(np.uint32)
    feature_ids[feature_ids == len(present)] = NO_FEATURE
    fill(message.feature_ids, feature_ids)
