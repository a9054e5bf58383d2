# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""LSeg (Language-driven Semantic Segmentation paper): dense image features in the space of CLIP
ViT-B/32 text.

A ViT-L/16 whose blocks 5, 11, 17 and 23 feed a DPT decoder with batch norm (DPT paper, readout
"project"). Attribute names are the tensor names of the official file without its prefix ``net.``.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.clip.clip import CLIP_VIT_B32, TINY_CLIP, Clip, ClipConfig
from semsplat_ros.networks.croco import NORM_EPS, EncoderBlock, PatchEmbed, linear_of_block
from semsplat_ros.networks.dpt import FeatureFusionBlock, ResidualConvUnit, token_map
from semsplat_ros.networks.linear import Linear

SIDE_MULTIPLE = 32
"""The coarsest of the four levels is half of the patch grid."""


@dataclass(frozen=True)
class LsegConfig:
    """Sizes; the defaults are those of the official file."""

    patch: int = 16
    table_side: int = 24
    """Patches along each side of the image that the position table was trained for."""
    width: int = 1024
    depth: int = 24
    heads: int = 16
    mlp_ratio: int = 4
    image_classes: int = 1000
    """Of the classifier that the file holds and nothing reads."""
    hooks: tuple[int, int, int, int] = (5, 11, 17, 23)
    """Blocks whose outputs are read."""
    level_channels: tuple[int, int, int, int] = (256, 512, 1024, 1024)
    channels: int = 256
    """Of the fusion path."""
    clip: ClipConfig = CLIP_VIT_B32

    @property
    def out_channels(self) -> int:
        """Width of the features: that of the text embeddings."""
        return self.clip.embedding


TINY_LSEG = LsegConfig(
    table_side=3,
    width=32,
    depth=4,
    heads=2,
    mlp_ratio=2,
    image_classes=5,
    hooks=(0, 1, 2, 3),
    level_channels=(8, 8, 12, 12),
    channels=8,
    clip=TINY_CLIP,
)
"""For tests."""


class VisionTransformer(nn.Module):
    """ViT with a class token and a learned position table; its final norm and classifier are not
    used."""

    full_precision = ("patch_embed",)

    def __init__(self, config: LsegConfig) -> None:
        super().__init__()
        self.config = c = config
        self.cls_token = nn.Parameter(torch.zeros(1, 1, c.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, c.table_side**2 + 1, c.width))
        self.patch_embed = PatchEmbed(c.patch, c.width)
        self.blocks = nn.ModuleList(
            EncoderBlock(c.width, c.heads, c.mlp_ratio, linear_of_block(i)) for i in range(c.depth)
        )
        self.norm = nn.LayerNorm(c.width, eps=NORM_EPS)
        self.head = Linear(c.width, c.image_classes)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b n c"]]:
        """Outputs of the hooked blocks, class token first."""
        c = self.config
        rows, columns = images.shape[-2] // c.patch, images.shape[-1] // c.patch
        tokens = self.patch_embed(images).to(self.cls_token.dtype)
        tokens = torch.cat([self.cls_token.expand(len(tokens), -1, -1), tokens], dim=1)
        tokens = tokens + self._positions(rows, columns)
        read = []
        for i, block in enumerate(self.blocks[: max(c.hooks) + 1]):
            tokens = block(tokens)
            if i in c.hooks:
                read.append(tokens)
        return read

    def _positions(self, rows: int, columns: int) -> Float[Tensor, "1 n c"]:
        """The position table at another grid size; the class token's entry stays."""
        side = self.config.table_side
        square = self.pos_embed[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        resized = F.interpolate(square, size=(rows, columns), mode="bilinear", align_corners=False)
        return torch.cat([self.pos_embed[:, :1], resized.flatten(2).transpose(1, 2)], dim=1)


class ProjectReadout(nn.Module):
    """Drops the class token after mixing it into every other token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.project = nn.Sequential(Linear(2 * width, width), nn.GELU())

    def forward(self, tokens: Float[Tensor, "b n c"]) -> Float[Tensor, "b m c"]:
        rest = tokens[:, 1:]
        pairs = torch.cat([rest, tokens[:, :1].expand_as(rest)], dim=-1)
        return self.project(pairs.to(self.project[0].weight.dtype))


def _reassemble(width: int, channels: int, resize: nn.Module | None) -> nn.ModuleDict:
    """Tokens to a map of one level's size; children named by their place in the official file."""
    layers = nn.ModuleDict(
        {"0": ProjectReadout(width), "3": nn.Conv2d(width, channels, kernel_size=1)}
    )
    if resize is not None:
        layers["4"] = resize
    return layers


class ImageEncoder(nn.Module):
    """The ViT and its four reassembly branches."""

    def __init__(self, config: LsegConfig) -> None:
        super().__init__()
        self.model = VisionTransformer(config)
        k1, k2, k3, k4 = config.level_channels
        w = config.width
        self.act_postprocess1 = _reassemble(w, k1, nn.ConvTranspose2d(k1, k1, 4, 4))
        self.act_postprocess2 = _reassemble(w, k2, nn.ConvTranspose2d(k2, k2, 2, 2))
        self.act_postprocess3 = _reassemble(w, k3, None)
        self.act_postprocess4 = _reassemble(w, k4, nn.Conv2d(k4, k4, 3, 2, 1))

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> list[Float[Tensor, "b c hh ww"]]:
        """Maps at 1/4, 1/8, 1/16 and 1/32 of the image size."""
        patch = self.model.config.patch
        grid = (images.shape[-2] // patch, images.shape[-1] // patch)
        levels = []
        for i, tokens in enumerate(self.model(images), start=1):
            branch = getattr(self, f"act_postprocess{i}")
            level = branch["3"](token_map(branch["0"](tokens), grid))
            levels.append(branch["4"](level) if "4" in branch else level)
        return levels


class NormedResidualConvUnit(ResidualConvUnit):
    """x + norm(conv(relu(norm(conv(relu(x)))))), the convolutions without bias."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        inner = F.relu_(self.bn1(self.conv1(F.relu(x).to(self.conv1.weight.dtype))))
        return self.bn2(self.conv2(inner)).float().add_(x)


class NormedFusionBlock(FeatureFusionBlock):
    """Coarse path plus one level, at twice the size, with batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.resConfUnit1 = NormedResidualConvUnit(channels)
        self.resConfUnit2 = NormedResidualConvUnit(channels)


class LsegScratch(nn.Module):
    """The fusion half of the decoder and the projection into text space."""

    full_precision = ("head1",)

    def __init__(self, config: LsegConfig) -> None:
        super().__init__()
        for i, channels in enumerate(config.level_channels, start=1):
            conv = nn.Conv2d(channels, config.channels, 3, padding=1, bias=False)
            self.add_module(f"layer{i}_rn", conv)
        for i in range(1, 5):
            self.add_module(f"refinenet{i}", NormedFusionBlock(config.channels))
        self.head1 = nn.Conv2d(config.channels, config.out_channels, kernel_size=1)

    def forward(self, levels: list[Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b d h w"]:
        path = None
        for i in (4, 3, 2, 1):
            level = getattr(self, f"layer{i}_rn")(levels[i - 1])
            block = getattr(self, f"refinenet{i}")
            path = block(level) if path is None else block(path, level)
        return self.head1(path)


class Lseg(nn.Module):
    """Image features and text embeddings of one space.

    The official file holds CLIP's image tower too, which LSeg does not use; :meth:`drop_unused`
    frees it.
    """

    full_precision = ("clip_pretrained",)

    def __init__(self, config: LsegConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or LsegConfig()
        self.clip_pretrained = Clip(c.clip)
        # As in the official file: nothing computes with it, and no other format is made while
        # loading.
        self.clip_pretrained.visual.half()
        self.pretrained = ImageEncoder(c)
        self.scratch = LsegScratch(c)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d hh ww"]:
        """Features at half the image size, float32, not normalised.

        Args:
            images: as the caller's system was trained: LSeg itself and the LSM paper's input
                features take RGB in -1..1, the SpatialSplat paper's take 0..1. Sides are multiples
                of 32.
        """
        height, width = images.shape[-2:]
        if height % SIDE_MULTIPLE or width % SIDE_MULTIPLE:
            raise ValueError(
                f"image sides {height} x {width} given; LSeg takes multiples of {SIDE_MULTIPLE}"
            )
        return self.scratch(self.pretrained(images)).float()

    def drop_unused(self) -> None:
        """Free the tensors that the official file holds and nothing here reads."""
        del self.clip_pretrained.visual, self.clip_pretrained.logit_scale
        del self.pretrained.model.norm, self.pretrained.model.head

    def pooled_tokens(
        self, features: Float[Tensor, "b d hh ww"], views: int
    ) -> Float[Tensor, "scenes n d"]:
        """Means of 8 x 8 features as tokens, the views of a scene one after the other, row-major.

        Args:
            features: from :meth:`forward`; a scene's views next to each other.
            views: number of views of each scene.
        """
        pooled = F.avg_pool2d(features, kernel_size=self.config.patch // 2)
        return pooled.flatten(2).transpose(1, 2).unflatten(0, (-1, views)).flatten(1, 2)
