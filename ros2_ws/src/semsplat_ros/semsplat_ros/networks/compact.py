# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A small two-view network for robots without a GPU: depth, instances, semantics and matches at
once.

Convolutions down to 1/16, where both views attend to each other, and back up to 1/2. Explicit
matching between the views (a full correlation at 1/4) is what lets so small a network see
geometry. The representation it fills is SpatialSplat's: fine per-pixel Gaussians with an instance
vector, and semantics uncompressed on a coarser grid.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from semsplat_ros.networks.view_matching import Matches, ViewMatcher

INPUT_CHANNELS = 11
STRIDE = 16
"""Image sides must be multiples of it."""
GATE_SHARPNESS = 5.0
"""Between matcher and network there is no middle: half of each would be wrong by half."""
REFERENCE_BASELINE = 0.12
"""Metres; the baseline is given to the network as a logarithm relative to it."""


@dataclass(frozen=True)
class CompactConfig:
    """Sizes of the network; stored beside the weights."""

    widths: tuple[int, int, int, int] = (24, 48, 96, 192)
    """Channels at 1/2, 1/4, 1/8 and 1/16 of the image."""
    layers: int = 6
    """Attention blocks at 1/16: even ones within a view, odd ones over both."""
    semantic_width: int = 64
    instance_width: int = 8
    match_width: int = 48
    text_dimension: int = 384


@dataclass(frozen=True)
class CompactPrediction:
    """What the network says of b pairs; entry i is the first view of pair i, b + i the second."""

    log_depth: Float[Tensor, "n h w"]
    """Natural logarithm of the depth along the optical axis in metres."""
    unaided_log_depth: Float[Tensor, "n h w"]
    """What the network would say without the matcher's cue at each pixel."""
    cue_trust: Float[Tensor, "n h w"]
    """0..1, how far log_depth is the cue's; 0 where there is no cue."""
    log_error: Float[Tensor, "n h w"]
    """Logarithm of one over the expected error of log_depth: larger is surer."""
    instance: Float[Tensor, "n e hh wh"]
    """Not normalised, at 1/2."""
    semantic: Float[Tensor, "n s hh wh"]
    """Before the projection to the text space, at 1/2."""
    log_focal: Float[Tensor, " n"]
    """Logarithm of focal length over image height."""
    matches: Matches


def network_input(
    images: Float[Tensor, "n 3 h w"],
    rays: Float[Tensor, "n 2 h w"],
    intrinsics_known: Float[Tensor, " b"],
    baselines: Float[Tensor, " b"],
    cue: Float[Tensor, "n h w"],
) -> Float[Tensor, "n 11 h w"]:
    """Stack what is known about b pairs into the network's input channels.

    Args:
        images: RGB 0..1, the first views of all pairs, then the second ones.
        rays: x/z and y/z of every pixel (from a default focal length where intrinsics are
            unknown).
        intrinsics_known: 1 or 0.
        baselines: metres between the cameras of a rectified pair, 0 if unknown or not rectified.
        cue: inverse depth in 1/m from :func:`geometry.stereo.inverse_depth_cue`, 0 where unknown.
    """
    pairs, (height, width) = baselines.shape[0], images.shape[-2:]

    def plane(values: Tensor) -> Tensor:
        return values.view(-1, 1, 1, 1).expand(-1, 1, height, width)

    known = (baselines > 0).to(images.dtype)
    log_baseline = torch.log(baselines.clamp_min(1e-2) / REFERENCE_BASELINE) * known
    second = torch.arange(2 * pairs, device=images.device) >= pairs
    valid = (cue > 0).to(images.dtype)
    log_cue = torch.log(cue.clamp_min(1e-3)) * valid
    channels = [
        images - 0.5,
        rays,
        plane(intrinsics_known.repeat(2)),
        plane(second.to(images.dtype)),
        plane(log_baseline.repeat(2)),
        plane(known.repeat(2)),
        log_cue[:, None],
        valid[:, None],
    ]
    return torch.cat(channels, dim=1)


def swap_views(values: Float[Tensor, "n ..."]) -> Float[Tensor, "n ..."]:
    """Exchange the first and second views of all pairs."""
    first, second = values.chunk(2)
    return torch.cat([second, first])


def _conv(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(norm x))), nearly the identity at the start."""

    def __init__(self, channels: int, normalise: bool = True) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(8, channels) if normalise else nn.Identity()
        self.conv1 = _conv(channels, channels)
        self.conv2 = _conv(channels, channels)
        with torch.no_grad():
            self.conv2.weight.mul_(0.1)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Same shape out."""
        return x + self.conv2(F.relu(self.conv1(self.norm(x))))


class AttentionBlock(nn.Module):
    """Pre-norm attention and MLP; queries from x, keys and values from `context` (x if None)."""

    def __init__(self, width: int, heads: int, expansion: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.output = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, expansion * width), nn.GELU(), nn.Linear(expansion * width, width)
        )

    def forward(
        self, x: Float[Tensor, "n i c"], context: Float[Tensor, "n j c"] | None = None
    ) -> Float[Tensor, "n i c"]:
        """Same shape as x out."""
        normed = self.norm1(x)
        source = normed if context is None else self.norm1(context)
        key, value = self.key_value(source).chunk(2, dim=-1)
        attended = F.scaled_dot_product_attention(
            self._split(self.query(normed)), self._split(key), self._split(value)
        )
        x = x + self.output(attended.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norm2(x))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


def _cross_views(block: AttentionBlock, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Let every view read the other view of its pair."""
    tokens = x.flatten(2).transpose(1, 2)
    return block(tokens, swap_views(tokens)).transpose(1, 2).unflatten(2, x.shape[-2:])


def _double(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h2 w2"]:
    return F.interpolate(x, scale_factor=2, mode="nearest")


class CompactNetwork(nn.Module):
    """Two views in, a :class:`CompactPrediction` out. 3.3 million parameters at the default
    sizes."""

    def __init__(self, config: CompactConfig = CompactConfig()) -> None:
        super().__init__()
        self.config = config
        half, quarter, eighth, sixteenth = config.widths
        self.down_half = _conv(INPUT_CHANNELS, half, 3, 2)
        self.encode_half = ResidualBlock(half, normalise=False)
        self.down_quarter = _conv(half, quarter, 3, 2)
        self.encode_quarter = nn.Sequential(ResidualBlock(quarter), ResidualBlock(quarter))
        self.down_eighth = _conv(quarter, eighth, 3, 2)
        self.encode_eighth = nn.Sequential(ResidualBlock(eighth), ResidualBlock(eighth))
        self.matcher = ViewMatcher(quarter, eighth, config.match_width)
        self.match_to_eighth = _conv(6, eighth, 3, 2)
        self.cross_encode = AttentionBlock(eighth, 4, 2)
        self.down_sixteenth = _conv(eighth, sixteenth, 3, 2)
        self.position = nn.Linear(16, sixteenth)
        self.blocks = nn.ModuleList(AttentionBlock(sixteenth, 8, 3) for _ in range(config.layers))
        self.focal_head = nn.Linear(sixteenth, 1)
        self.up_eighth = nn.Conv2d(sixteenth, eighth, 1)
        self.decode_eighth = ResidualBlock(eighth)
        self.cross_decode = AttentionBlock(eighth, 4, 2)
        self.up_quarter = nn.Conv2d(eighth, quarter, 1)
        self.match_to_quarter = _conv(6, quarter)
        self.decode_quarter = nn.Sequential(ResidualBlock(quarter), ResidualBlock(quarter))
        self.up_half = nn.Conv2d(quarter, half, 1)
        self.decode_half = ResidualBlock(half, normalise=False)
        self.semantic_quarter = nn.Sequential(
            nn.GroupNorm(8, quarter), nn.GELU(), nn.Conv2d(quarter, config.semantic_width, 1)
        )
        # Per 1/2 cell: 4 log depths, 4 log errors, 4 gates of the cue, then the two vectors.
        outputs = 12 + config.instance_width + config.semantic_width
        self.head = nn.Sequential(nn.GroupNorm(8, half), nn.GELU(), nn.Conv2d(half, outputs, 1))
        self.text_projection = nn.Linear(config.semantic_width, config.text_dimension)
        self._start()

    def _start(self) -> None:
        """Begin at e metres everywhere, with trust in the matcher's cue and a 53 degree camera."""
        bias, weight = self.head[-1].bias, self.head[-1].weight
        with torch.no_grad():
            bias[:12] = 1.0
            weight[8:12] = 0.0
            self.focal_head.weight.zero_()
            self.focal_head.bias.zero_()

    def forward(self, x: Float[Tensor, "n 11 h w"]) -> CompactPrediction:
        """Predict from the channels of :func:`network_input`.

        Raises:
            ValueError: if a side is not a multiple of 16.
        """
        if x.shape[-1] % STRIDE or x.shape[-2] % STRIDE:
            raise ValueError(
                f"image sides must be multiples of {STRIDE}, got {tuple(x.shape[-2:])}"
            )
        rays, cue, valid = x[:, 3:5], x[:, 9], x[:, 10]
        half = self.encode_half(self.down_half(x))
        quarter = self.encode_quarter(self.down_quarter(half))
        eighth = self.encode_eighth(self.down_eighth(quarter))
        matches = self.matcher(quarter, eighth, rays)
        moved = (matches.rays - rays[:, :, 2::4, 2::4]) * 4
        flow = torch.cat([matches.rays, moved, matches.confidence], dim=1)
        eighth = _cross_views(self.cross_encode, eighth + self.match_to_eighth(flow))
        deep, log_focal = self._attend(self.down_sixteenth(eighth), rays)
        up = self.decode_eighth(_double(self.up_eighth(deep)) + eighth)
        up = _cross_views(self.cross_decode, up)
        up4 = self.decode_quarter(
            _double(self.up_quarter(up)) + quarter + self.match_to_quarter(flow)
        )
        up2 = self.decode_half(_double(self.up_half(up4)) + half)
        return self._heads(
            self.head(up2), self.semantic_quarter(up4), log_focal, cue, valid, matches
        )

    def _attend(self, x: Tensor, rays: Tensor) -> tuple[Tensor, Tensor]:
        """Attention at 1/16: within the views and over the pair, in turn."""
        pairs, size = x.shape[0] // 2, x.shape[-2:]
        coarse = F.adaptive_avg_pool2d(rays.float(), size)
        phase = torch.cat([coarse * math.pi * k for k in (0.5, 1, 2, 4)], 1)
        phase = phase.flatten(2).transpose(1, 2)
        tokens = x.flatten(2).transpose(1, 2)
        tokens = tokens + self.position(torch.cat([phase.sin(), phase.cos()], -1))
        count = tokens.shape[1]
        for index, block in enumerate(self.blocks):
            if index % 2 == 0:
                tokens = block(tokens)
            else:
                joint = block(torch.cat([tokens[:pairs], tokens[pairs:]], 1))
                tokens = torch.cat([joint[:, :count], joint[:, count:]])
        log_focal = self.focal_head(tokens.mean(1))[:, 0].float()
        return tokens.transpose(1, 2).unflatten(2, size), log_focal

    def _heads(
        self,
        out: Tensor,
        semantic_quarter: Tensor,
        log_focal: Tensor,
        cue: Tensor,
        valid: Tensor,
        matches: Matches,
    ) -> CompactPrediction:
        fine = F.pixel_shuffle(out[:, :12], 2).float()
        gate = torch.sigmoid(GATE_SHARPNESS * fine[:, 2]) * valid
        log_depth = fine[:, 0] + gate * (-cue - fine[:, 0])
        instances = self.config.instance_width
        return CompactPrediction(
            log_depth=log_depth,
            unaided_log_depth=fine[:, 0],
            cue_trust=gate,
            log_error=fine[:, 1],
            instance=out[:, 12 : 12 + instances].float(),
            semantic=out[:, 12 + instances :].float() + _double(semantic_quarter).float(),
            log_focal=log_focal,
            matches=matches,
        )
