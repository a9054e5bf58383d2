# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""GSemSplat: Splatt3R, frozen, with two semantic fields for every pixel (GSemSplat paper, 3.3).

From the paper: a semantic head a view, in parallel to the Gaussian head, on the decoder's tokens,
with a region-specific and a context-aware branch of 16 channels each; one MLP a branch to CLIP
space, applied after rendering; everything of Splatt3R frozen. Left open by the paper and decided
here: one DPT trunk a view that both branches share; branches of a convolution, upsampling and a
second convolution; no activation on the 16 channels; MLPs with one hidden layer of 128. There are
no official weights, so the tensor names are this project's.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.croco import CrocoConfig
from semsplat_ros.networks.dpt import DptConfig, DptTrunk, dpt_config_for
from semsplat_ros.networks.linear import Linear
from semsplat_ros.networks.splatt3r import PairGaussians, Splatt3rNetwork

SEMANTIC_CHANNELS = 16
CLIP_CHANNELS = 512
HIDDEN_CHANNELS = 128


class SemanticMaps(NamedTuple):
    """Compressed semantics of one image's pixels, not normalised, float32."""

    region: Float[Tensor, "b h w d"]
    """Learned from masked regions seen alone."""
    context: Float[Tensor, "b h w d"]
    """Learned from regions seen in their surroundings."""


class SemanticPair(NamedTuple):
    """What GSemSplat predicts for a pair."""

    base: PairGaussians
    semantics: tuple[SemanticMaps, SemanticMaps]


class SemanticHead(DptTrunk):
    """Tokens of one view to both semantic maps."""

    def __init__(self, config: DptConfig | None = None, channels: int = SEMANTIC_CHANNELS) -> None:
        super().__init__(config)
        self.region = self._branch(channels)
        self.context = self._branch(channels)

    def _branch(self, channels: int) -> nn.Sequential:
        c = self.config
        return nn.Sequential(
            nn.Conv2d(c.channels, c.last_channels, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            nn.ReLU(),
            nn.Conv2d(c.last_channels, channels, 1),
        )

    def forward(
        self, features: list[Float[Tensor, "b n _"]], grid: tuple[int, int]
    ) -> SemanticMaps:
        """Both maps at image size."""
        path = self.trunk(features, grid).to(self.region[0].weight.dtype)
        maps = (branch(path).float().permute(0, 2, 3, 1) for branch in (self.region, self.context))
        return SemanticMaps(*maps)


class Projection(nn.Module):
    """Compressed semantics to CLIP space, pixel by pixel or Gaussian by Gaussian."""

    def __init__(
        self,
        channels: int = SEMANTIC_CHANNELS,
        hidden: int = HIDDEN_CHANNELS,
        out: int = CLIP_CHANNELS,
    ) -> None:
        super().__init__()
        self.hidden = Linear(channels, hidden)
        self.out = Linear(hidden, out)

    def forward(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b c"]:
        """Not normalised."""
        return self.out(self.activations(x))

    def activations(self, x: Float[Tensor, "*b d"]) -> Float[Tensor, "*b e"]:
        """Of the hidden layer."""
        return nn.functional.gelu(self.hidden(x.to(self.hidden.weight.dtype)))


class SemanticHeads(nn.Module):
    """All that GSemSplat adds to Splatt3R, and all that is trained."""

    def __init__(
        self,
        dpt: DptConfig | None = None,
        channels: int = SEMANTIC_CHANNELS,
        clip_channels: int = CLIP_CHANNELS,
    ) -> None:
        super().__init__()
        self.head1 = SemanticHead(dpt, channels)
        self.head2 = SemanticHead(dpt, channels)
        self.region_projection = Projection(channels, out=clip_channels)
        self.context_projection = Projection(channels, out=clip_channels)


class GSemSplatNetwork(nn.Module):
    """A frozen Splatt3R with semantic heads.

    Args:
        config: sizes of the transformer.
        dpt: sizes of all DPT heads.
        channels: of each semantic field (the paper tried 8, 12, 16, 18; 16 was best).
        clip_channels: of the text embeddings.
    """

    def __init__(
        self,
        config: CrocoConfig | None = None,
        dpt: DptConfig | None = None,
        channels: int = SEMANTIC_CHANNELS,
        clip_channels: int = CLIP_CHANNELS,
    ) -> None:
        super().__init__()
        self.base = Splatt3rNetwork(config, dpt).requires_grad_(False).eval()
        heads_dpt = dpt or dpt_config_for(self.base.config)
        self.heads = SemanticHeads(heads_dpt, channels, clip_channels)

    def train(self, mode: bool = True) -> "GSemSplatNetwork":
        """The base stays in evaluation mode."""
        super().train(mode)
        self.base.eval()
        return self

    def forward(self, images: Float[Tensor, "b 2 3 h w"]) -> SemanticPair:
        """Gaussians and semantics of both images; gradients reach the semantic heads alone.

        Args:
            images: -1..1, sides multiples of 16.
        """
        with torch.no_grad():
            base = self.base(images)
        features = base.features
        return SemanticPair(
            base,
            (
                self.heads.head1(features.reference, features.grid),
                self.heads.head2(features.others, features.grid),
            ),
        )


def semantic_loss(
    predicted: Float[Tensor, "*b c"], target: Float[Tensor, "*b c"], weight: Float[Tensor, "*b"]
) -> Float[Tensor, ""]:
    """Mean of 1 - cosine over the pixels that count (GSemSplat paper, equation 2).

    The paper's objective is the sum of this over both branches, with rendered and projected
    features against the features of a vision-language model.

    Args:
        predicted: projected features of rendered pixels.
        target: of the same pixels.
        weight: 1 in the loss mask, 0 outside.
    """
    distance = 1 - nn.functional.cosine_similarity(predicted, target, dim=-1)
    return (distance * weight).sum() / weight.sum().clamp(min=1)
