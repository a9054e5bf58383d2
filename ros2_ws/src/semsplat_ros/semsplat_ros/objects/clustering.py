# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of a scene to groups: one group is one object, seen in either view.

First neighbours on the pixel grid that look alike and lie close together are joined (connected components);
then components, of either view, are merged by average linkage over how differently they look and how far
apart they are; what is left over joins the group it fits best. Lengths are compared with depth, so that a
scene of unknown scale is grouped just as well.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from semsplat_ros.objects.cells import Cells


@dataclass(frozen=True)
class ClusterSettings:
    """How cells are grouped."""

    neighbour_cosine: float = 0.9
    """Neighbours are joined if the cosine of their features is higher ..."""
    neighbour_step: float = 0.1
    """... and they lie closer than this share of their depth."""
    merge_threshold: float = 1.0
    """Components merge below this distance, see :func:`component_distance`."""
    feature_scale: float = 0.25
    """1 - cosine of two components that counts as distance 1."""
    gap_scale: float = 0.12
    """Empty space between two components, as a share of their depth, that counts as distance 1."""
    class_scale: float = 1.0
    """1 - overlap of two components' class probabilities that counts as distance 1."""
    leftover_cosine: float = 0.6
    """Cells of no component join a group whose features they share at least this much."""
    max_components: int = 200
    """The largest that are kept: merging takes time with their square."""


@dataclass(frozen=True)
class Components:
    """Means over the cells of k components."""

    features: Float[ndarray, "k f"]
    """Unit rows."""
    classes: Float[ndarray, "k l"] | None
    center: Float[ndarray, "k 3"]
    extent: Float[ndarray, "k 3"]
    """Half of the side lengths of a box that holds most of it."""
    depth: Float[ndarray, " k"]


def cluster(
    cells: Cells,
    features: Float[ndarray, "m f"],
    classes: Float[ndarray, "m l"] | None,
    min_cells: int,
    settings: ClusterSettings,
) -> Int[ndarray, " m"]:
    """Group of every cell: 0 = none, else 1, 2, ... in no particular order.

    Args:
        cells: of the scene.
        features: unit rows that agree where two cells belong to one object.
        classes: probabilities of the labels, or None.
        min_cells: smallest component that makes a group of its own.
        settings: see there.
    """
    if len(cells) == 0:
        return np.zeros(0, np.int64)
    component = _connect(cells, features, settings)
    size = np.bincount(component)
    large = np.flatnonzero(size >= min_cells)
    if len(large) == 0:
        return np.zeros(len(cells), np.int64)
    large = large[np.argsort(-size[large], kind="stable")[: settings.max_components]]
    number = np.full(len(size), -1, np.int64)
    number[large] = np.arange(len(large))
    member = number[component]
    parts = summarise(cells, features, classes, member, len(large))
    merged = np.ones(1, np.int64)
    if len(large) > 1:
        tree = linkage(component_distance(parts, settings), method="average")
        merged = fcluster(tree, settings.merge_threshold, criterion="distance").astype(np.int64)
    group = np.where(member >= 0, merged[member], 0)
    return _adopt_leftovers(cells, features, group, int(merged.max()), settings)


def summarise(
    cells: Cells,
    features: Float[ndarray, "m f"],
    classes: Float[ndarray, "m l"] | None,
    member: Int[ndarray, " m"],
    count: int,
) -> Components:
    """Weighted means of the cells with `member` 0 .. count - 1."""
    inside = np.flatnonzero(member >= 0)
    total = np.bincount(member[inside], cells.weight[inside], count)
    share = (cells.weight[inside] / total[member[inside]]).astype(np.float32)
    mean = csr_array((share, (member[inside], inside)), shape=(count, len(cells)))
    center = mean @ cells.points
    spread = np.sqrt(np.maximum(mean @ cells.points**2 - center**2, 0.0))
    direction = mean @ features
    return Components(
        features=direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9),
        classes=None if classes is None else mean @ classes,
        center=center,
        extent=1.7 * spread,  # a uniform box of half length a has a standard deviation of a / 1.7
        depth=mean @ cells.depth,
    )


def component_distance(parts: Components, settings: ClusterSettings) -> Float[ndarray, " p"]:
    """Condensed distances of all pairs of components: looks plus gap plus meaning, each on its scale."""
    first, second = np.triu_indices(len(parts.depth), 1)
    looks = 1.0 - np.einsum("kf,kf->k", parts.features[first], parts.features[second])
    apart = np.abs(parts.center[first] - parts.center[second])
    gap = np.maximum(apart - parts.extent[first] - parts.extent[second], 0.0)
    near = np.minimum(parts.depth[first], parts.depth[second])
    distance = looks / settings.feature_scale
    distance = distance + np.linalg.norm(gap, axis=1) / (settings.gap_scale * near)
    if parts.classes is not None:
        root = np.sqrt(np.maximum(parts.classes, 0.0))
        overlap = np.einsum("kl,kl->k", root[first], root[second])
        distance = distance + np.maximum(1.0 - overlap, 0.0) / settings.class_scale
    return np.maximum(distance, 0.0).astype(np.float64)


def _connect(
    cells: Cells, features: Float[ndarray, "m f"], settings: ClusterSettings
) -> Int[ndarray, " m"]:
    """Connected component of every cell, by its right and lower neighbours."""
    number = cells.grid(np.arange(len(cells)), -1)
    pairs = []
    for here, there in (
        (number[:, :, :-1], number[:, :, 1:]),
        (number[:, :-1], number[:, 1:]),
    ):
        both = (here >= 0) & (there >= 0)
        pairs.append(np.stack([here[both], there[both]]))
    first, second = np.concatenate(pairs, axis=1)
    alike = np.einsum("kf,kf->k", features[first], features[second]) > settings.neighbour_cosine
    step = np.linalg.norm(cells.points[first] - cells.points[second], axis=1)
    near = step < settings.neighbour_step * np.minimum(cells.depth[first], cells.depth[second])
    joined = alike & near
    first, second = first[joined], second[joined]
    graph = coo_array((np.ones(len(first), np.int8), (first, second)), (len(cells), len(cells)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _adopt_leftovers(
    cells: Cells,
    features: Float[ndarray, "m f"],
    group: Int[ndarray, " m"],
    count: int,
    settings: ClusterSettings,
) -> Int[ndarray, " m"]:
    """Give cells without a group the one that looks most like them among those that are near."""
    left = np.flatnonzero(group == 0)
    if len(left) == 0:
        return group
    parts = summarise(cells, features, None, group - 1, count)
    looks = features[left] @ parts.features.T
    apart = np.abs(cells.points[left, None, :] - parts.center[None]) - parts.extent[None]
    outside = np.sqrt((np.maximum(apart, 0.0) ** 2).sum(-1))
    reach = settings.gap_scale * cells.depth[left, None]
    fit = np.where(
        (looks >= settings.leftover_cosine) & (outside <= reach),
        looks - 0.5 * outside / reach,
        -np.inf,
    )
    best = fit.argmax(1)
    chosen = np.where(np.isfinite(fit[np.arange(len(left)), best]), best + 1, 0)
    out = group.copy()
    out[left] = chosen
    return out
