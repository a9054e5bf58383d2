# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which relevancies are an answer: a fixed threshold, or one that follows the scores.

The GSemSplat paper takes scores above 0.5 and reports its failure case 1: an object whose response
is clear but stays below the threshold is lost, often beside a stronger one that is found. It asks
for an adaptive threshold and gives none. The one here is this project's design, and it is an
option until it is evaluated.
"""

import torch
from jaxtyping import Float
from torch import Tensor

DEFAULT_THRESHOLD = 0.5
"""A score that says no more than the canonical phrases do (LERF paper, 3.3)."""
LOWEST_THRESHOLD = 0.35
MIN_SEPARATION = 4.5
"""Distance of the two groups' means over their pooled standard deviation. A normal distribution
cut in two has 2.7 and a uniform one 3.5: more than this means two groups, however small one is."""
MIN_GAP = 0.2
"""Distance of the two groups' means."""
BINS = 256


def adaptive_threshold(
    scores: Float[Tensor, " n"],
    default: float = DEFAULT_THRESHOLD,
    lowest: float = LOWEST_THRESHOLD,
) -> float:
    """A threshold between `lowest` and `default` that separates a clear response from the rest.

    Otsu's threshold of the scores below the default, if it splits them into two groups that are
    far apart; the default otherwise. It never rises above the default, so it can only add to the
    answer, and where nothing responds clearly it adds nothing.

    Args:
        scores: relevancies of one query, 0..1, of pixels or Gaussians.
        default: threshold without a clear split.
        lowest: no response below this is believed, however clear.
    """
    scores = scores[scores < default]
    if not len(scores):
        return default
    counts = torch.histc(scores.detach().float().cpu(), BINS, 0.0, 1.0).double()
    centres = (torch.arange(BINS, dtype=torch.float64) + 0.5) / BINS
    share = counts / counts.sum()
    below = share.cumsum(0)[:-1]
    moment = (share * centres).cumsum(0)
    mean, moment = moment[-1], moment[:-1]
    between = (mean * below - moment).square() / (below * (1 - below)).clamp(min=1e-12)
    best = float(between.max())
    if best <= 0:
        return default
    # The middle of an empty valley, where every cut is equally good.
    at = int(torch.nonzero(between >= best * (1 - 1e-9)).flatten().double().mean())
    gap = (mean - moment[at]) / (1 - below[at]) - moment[at] / below[at]
    variance = (share * (centres - mean).square()).sum()
    # Otsu's identity: what is not between the groups is inside them. A bin has a width of its own.
    inside = (variance - best).clamp(min=0) + 1 / (12 * BINS**2)
    if float(gap) < MIN_GAP or float(gap / inside.sqrt()) < MIN_SEPARATION:
        return default
    return min(default, max(lowest, (at + 1) / BINS))
