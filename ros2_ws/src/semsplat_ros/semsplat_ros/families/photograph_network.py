# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The embedded model's second network: objects that it knows from photographs, seen in each view
alone."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.checkpoints import load_new
from semsplat_ros.networks.deeplab import VOC_CLASSES, DeepLab
from semsplat_ros.scene import Views

PREFIX = "photographs."
"""Of the network's tensors in the embedded model's weights file."""
FACTOR = 2
"""How many times finer than the network image the pictures are that it sees."""


class PhotographNetwork:
    """Evidence for some classes of a model.

    Args:
        network: with weights.
        classes: index of each class in the model's list, and the index of what it is called in
            :data:`semsplat_ros.networks.deeplab.VOC_CLASSES`.
    """

    def __init__(self, network: DeepLab, classes: Sequence[tuple[int, int]]) -> None:
        self.network = network.eval().to(memory_format=torch.channels_last)
        self.classes = tuple(mine for mine, _ in classes)
        self._voc = [voc for _, voc in classes]

    def __call__(
        self, views: Views, images: Float[Tensor, "v 3 h w"]
    ) -> Float[Tensor, "v k1 hc wc"]:
        """Probability of each of the classes, then of any object at all, at 1/8 of the images."""
        finer = F.interpolate(images, scale_factor=FACTOR, mode="bicubic", align_corners=False)
        finer = finer.clamp(0.0, 1.0)
        if views.stereo_images is not None and views.stereo_images.shape[1:] == finer.shape[1:]:
            finer[:2] = views.stereo_images.to(finer)
        logits = self.network(finer.contiguous(memory_format=torch.channels_last))
        probabilities = torch.softmax(logits.float(), 1)
        return torch.cat([probabilities[:, self._voc], 1.0 - probabilities[:, :1]], 1)


def load_photograph_network(
    path: Path,
    tensors: Mapping[str, Tensor],
    names: Sequence[str],
    called: Mapping[str, str],
    device: torch.device,
) -> PhotographNetwork | None:
    """The network in a weights file, or None if it holds none.

    Args:
        path: of the weights file, for messages.
        tensors: those of the network, without :data:`PREFIX`.
        names: the model's classes.
        called: class of the model to what it is called among the PASCAL VOC classes.
        device: where the network is put.

    Raises:
        SemsplatError: BAD_FILE if only one of `tensors` and `called` is there, if a class is
            unknown on either side, or if the tensors are not the network's.
    """
    if not tensors and not called:
        return None
    wrong = [f"{a}: {b}" for a, b in called.items() if a not in names or b not in VOC_CLASSES]
    if wrong or not tensors or not called:
        raise SemsplatError(
            ErrorCode.BAD_FILE,
            f"{path} and the photograph_classes of its config.yaml do not fit: {len(tensors)} "
            f"tensors of a second network, {len(called)} classes, unknown {wrong}; write both "
            "with: semsplat train photographs",
        )
    network = load_new(DeepLab, tensors).float().to(device)
    pairs = [(list(names).index(a), VOC_CLASSES.index(b)) for a, b in called.items()]
    return PhotographNetwork(network, pairs)
