# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Large 3 x 3 convolutions with a quarter of the multiplications, for the CPU.

Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray, "Fast Algorithms for Convolutional
Neural Networks", 2016, section 4.3): 4 x 4 outputs come from a tile of 6 x 6 inputs by
Y = A^T [(G g G^T) * (B^T d B)] A, 36 products in place of 144. PyTorch's convolutions compute
directly, at the speed of the processor's multipliers; the dense heads spend half of a pair's time
there.
"""

from functools import cache

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.operators import suits_fast_operators

STRIP_TILES = 128
"""Tiles that are computed at a time: what is between the steps stays in the processor's cache.
Twice as many are no faster, and the C library keeps twice the memory."""

MIN_CHANNELS = 192
"""On each side. With fewer the transforms take what the products save."""

MIN_PIXELS = 40 * 40
"""Of all images of a batch. With fewer the transform of the weights takes it."""


@cache
def _transforms() -> tuple[Tensor, Tensor, Tensor]:
    """For inputs [36, 36], weights [36, 9] and outputs [16, 36], rows and columns in one."""
    inputs = torch.tensor(
        [
            [4.0, 0.0, -5.0, 0.0, 1.0, 0.0],
            [0.0, -4.0, -4.0, 1.0, 1.0, 0.0],
            [0.0, 4.0, -4.0, -1.0, 1.0, 0.0],
            [0.0, -2.0, -1.0, 2.0, 1.0, 0.0],
            [0.0, 2.0, -1.0, -2.0, 1.0, 0.0],
            [0.0, 4.0, 0.0, -5.0, 0.0, 1.0],
        ]
    )
    weights = torch.tensor(
        [
            [1 / 4, 0.0, 0.0],
            [-1 / 6, -1 / 6, -1 / 6],
            [-1 / 6, 1 / 6, -1 / 6],
            [1 / 24, 1 / 12, 1 / 6],
            [1 / 24, -1 / 12, 1 / 6],
            [0.0, 0.0, 1.0],
        ]
    )
    outputs = torch.tensor(
        [
            [1.0, 1.0, 1.0, 1.0, 1.0, 0.0],
            [0.0, 1.0, -1.0, 2.0, -2.0, 0.0],
            [0.0, 1.0, 1.0, 4.0, 4.0, 0.0],
            [0.0, 1.0, -1.0, 8.0, -8.0, 1.0],
        ]
    )
    return tuple(torch.kron(m, m) for m in (inputs, weights, outputs))


def conv3x3(
    x: Float[Tensor, "b c h w"],
    weight: Float[Tensor, "k c 3 3"],
    bias: Float[Tensor, " k"] | None = None,
) -> Float[Tensor, "b k h w"]:
    """``torch.nn.functional.conv2d`` with a padding of 1, up to rounding (2e-6 of the result's
    size in float32, where the direct sum has 6e-7). Inference only: no gradient.

    Args:
        x: float32, fastest with channels last.
        weight: float32.
        bias: float32, or None.

    """
    (b, _, height, width), k = x.shape, len(weight)
    of_inputs, of_weights, of_outputs = _transforms()
    products = (of_weights @ weight.reshape(-1, 9).t()).view(36, k, -1).transpose(1, 2)
    rows, columns = -(-height // 4), -(-width // 4)
    result = x.new_empty(b, rows, 4, columns, 4, k)
    strip = max(1, STRIP_TILES // (b * columns))
    for row in range(0, rows, strip):
        out = result[:, row : row + strip]
        tiles = _tiles(x, row, out.shape[1])
        transformed = (of_inputs @ tiles.flatten(1)).view(36, -1, x.shape[1])
        sums = of_outputs @ torch.bmm(transformed, products).flatten(1)
        out.copy_(sums.view(4, 4, *tiles.shape[1:4], k).permute(2, 3, 0, 4, 1, 5))
        if bias is not None:
            out += bias
    image = result.flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)
    return image[:, :, :height, :width]


def _tiles(
    x: Float[Tensor, "b c h w"], row: int, rows: int
) -> Float[Tensor, "36 b {rows} columns c"]:
    """The inputs of some rows of tiles, zeros outside of the image."""
    height, width = x.shape[2:]
    top, bottom = 4 * row - 1, 4 * (row + rows) + 1
    part = x[:, :, max(top, 0) : bottom]
    above, below = max(-top, 0), max(bottom - height, 0)
    padded = F.pad(part, (1, 1 + -width % 4, above, below)).permute(0, 2, 3, 1)
    return padded.unfold(1, 6, 4).unfold(2, 6, 4).permute(4, 5, 0, 1, 2, 3).flatten(0, 1)


class Conv3x3(nn.Conv2d):
    """A 3 x 3 convolution that keeps the size; :func:`conv3x3` computes it where that is faster.
    Names and shapes of the weights are those of ``torch.nn.Conv2d``.
    """

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, 3, padding=1, bias=bias)

    def forward(self, input: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Same height and width."""
        if self._pays(input):
            return conv3x3(input, self.weight, self.bias)
        return super().forward(input)

    def _pays(self, x: Tensor) -> bool:
        if not suits_fast_operators(x, self.weight):
            return False
        pixels = x.shape[0] * x.shape[2] * x.shape[3]
        return min(self.in_channels, self.out_channels) >= MIN_CHANNELS and pixels >= MIN_PIXELS
