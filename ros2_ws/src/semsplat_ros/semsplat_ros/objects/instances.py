# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of a scene: groups of Gaussians with a label, a place, a box and a rectangle in each picture."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt16
from numpy import ndarray
from scipy import ndimage
from torch import Tensor

from semsplat_ros.objects.cells import Cells, gaussian_weights, numpy_of
from semsplat_ros.objects.clustering import ClusterSettings, cluster
from semsplat_ros.objects.labels import best_labels, group_means
from semsplat_ros.scene import Crop, ObjectInstance, Perception, Roi, SemanticScene, Vocabulary

BOX_PERCENTILES = (2.0, 98.0)
"""Gaussians at the silhouette often float between object and background: a box leaves them out."""


@dataclass(frozen=True)
class SegmentationSettings:
    """How Gaussians become objects."""

    min_points: int = 24
    """Smallest object, in Gaussians (parameter ``instance.min_points``)."""
    min_label_score: float = 0.0
    """Probability below which an object stays unlabelled (parameter ``semantics.min_label_score``)."""
    background: frozenset[str] = frozenset({"wall", "floor", "ceiling"})
    """Labels of what is no object: such groups get instance id 0."""
    clustering: ClusterSettings = field(default_factory=ClusterSettings)


@dataclass(frozen=True)
class Segmentation:
    """The objects of a scene and what every Gaussian belongs to; see :class:`scene.Perception`."""

    instances: tuple[ObjectInstance, ...]
    instance_ids: Int[Tensor, " n"]
    label_ids: Int[Tensor, " n"]
    label_scores: Float[Tensor, " n"]


def segment(
    scene: SemanticScene,
    probabilities: Float[Tensor, "n l"] | None,
    vocabulary: Vocabulary | None,
    settings: SegmentationSettings,
) -> Segmentation:
    """Group the Gaussians of a scene into labelled objects. Results are on the CPU.

    Ids count from 1, the object with the most Gaussians first; the same scene gives the same ids.

    Args:
        scene: to be grouped; by its instance features, where it has none by its semantics, where it has
            none of these either by its surfaces.
        probabilities: of the vocabulary's labels at each Gaussian, or None.
        vocabulary: what the columns of `probabilities` mean, or None.
        settings: see there.
    """
    cells = Cells.of_scene(scene)
    classes = None if probabilities is None else cells.take(probabilities)
    # An object that both views see is a component in each.
    min_cells = max(1, settings.min_points // (cells.stride**2 * cells.shape[0]))
    group = cluster(
        cells, _features(scene, cells, classes), classes, min_cells, settings.clustering
    )
    group, count = _sorted_by_size(group[cells.of_gaussian], settings.min_points)
    weight = gaussian_weights(scene.gaussians)
    label = np.zeros(count, np.int64)
    score = np.zeros(count, np.float32)
    gaussian_label = np.zeros(len(group), np.int64)
    gaussian_score = np.zeros(len(group), np.float32)
    if probabilities is not None:
        values = numpy_of(probabilities)
        pooled = group_means(values, group, weight, count)
        label, score = best_labels(pooled, settings.min_label_score)
        gaussian_label, gaussian_score = _spread(values, group, label, score, settings)
    names = ("",) if vocabulary is None else ("", *vocabulary.labels[1:])
    things = np.array([names[i].casefold() not in settings.background for i in label], bool)
    group, label, score = _without_background(group, label, score, things)
    return Segmentation(
        instances=_describe(scene, cells, group, label, score, names),
        instance_ids=torch.from_numpy(group),
        label_ids=torch.from_numpy(gaussian_label),
        label_scores=torch.from_numpy(gaussian_score),
    )


def instance_map(perception: Perception, view: int) -> UInt16[ndarray, "hh ww"]:
    """ObjectInstance.id of every pixel of an original picture; 0 = none, and outside the crop."""
    return _original_map(perception.scene, perception.instance_ids, view)


def label_map(perception: Perception, view: int) -> UInt16[ndarray, "hh ww"]:
    """Label id of every pixel of an original picture; 0 = unlabelled, and outside the crop."""
    return _original_map(perception.scene, perception.label_ids, view)


def _original_map(scene: SemanticScene, values: Int[Tensor, " n"], view: int) -> ndarray:
    height, width = scene.image_size
    g, crop = scene.gaussians, scene.crops[view]
    mine = numpy_of(g.view) == view
    small = np.zeros(height * width, np.uint16)
    small[numpy_of(g.pixel)[mine]] = numpy_of(values)[mine]
    out = np.zeros((crop.original_height, crop.original_width), np.uint16)
    out[crop.top : crop.top + crop.height, crop.left : crop.left + crop.width] = cv2.resize(
        small.reshape(height, width), (crop.width, crop.height), interpolation=cv2.INTER_NEAREST
    )
    return out


def _features(
    scene: SemanticScene, cells: Cells, classes: ndarray | None
) -> Float[ndarray, "m f"]:
    """Unit rows that tell objects apart, the best that the scene has."""
    if scene.instance_features is not None:
        rows = cells.take(scene.instance_features)
    elif classes is not None:
        rows = np.sqrt(np.maximum(classes, 0.0))
    elif scene.semantics is not None:
        rows = cells.take(scene.semantics.features())
    else:
        rows = np.ones((len(cells), 1), np.float32)
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


def _sorted_by_size(group: Int[ndarray, " n"], min_points: int) -> tuple[ndarray, int]:
    """Groups renumbered from 1, largest first, those smaller than `min_points` put to 0; their number."""
    size = np.bincount(group, minlength=1)
    size[0] = 0
    kept = np.flatnonzero(size >= max(min_points, 1))
    _, first_seen = np.unique(group, return_index=True)
    seen_at = np.zeros(len(size), np.int64)
    seen_at[np.unique(group)] = first_seen
    kept = kept[np.lexsort((seen_at[kept], -size[kept]))]
    number = np.zeros(len(size), np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[group], len(kept)


def _spread(
    values: Float[ndarray, "n l"],
    group: Int[ndarray, " n"],
    label: Int[ndarray, " k"],
    score: Float[ndarray, " k"],
    settings: SegmentationSettings,
) -> tuple[ndarray, ndarray]:
    """Label and score of every Gaussian: its group's, or its own if it is in none."""
    out_label = np.concatenate([[0], label])[group]
    out_score = np.concatenate([np.zeros(1, np.float32), score])[group]
    alone = group == 0
    out_label[alone], out_score[alone] = best_labels(values[alone], settings.min_label_score)
    return out_label, out_score


def _without_background(
    group: ndarray, label: ndarray, score: ndarray, things: ndarray
) -> tuple[ndarray, ndarray, ndarray]:
    number = np.zeros(len(things) + 1, np.int64)
    number[1:][things] = np.arange(1, int(things.sum()) + 1)
    return number[group], label[things], score[things]


def _describe(
    scene: SemanticScene,
    cells: Cells,
    group: Int[ndarray, " n"],
    label: Int[ndarray, " k"],
    score: Float[ndarray, " k"],
    names: tuple[str, ...],
) -> tuple[ObjectInstance, ...]:
    count = len(label)
    if count == 0:
        return ()
    opacity = numpy_of(scene.gaussians.opacities).astype(np.float64)
    means = numpy_of(scene.gaussians.means)
    size = np.bincount(group, minlength=count + 1)[1:]
    total_opacity = np.bincount(group, opacity, count + 1)[1:]
    centroid = group_means(means, group, np.maximum(opacity, 1e-9), count)
    of_cell = group[cells.gaussian]
    low, high = _boxes(cells.points, of_cell, count)
    grid = cells.grid(of_cell)
    rois = [
        _rois(grid[view], count, crop, cells.stride, scene.image_size)
        for view, crop in enumerate(scene.crops)
    ]
    return tuple(
        ObjectInstance(
            id=i + 1,
            centroid=_tuple(centroid[i]),
            box_center=_tuple((low[i] + high[i]) / 2),
            box_size=_tuple(high[i] - low[i]),
            gaussian_count=int(size[i]),
            mean_opacity=float(total_opacity[i] / size[i]),
            rois=tuple(of_view[i] for of_view in rois),
            label=names[label[i]],
            label_id=int(label[i]),
            label_score=float(score[i]),
        )
        for i in range(count)
    )


def _boxes(
    points: Float[ndarray, "m 3"], group: Int[ndarray, " m"], count: int
) -> tuple[Float[ndarray, "k 3"], Float[ndarray, "k 3"]]:
    """Lower and upper corners of axis-aligned boxes by percentile, for the groups 1 .. count."""
    order = np.argsort(group, kind="stable")
    ends = np.cumsum(np.bincount(group, minlength=count + 1))
    corners = np.zeros((2, count, 3), np.float32)
    for i in range(count):
        mine = np.sort(points[order[ends[i] : ends[i + 1]]], axis=0)
        last = len(mine) - 1
        for corner, percentile in enumerate(BOX_PERCENTILES):
            corners[corner, i] = mine[round(percentile / 100.0 * last)]
    return corners[0], corners[1]


def _rois(
    grid: Int[ndarray, "r c"], count: int, crop: Crop, stride: int, size: tuple[int, int]
) -> list[Roi]:
    """Rectangle of each group in one view, in pixels of the original picture."""
    out = []
    for found in ndimage.find_objects(grid, count):
        if found is None:
            out.append(Roi())
            continue
        rows, columns = found
        left = crop.left + round(columns.start * stride / crop.scale_x)
        right = crop.left + round(min(columns.stop * stride, size[1]) / crop.scale_x)
        top = crop.top + round(rows.start * stride / crop.scale_y)
        bottom = crop.top + round(min(rows.stop * stride, size[0]) / crop.scale_y)
        out.append(Roi(left, top, right - left, bottom - top))
    return out


def _tuple(row: Shaped[ndarray, " 3"]) -> tuple[float, float, float]:
    return float(row[0]), float(row[1]), float(row[2])
