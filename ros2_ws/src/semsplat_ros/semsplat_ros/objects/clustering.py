# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Cells of a scene to groups: one group is one object, seen in either view.

Each view is cut along the ridges of change, of features and of depth (:mod:`objects.patches`),
because joining neighbours that look alike would leak through every soft edge. The patches of both
views together are merged by average linkage over how differently they look; what looks alike but
lies apart is parted again; what is left over joins the group it fits best. Lengths are compared
with depth, so that a scene of unknown scale is grouped just as well.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial.distance import squareform

from semsplat_ros.objects.gaussian_grid import Cells
from semsplat_ros.objects.watershed import cut_patches


@dataclass(frozen=True)
class ClusterSettings:
    """How cells are grouped."""

    merge_threshold: float = 1.0
    """Patches merge below this distance, see :func:`patch_distance`
    (parameter ``instance.merge_threshold``)."""
    feature_scale: float = 0.3
    """1 - cosine of two patches that counts as distance 1."""
    class_scale: float = 1.5
    """1 - overlap of two patches' class probabilities that counts as distance 1."""
    gap: float = 0.15
    """Empty space that parts two patches, as a share of their depth."""
    gap_distance: float = 0.25
    """Distance that such a gap counts for; a larger one counts for no more."""
    leftover_cosine: float = 0.6
    """Cells of no patch join a group whose features they share at least this much."""
    doubt_cosine: float = 0.8
    """Cells that look less like their group than this may change to another."""
    bend: float = 0.3
    """Weight of the surface's bends against turns of the features, see :func:`cut_patches`."""
    min_patch: int = 3
    """Cells of the smallest patch that counts; smaller ones are left over."""
    max_patches: int = 400
    """The largest that are kept: merging takes time with their square."""


@dataclass(frozen=True)
class Patches:
    """Means over the cells of k patches."""

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
    settings: ClusterSettings,
) -> Int[ndarray, " m"]:
    """Group of every cell: 0 = none, else 1, 2, ... in no particular order.

    Args:
        cells: of the scene.
        features: unit rows that agree where two cells belong to one object.
        classes: probabilities of the labels, or None.
        settings: see there.
    """
    if len(cells) == 0:
        return np.zeros(0, np.int64)
    patch = cut_patches(cells, features, settings.bend)
    size = np.bincount(patch)
    large = np.flatnonzero(size >= settings.min_patch)
    if len(large) == 0:
        return np.zeros(len(cells), np.int64)
    large = large[np.argsort(-size[large], kind="stable")[: settings.max_patches]]
    number = np.full(len(size), -1, np.int64)
    number[large] = np.arange(len(large))
    member = number[patch]
    merged = merge(summarise(cells, features, classes, member, len(large)), settings)
    group = np.where(member >= 0, merged[member], 0)
    return _settle_doubtful(cells, features, group, int(merged.max()), settings)


def merge(patches: Patches, settings: ClusterSettings) -> Int[ndarray, " k"]:
    """Group of every patch, 1, 2, ..."""
    count = len(patches.depth)
    if count == 1:
        return np.ones(1, np.int64)
    gap = _gaps(patches) / settings.gap
    distance = patch_distance(patches, gap, settings)
    tree = linkage(squareform(distance, checks=False), method="average")
    alike = fcluster(tree, settings.merge_threshold, criterion="distance")
    together = np.nonzero((alike[:, None] == alike[None]) & (gap < 1.0))
    graph = coo_array((np.ones(len(together[0]), np.int8), together), (count, count))
    return connected_components(graph, directed=False)[1].astype(np.int64) + 1


def patch_distance(
    patches: Patches, gap: Float[ndarray, "k k"], settings: ClusterSettings
) -> Float[ndarray, "k k"]:
    """How little two patches can be one object: looks plus meaning plus gap, each on its scale."""
    distance = (1.0 - patches.features @ patches.features.T) / settings.feature_scale
    if patches.classes is not None:
        root = np.sqrt(np.maximum(patches.classes, 0.0))
        distance = distance + np.maximum(1.0 - root @ root.T, 0.0) / settings.class_scale
    distance = distance + settings.gap_distance * np.minimum(gap, 1.0)
    distance = np.maximum(distance, 0.0).astype(np.float64)
    np.fill_diagonal(distance, 0.0)
    return distance


def summarise(
    cells: Cells,
    features: Float[ndarray, "m f"],
    classes: Float[ndarray, "m l"] | None,
    member: Int[ndarray, " m"],
    count: int,
) -> Patches:
    """Weighted means of the cells with `member` 0 .. count - 1."""
    inside = np.flatnonzero(member >= 0)
    total = np.bincount(member[inside], cells.weight[inside], count)
    share = (cells.weight[inside] / total[member[inside]]).astype(np.float32)
    mean = csr_array((share, (member[inside], inside)), shape=(count, len(cells)))
    center = mean @ cells.points
    spread = np.sqrt(np.maximum(mean @ cells.points**2 - center**2, 0.0))
    direction = mean @ features
    return Patches(
        features=direction / np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9),
        classes=None if classes is None else mean @ classes,
        center=center,
        extent=1.7 * spread,  # a uniform box of half length a has a standard deviation of a / 1.7
        depth=mean @ cells.depth,
    )


def _gaps(patches: Patches) -> Float[ndarray, "k k"]:
    """Empty space between the boxes of two patches, as a share of the nearer one's depth."""
    squared = np.zeros((len(patches.depth),) * 2, np.float32)
    for axis in range(3):
        apart = np.abs(patches.center[:, None, axis] - patches.center[None, :, axis])
        apart -= patches.extent[:, None, axis] + patches.extent[None, :, axis]
        squared += np.maximum(apart, 0.0) ** 2
    return np.sqrt(squared) / np.minimum(patches.depth[:, None], patches.depth[None])


def _settle_doubtful(
    cells: Cells,
    features: Float[ndarray, "m f"],
    group: Int[ndarray, " m"],
    count: int,
    settings: ClusterSettings,
) -> Int[ndarray, " m"]:
    """Give cells that have no group, or look unlike theirs, the one they look most like of those
    near."""
    groups = summarise(cells, features, None, group - 1, count)
    own = np.einsum("mf,mf->m", features, groups.features[group - 1])
    doubtful = np.flatnonzero((group == 0) | (own < settings.doubt_cosine))
    looks = features[doubtful] @ groups.features.T
    apart = np.abs(cells.points[doubtful, None, :] - groups.center[None]) - groups.extent[None]
    outside = np.sqrt((np.maximum(apart, 0.0) ** 2).sum(-1))
    reach = settings.gap * cells.depth[doubtful, None]
    fits = (looks >= settings.leftover_cosine) & (outside <= reach)
    fit = np.where(fits, looks - 0.5 * outside / reach, -np.inf)
    best = fit.argmax(1)
    out = group.copy()
    found = np.isfinite(fit[np.arange(len(doubtful)), best])
    out[doubtful[found]] = best[found] + 1
    return out
