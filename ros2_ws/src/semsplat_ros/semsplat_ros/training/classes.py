# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The class names as the losses need them: text embeddings, weights, which are things."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from semsplat_ros.families.base import TextEncoder
from semsplat_ros.training.shards import PairShards

TEMPLATES = ("{}", "a {}", "a photo of a {}", "find the {}")
STRUCTURE = ("wall", "floor", "ceiling", "door", "window")


def class_bank(encoder: TextEncoder, names: tuple[str, ...]) -> Float[Tensor, "c d"]:
    """Mean unit embedding of a few phrases with each class name."""
    banks = [encoder.encode([t.format(n) for n in names]) for t in TEMPLATES]
    return F.normalize(torch.stack(banks).mean(0), dim=-1)


def object_classes(names: tuple[str, ...]) -> Bool[Tensor, " c"]:
    """True for movable things, False for the parts of the building."""
    return torch.tensor([n not in STRUCTURE for n in names])


def class_weights(
    shards: PairShards, is_object: Bool[Tensor, " c"], power: float = 0.35, sample: int = 600
) -> Float[Tensor, " c"]:
    """Rare classes count more: frequency^-power of the sampled pixels, with mean weight 1."""
    count = min(sample, len(shards))
    indices = torch.linspace(0, len(shards) - 1, count).long().numpy()
    total = torch.zeros(len(is_object))
    for start in range(0, count, 16):
        label = shards.batch(indices[start : start + 16]).label[..., ::4, ::4]
        total += torch.bincount(label.flatten(), minlength=len(is_object)).float()
    share = total / total.sum()
    of_objects = total * is_object / (total * is_object).sum().clamp_min(1)
    drawn = 0.5 * share + 0.5 * of_objects
    weight = drawn.clamp_min(1e-3) ** -power
    return weight / (weight * drawn).sum()
