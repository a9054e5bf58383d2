# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A matcher's depth, right where there is texture, and a network's, complete but off by a bit.

Where the matcher is trusted its depth is taken. Elsewhere the network's relief is kept and moved
by what separates the two nearby: a normalised convolution (Knutsson and Westin 1993) of their
difference, by average pooling at several scales, of which the finest that has evidence decides.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

SCALES = ((3, 1.0), (10, 0.1), (30, 0.01), (90, 0.001))
"""Pooling size in pixels and weight: a coarser scale counts where finer ones have no evidence."""
LEAST_EVIDENCE = 1e-5
LARGEST_CORRECTION = 0.7
"""In the logarithm of depth: a factor of two. More is a wrong match, not a wrong network."""
OUTLIER = 0.35
"""A match that differs so much from the corrected depth around it is not believed."""


def fuse_log_depth(
    network: Float[Tensor, "v h w"],
    matcher: Float[Tensor, "v h w"],
    trust: Float[Tensor, "v h w"],
) -> Float[Tensor, "v h w"]:
    """One log depth from both.

    Args:
        network: log depth of the network alone.
        matcher: log depth of the matcher; any value where there is none.
        trust: 0..1, how much the matcher is believed; 0 where there is none.
    """
    difference = (matcher - network).clamp(-LARGEST_CORRECTION, LARGEST_CORRECTION)
    corrected = network + _spread(difference, trust)
    believed = trust * ((matcher - corrected).abs() < OUTLIER)
    corrected = network + _spread(difference, believed)
    return corrected + believed * (matcher - corrected)


def _spread(
    values: Float[Tensor, "v h w"], weights: Float[Tensor, "v h w"]
) -> Float[Tensor, "v h w"]:
    """Local weighted mean of values that are known in places."""
    size = values.shape[-2:]
    known = torch.stack([values * weights, weights], 1)
    total = LEAST_EVIDENCE * known.mean((2, 3), keepdim=True).expand(-1, -1, *size).clone()
    for pooling, weight in SCALES:
        pooled = F.avg_pool2d(known, pooling, ceil_mode=True, count_include_pad=False)
        total += weight * F.interpolate(pooled, size, mode="bilinear", align_corners=False)
    return total[:, 0] / total[:, 1].clamp_min(1e-9) * (total[:, 1] > 1e-9)
