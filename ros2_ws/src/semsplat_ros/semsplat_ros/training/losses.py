# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Losses of the compact network; every term is a mean, weighted in `WEIGHTS`."""

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F

from semsplat_ros.networks.compact import CompactNetwork, CompactPrediction
from semsplat_ros.networks.view_matching import Matches
from semsplat_ros.training.shards import PairBatch
from semsplat_ros.training.targets import bilinear_cells, by_view, cell_targets

WEIGHTS = {
    "depth": 1.0,
    "depth_gradient": 0.5,
    "depth_error": 0.03,
    "semantic": 0.8,
    "semantic_cosine": 0.2,
    "instance": 0.5,
    "match": 0.1,
    "focal": 0.1,
}
SEMANTIC_TEMPERATURE = 12.0
INSTANCE_TEMPERATURE = 12.0
MATCH_CELLS = 384
SEMANTIC_PIXELS = 600
INSTANCE_PIXELS = 768
MAX_INSTANCES = 80


class CompactLoss:
    """All terms for one batch.

    Args:
        bank: unit text embedding of every class.
        class_weights: of the semantic cross-entropy.
        is_object: which classes are movable things; half of the semantic samples come from them.
    """

    def __init__(
        self,
        bank: Float[Tensor, "c d"],
        class_weights: Float[Tensor, " c"],
        is_object: Tensor,
    ) -> None:
        self.bank = bank
        self.class_weights = class_weights
        self.is_object = is_object

    def to(self, device: torch.device) -> "CompactLoss":
        """The same loss for tensors on a device."""
        parts = (self.bank, self.class_weights, self.is_object)
        return CompactLoss(*(part.to(device) for part in parts))

    def __call__(
        self, network: CompactNetwork, prediction: CompactPrediction, batch: PairBatch
    ) -> dict[str, Float[Tensor, ""]]:
        """Unweighted terms by name."""
        label = by_view(batch.label)
        target = torch.log(by_view(batch.depth).clamp(0.1, 20.0))
        error = prediction.log_depth - target
        weight = 1.0 + self.is_object[label].float()
        cross_entropy, cosine = self._semantic(network, prediction, label)
        return {
            "depth": (error.abs() * weight).sum() / weight.sum(),
            "depth_gradient": _gradient(error),
            "depth_error": _expected_error(prediction.log_error, error),
            "semantic": cross_entropy,
            "semantic_cosine": cosine,
            "instance": _instance(prediction.instance, batch.instance),
            "match": _match(prediction.matches, batch),
            "focal": _focal(prediction.log_focal, batch),
        }

    def total(self, terms: dict[str, Tensor]) -> Float[Tensor, ""]:
        """The weighted sum that is minimised."""
        return torch.stack([WEIGHTS[name] * value for name, value in terms.items()]).sum()

    def _semantic(
        self, network: CompactNetwork, prediction: CompactPrediction, label: Tensor
    ) -> tuple[Tensor, Tensor]:
        half = label[:, 1::2, 1::2].reshape(-1)
        objects = self.is_object[half].nonzero()[:, 0]
        count = SEMANTIC_PIXELS * label.shape[0] // 2
        at = torch.randint(0, len(half), (count,), device=half.device)
        if len(objects) > 0:
            more = torch.randint(0, len(objects), (count,), device=half.device)
            at = torch.cat([at, objects[more]])
        features = prediction.semantic.permute(0, 2, 3, 1).reshape(len(half), -1)[at]
        similarity = bank_cosine(network, features, self.bank)
        truth = half[at]
        cross_entropy = F.cross_entropy(
            similarity * SEMANTIC_TEMPERATURE, truth, weight=self.class_weights
        )
        return cross_entropy, (1.0 - similarity.gather(1, truth[:, None])).mean()


def bank_cosine(
    network: CompactNetwork, features: Float[Tensor, "n s"], bank: Float[Tensor, "c d"]
) -> Float[Tensor, "n c"]:
    """Cosine of the projected features with the bank, without forming the projected vectors.

    With W the projection, cos = f W b / sqrt(f (W W^T) f): the Gram matrix is s x s, the vectors d
    long.
    """
    projection = torch.cat(
        [network.text_projection.weight, network.text_projection.bias[:, None]], 1
    )
    extended = torch.cat([features, torch.ones_like(features[:, :1])], 1)
    squared = ((extended @ (projection.T @ projection)) * extended).sum(1, keepdim=True)
    return extended @ (bank @ projection).T / squared.clamp_min(1e-8).sqrt()


def _gradient(error: Float[Tensor, "n h w"]) -> Tensor:
    """Multi-scale first differences of the log depth error (MegaDepth paper, equation 4)."""
    total = error.new_zeros(())
    error = error[:, None]
    for _ in range(3):
        across = (error[..., 1:] - error[..., :-1]).abs().mean()
        down = (error[..., 1:, :] - error[..., :-1, :]).abs().mean()
        total = total + across + down
        error = F.avg_pool2d(error, 2)
    return total


def _expected_error(log_error: Tensor, error: Tensor) -> Tensor:
    """Negative log likelihood of a Laplace distribution whose scale the network predicts."""
    bounded = log_error.clamp(-5.0, 5.0)
    return (error.detach().abs() * bounded.exp() - bounded).mean()


def _instance(
    vectors: Float[Tensor, "n e hh wh"], instance: Int[Tensor, "b 2 h w"]
) -> Float[Tensor, ""]:
    """Every pixel should be nearest to the mean vector of its instance, over both views."""
    pairs = instance.shape[0]
    ids = instance[:, :, 1::2, 1::2].flatten(1)
    unit = F.normalize(vectors, dim=1).unflatten(0, (2, pairs))
    unit = unit.permute(1, 0, 3, 4, 2).flatten(1, 3)
    slots = (ids + torch.arange(pairs, device=ids.device)[:, None] * MAX_INSTANCES).flatten()
    sums = unit.new_zeros(pairs * MAX_INSTANCES, unit.shape[2])
    sums = sums.index_add(0, slots, unit.flatten(0, 1))
    counts = torch.bincount(slots, minlength=pairs * MAX_INSTANCES).view(pairs, MAX_INSTANCES)
    means = F.normalize(sums, dim=1).view(pairs, MAX_INSTANCES, -1)
    at = torch.randint(0, ids.shape[1], (pairs, INSTANCE_PIXELS), device=ids.device)
    queries = unit.gather(1, at[..., None].expand(-1, -1, unit.shape[2]))
    logits = queries @ means.transpose(1, 2) * INSTANCE_TEMPERATURE
    small = counts < 6
    logits = logits.masked_fill(small[:, None], -1e4)
    truth = ids.gather(1, at)
    truth = truth.masked_fill(small.gather(1, truth), -100)
    return F.cross_entropy(logits.flatten(0, 1), truth.flatten(), ignore_index=-100)


def _match(matches: Matches, batch: PairBatch) -> Float[Tensor, ""]:
    """Cross-entropy with a bilinear target, from a sample of cells, in both directions."""
    height, width = batch.depth.shape[-2] // 4, batch.depth.shape[-1] // 4
    first, second = matches.features.chunk(2)
    loss = first.new_zeros(())
    for query, key, forward in ((first, second, True), (second, first, False)):
        targets = cell_targets(batch, forward)
        shape = (query.shape[0], MATCH_CELLS)
        at = torch.randint(0, query.shape[1], shape, device=query.device)
        sample = query.gather(1, at[..., None].expand(-1, -1, query.shape[2]))
        logits = torch.bmm(sample * matches.scale, key.transpose(1, 2))
        cells, weights = bilinear_cells(
            targets.column.gather(1, at), targets.row.gather(1, at), height, width
        )
        log_probability = (F.log_softmax(logits, 2).gather(2, cells) * weights).sum(2)
        visible = targets.visible.gather(1, at)
        loss = loss - (log_probability * visible).sum() / visible.sum().clamp_min(1)
    return loss


def _focal(log_focal: Float[Tensor, " n"], batch: PairBatch) -> Float[Tensor, ""]:
    """Absolute error of the logarithm of focal length over image height."""
    truth = torch.log(by_view(batch.intrinsics)[:, 1, 1] / batch.depth.shape[-2])
    return (log_focal - truth).abs().mean()
