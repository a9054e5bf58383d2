# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which objects of a perception a text means."""

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from semsplat_ros.families.base import LanguageKind
from semsplat_ros.language.relevancy import Relevancy
from semsplat_ros.language.thresholds import adaptive_threshold
from semsplat_ros.objects.gaussian_grid import gaussian_weights, numpy_of
from semsplat_ros.objects.labels import group_means
from semsplat_ros.scene import Match, Perception, QueryResult


def rank(
    perception: Perception,
    relevancy: Relevancy,
    text: str,
    concept: str,
    top_k: int,
    min_score: float,
    adaptive: bool = False,
) -> QueryResult:
    """Matches for a concept, best first.

    Args:
        perception: its scene has semantics.
        relevancy: of the model that made the scene.
        text: as it was asked.
        concept: what the text names.
        top_k: at most this many matches.
        min_score: 0..1; below, an object does not count as found.
        adaptive: with open language, also take objects that score less but respond clearly; see
            :func:`semsplat_ros.language.thresholds.adaptive_threshold`.
    """
    instances = perception.instances
    if not instances:
        return QueryResult(text, concept, (), False, f"no '{concept}': no object is in view")
    field = perception.scene.semantics
    group = numpy_of(perception.instance_ids)
    weight = gaussian_weights(perception.scene.gaussians)
    relevancies = relevancy.score(field, concept)
    raw = pool_scores(numpy_of(relevancies), group, weight, len(instances))
    cosine = numpy_of(relevancy.similarity(field, concept))
    similarity = group_means(cosine[:, None], group, weight, len(instances))[:, 0]
    scores = np.array([relevancy.calibration(float(value)) for value in raw])
    # Ties (a saturated calibration) are settled by the raw score, then by size.
    order = np.lexsort((np.arange(len(scores)), -raw, -scores))
    enough = scores >= min_score
    clear = np.inf
    if adaptive and relevancy.profile.kind is LanguageKind.OPEN:
        clear = adaptive_threshold(relevancies, relevancy.calibration.raw_of(min_score))
        enough |= raw >= clear
    found = bool(enough[order[0]])
    chosen = [i for i in order[:top_k] if enough[i]] if found else [order[0]]
    matches = tuple(
        Match(instances[i], float(scores[i]), float(np.clip(similarity[i], -1.0, 1.0)))
        for i in chosen
    )
    best = matches[0]
    if found:
        message = ""
        if matches[-1].score < min_score:
            message = (
                f"some matches score below {min_score:.2f}; they were taken because their "
                f"response is clear (adaptive threshold {clear:.2f} of the relevancy)"
            )
        return QueryResult(text, concept, matches, True, message)
    name = best.instance.label or f"object {best.instance.id}"
    message = f"no '{concept}' above {min_score:.2f}; best was '{name}' {best.score:.2f}"
    return QueryResult(text, concept, matches, False, message)


def pool_scores(
    score: Float[ndarray, " n"],
    group: Int[ndarray, " n"],
    weight: Float[ndarray, " n"],
    count: int,
) -> Float[ndarray, " k"]:
    """One score for each object 1 .. count: the weighted mean over its half that scores highest.

    The rim of an object takes on what lies behind it; the mean over all of it would punish small
    ones.
    """
    inside = np.flatnonzero(group > 0)
    # Numbers of 16 bits are sorted in a tenth of the time.
    narrow = np.uint16 if count < 1 << 16 else np.int64
    order = inside[np.argsort(group[inside].astype(narrow), kind="stable")]
    ends = np.cumsum(np.bincount(group[inside], minlength=count + 1))
    pooled = np.zeros(count)
    for i in range(count):
        mine = order[ends[i] : ends[i + 1]]
        lower = len(mine) // 2
        if len(mine):
            half = mine[np.argpartition(score[mine], lower)[lower:]]
            pooled[i] = np.average(score[half], weights=weight[half])
    return pooled.clip(0.0, 1.0)
