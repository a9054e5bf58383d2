# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Objects of a scene: groups of Gaussians with a label, a place, a box and a rectangle in each
image."""

from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped, UInt16
from numpy import ndarray
from scipy import ndimage
from torch import Tensor

from semsplat_ros.geometry.views import original_image
from semsplat_ros.objects.boxes import fit_boxes
from semsplat_ros.objects.clustering import ClusterSettings, cluster
from semsplat_ros.objects.gaussian_grid import Cells, numpy_of
from semsplat_ros.objects.labels import best_labels, group_means
from semsplat_ros.scene import Crop, ObjectInstance, Perception, Roi, SemanticScene, Vocabulary

MAX_MASK_ID = 65535
"""Largest id that a 16 bit mask can hold."""


@dataclass(frozen=True)
class SegmentationSettings:
    """How Gaussians become objects."""

    min_points: int = 24
    """Smallest object, in Gaussians (parameter ``instance.min_points``)."""
    min_label_score: float = 0.0
    """Probability below which an object stays unlabelled (parameter
    ``semantics.min_label_score``)."""
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
        scene: to be grouped; by its instance features, where it has none by its semantics, where
            it has none of these either by its surfaces.
        probabilities: of the vocabulary's labels at each Gaussian, or None.
        vocabulary: what the columns of `probabilities` mean, or None.
        settings: see there.
    """
    cells = Cells.of_scene(scene)
    classes = None if probabilities is None else cells.take(probabilities)
    group = cluster(cells, _features(scene, cells, classes), classes, settings.clustering)
    group, count = _sorted_by_size(group, cells.count, settings.min_points)
    label, score = np.zeros(count, np.int64), np.zeros(count, np.float32)
    if classes is not None:
        pooled = group_means(classes, group, cells.weight * cells.count, count)
        label, score = best_labels(pooled, settings.min_label_score)
    gaussian_label, gaussian_score = _spread(
        probabilities, group[cells.of_gaussian], label, score, settings.min_label_score
    )
    names = ("",) if vocabulary is None else ("", *vocabulary.labels[1:])
    things = np.array([names[i].casefold() not in settings.background for i in label], bool)
    group, label, score = _without_background(group, label, score, things)
    return Segmentation(
        instances=_describe(scene, cells, classes, group, label, score, names),
        instance_ids=torch.from_numpy(group[cells.of_gaussian]),
        label_ids=torch.from_numpy(gaussian_label),
        label_scores=torch.from_numpy(gaussian_score),
    )


def instance_map(perception: Perception, view: int) -> UInt16[ndarray, "hh ww"]:
    """ObjectInstance.id of every pixel of an original image; 0 = none, outside the crop, or an id
    above MAX_MASK_ID."""
    return _original_map(perception.scene, perception.instance_ids, view)


def label_map(perception: Perception, view: int) -> UInt16[ndarray, "hh ww"]:
    """Label id of every pixel of an original image; 0 = unlabelled, and outside the crop."""
    return _original_map(perception.scene, perception.label_ids, view)


def _original_map(scene: SemanticScene, values: Int[Tensor, " n"], view: int) -> ndarray:
    here = values.to(scene.gaussians.view.device)
    network_image = numpy_of(scene.pixel_map(here, view))
    # A larger id would wrap around and show another object's.
    network_image = np.where(network_image > MAX_MASK_ID, 0, network_image)
    return original_image(network_image.astype(np.uint16), scene.crops[view])


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


def _sorted_by_size(
    group: Int[ndarray, " m"], gaussians: Int[ndarray, " m"], min_points: int
) -> tuple[Int[ndarray, " m"], int]:
    """Groups of cells renumbered from 1, those with most Gaussians first; and how many there are.

    Groups with fewer Gaussians than `min_points` are put to 0. Equal ones come in the order of
    the grid.
    """
    size = np.bincount(group, gaussians, minlength=1)
    size[0] = 0
    first_cell = np.zeros(len(size), np.int64)
    first_cell[group[::-1]] = np.arange(len(group))[::-1]
    kept = np.flatnonzero(size >= max(min_points, 1))
    kept = kept[np.lexsort((first_cell[kept], -size[kept]))]
    number = np.zeros(len(size), np.int64)
    number[kept] = np.arange(1, len(kept) + 1)
    return number[group], len(kept)


def _spread(
    probabilities: Float[Tensor, "n l"] | None,
    group: Int[ndarray, " n"],
    label: Int[ndarray, " k"],
    score: Float[ndarray, " k"],
    min_score: float,
) -> tuple[Int[ndarray, " n"], Float[ndarray, " n"]]:
    """Label and score of every Gaussian: its group's, or its own if it is in none."""
    out_label = np.concatenate([np.zeros(1, np.int64), label])[group]
    out_score = np.concatenate([np.zeros(1, np.float32), score])[group]
    if probabilities is not None:
        alone = np.flatnonzero(group == 0)
        own = numpy_of(probabilities)[alone]
        out_label[alone], out_score[alone] = best_labels(own, min_score)
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
    classes: Float[ndarray, "m l"] | None,
    group: Int[ndarray, " m"],
    label: Int[ndarray, " k"],
    score: Float[ndarray, " k"],
    names: tuple[str, ...],
) -> tuple[ObjectInstance, ...]:
    count = len(label)
    if count == 0:
        return ()
    size = np.bincount(group, cells.count, count + 1)[1:]
    opacity = np.maximum(numpy_of(scene.gaussians.opacities)[cells.gaussian], 1e-9)
    weight = opacity * cells.count
    mean_opacity = np.bincount(group, weight, count + 1)[1:] / size
    centroid = group_means(cells.points, group, weight, count)
    certainty = _certainty(classes, group, label)
    center, box_size = fit_boxes(cells.points, certainty, group, count)
    grid = cells.grid(group)
    rois = [
        _rois(grid[view], count, crop, cells.stride, scene.image_size)
        for view, crop in enumerate(scene.crops)
    ]
    return tuple(
        ObjectInstance(
            id=i + 1,
            centroid=_tuple(centroid[i]),
            box_center=_tuple(center[i]),
            box_size=_tuple(box_size[i]),
            gaussian_count=int(size[i]),
            mean_opacity=float(min(mean_opacity[i], 1.0)),
            rois=tuple(of_view[i] for of_view in rois),
            label=names[label[i]],
            label_id=int(label[i]),
            label_score=float(score[i]),
        )
        for i in range(count)
    )


def _certainty(
    classes: Float[ndarray, "m l"] | None, group: Int[ndarray, " m"], label: Int[ndarray, " k"]
) -> Float[ndarray, " m"]:
    """Probability at each cell of its group's label; 1 where groups have none."""
    of_cell = np.concatenate([np.zeros(1, np.int64), label])[group]
    if classes is None:
        return np.ones(len(group), np.float32)
    own = np.take_along_axis(classes, np.maximum(of_cell - 1, 0)[:, None], 1)[:, 0]
    return np.where(of_cell > 0, own, 1.0) + 1e-3


def _rois(
    grid: Int[ndarray, "r c"], count: int, crop: Crop, stride: int, size: tuple[int, int]
) -> list[Roi]:
    """Rectangle of each group in one view, in pixels of the original image."""
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
