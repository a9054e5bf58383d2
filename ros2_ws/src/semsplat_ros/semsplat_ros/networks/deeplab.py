# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DeepLabV3 on MobileNetV2: which of the PASCAL VOC classes each part of a photograph shows.

Sources: the papers of MobileNetV2 (inverted residuals) and DeepLabV3 (atrous convolutions, image
pooling). Batch normalisation is folded into the convolutions, padding is TensorFlow's SAME.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

STRIDE = 16
"""One output cell is this many pixels wide."""
VOC_CLASSES = (
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)
"""What the logits' channels mean."""
_STEM = 32
_BLOCKS = (
    (16, 1, 1, 1),
    (24, 6, 2, 1),
    (24, 6, 1, 1),
    (32, 6, 2, 1),
    *((32, 6, 1, 1),) * 2,
    (64, 6, 2, 1),
    *((64, 6, 1, 1),) * 3,
    *((96, 6, 1, 1),) * 3,
    (160, 6, 1, 1),
    *((160, 6, 1, 2),) * 2,
    (320, 6, 1, 2),
)
"""Output channels, expansion, stride and dilation of the inverted residuals."""


class SameConv(nn.Conv2d):
    """Convolution with TensorFlow's SAME padding: what is odd goes below and to the right."""

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """Output sides are the input's over the stride, rounded up."""
        padding: list[int] = []
        for axis in (1, 0):
            size, stride = x.shape[2 + axis], self.stride[axis]
            reach = (self.kernel_size[axis] - 1) * self.dilation[axis]
            total = max((-(-size // stride) - 1) * stride + reach + 1 - size, 0)
            padding += [total // 2, total - total // 2]
        return super().forward(F.pad(x, padding) if any(padding) else x)


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; the input is added where the shapes agree."""

    def __init__(
        self, inputs: int, outputs: int, expansion: int, stride: int, dilation: int
    ) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = SameConv(inputs, inner, 1) if expansion > 1 else None
        self.depthwise = SameConv(inner, inner, 3, stride=stride, dilation=dilation, groups=inner)
        self.project = SameConv(inner, outputs, 1)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n d ho wo"]:
        """Sides are divided by the stride."""
        inner = x if self.expand is None else F.relu6(self.expand(x))
        out = self.project(F.relu6(self.depthwise(inner)))
        return x + out if self.adds else out


class DeepLab(nn.Module):
    """2.1 million parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = SameConv(3, _STEM, 3, stride=2)
        inputs, blocks = _STEM, []
        for outputs, expansion, stride, dilation in _BLOCKS:
            blocks.append(InvertedResidual(inputs, outputs, expansion, stride, dilation))
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.pooled = SameConv(inputs, 256, 1)
        self.local = SameConv(inputs, 256, 1)
        self.together = SameConv(512, 256, 1)
        self.classify = SameConv(256, len(VOC_CLASSES), 1)

    def forward(self, images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 21 hc wc"]:
        """Logits of :data:`VOC_CLASSES` at 1/16 of RGB images 0..1 of any size."""
        deep = self.blocks(F.relu6(self.stem(2.0 * images - 1.0)))
        pooled = F.relu(self.pooled(deep.mean((2, 3), keepdim=True)))
        both = torch.cat([pooled.expand(-1, -1, *deep.shape[2:]), F.relu(self.local(deep))], 1)
        return self.classify(F.relu(self.together(both)))
