# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""GSemSplat as a scene model: Splatt3R's Gaussians with two semantic fields."""

import time

import torch
from torch import Tensor

from semsplat_ros.families.base import LanguageKind, LanguageProfile, TextEncoder
from semsplat_ros.families.dust3r import PairModel, check_pair
from semsplat_ros.families.fields.dual_branch import DualBranchSemantics, ProjectedField
from semsplat_ros.families.splatt3r import pair_cameras, pair_gaussians
from semsplat_ros.networks.gsemsplat import GSemSplatNetwork, SemanticPair
from semsplat_ros.scene import ModelInfo, SemanticScene, Views


class GSemSplatModel(PairModel):
    """GSemSplat (GSemSplat paper).

    Args:
        network: in evaluation mode, on the device to run on.
        info: facts about it.
        text_encoder: of the space the heads were trained in; None: the perceiver loads `encoder`.
        encoder: name of the text encoder, see
            :func:`semsplat_ros.language.encoders.load_text_encoder`.
    """

    def __init__(
        self,
        network: GSemSplatNetwork,
        info: ModelInfo,
        text_encoder: TextEncoder | None = None,
        encoder: str = "",
    ) -> None:
        super().__init__(info)
        self.network = network
        self.text_encoder = text_encoder
        self.language = LanguageProfile(LanguageKind.OPEN, encoder=encoder)

    @property
    def device(self) -> torch.device:
        """Where predict runs."""
        return self.network.base.enc_norm.weight.device

    @torch.inference_mode()
    def predict(self, views: Views) -> SemanticScene:
        """One pass over a pair.

        Raises:
            SemsplatError: INVALID_ARGUMENT if it is no pair, or its size does not suit.
        """
        check_pair(views, self.info.name)
        start = time.perf_counter()
        images = (views.images * 2 - 1).to(self.device)
        pair = self.network(images[None])
        return self._assemble(
            views,
            pair_gaussians(pair.base),
            pair_cameras(pair.base, views),
            start,
            self._semantics(pair),
        )

    def _semantics(self, pair: SemanticPair) -> DualBranchSemantics:
        def both(branch: str) -> Tensor:
            maps = (getattr(m, branch)[0].flatten(0, 1) for m in pair.semantics)
            return torch.cat(list(maps))

        heads = self.network.heads
        return DualBranchSemantics(
            ProjectedField(both("region"), heads.region_projection),
            ProjectedField(both("context"), heads.context_projection),
        )
