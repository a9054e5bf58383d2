# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The text tower of any CLIP model that the library open_clip knows, with the user's weights
file."""

import importlib.util
from pathlib import Path
from types import ModuleType

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from semsplat_ros.errors import ErrorCode, SemsplatError


class OpenClip:
    """A :class:`semsplat_ros.families.base.TextEncoder`; runs on the CPU, safe to call from any
    thread.

    Args:
        model: a name out of ``open_clip.list_models()``, for example ``ViT-B-16``.
        file: its weights, safetensors or a PyTorch file that holds nothing but tensors.

    Raises:
        SemsplatError: NO_LANGUAGE_MODEL if open_clip is not installed or does not know the model,
            BAD_FILE if the file is missing or does not fit the model.
    """

    def __init__(self, model: str, file: str | Path) -> None:
        library = _open_clip()
        if model not in library.list_models():
            raise SemsplatError(
                ErrorCode.NO_LANGUAGE_MODEL,
                f"open_clip knows no model {model!r}; list them with: "
                'python3 -c "import open_clip; print(open_clip.list_models())"',
            )
        if not Path(file).is_file():
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"there is no weights file {str(file)!r} for the open_clip model {model}",
            )
        try:
            self._model = library.create_model(
                model, pretrained=str(file), device="cpu", weights_only=True
            ).eval()
        except Exception as error:  # open_clip raises many kinds, all of them mean the file
            raise SemsplatError(
                ErrorCode.BAD_FILE, f"{file} does not fit the open_clip model {model}: {error}"
            ) from error
        self._tokenizer = library.get_tokenizer(model)
        self._dimension = self.encode(["a"]).shape[1]

    @property
    def dimension(self) -> int:
        """Length of an embedding."""
        return self._dimension

    @torch.inference_mode()
    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings of the texts as they are (no prompt template), float32."""
        if not texts:
            return torch.zeros(0, self._dimension)
        features = self._model.encode_text(self._tokenizer(texts)).float()
        return functional.normalize(features, dim=-1).clone()


def _open_clip() -> ModuleType:
    """The library, imported; works beside a PyTorch for which torchvision has no matching
    build."""
    if importlib.util.find_spec("open_clip") is None:
        raise SemsplatError(
            ErrorCode.NO_LANGUAGE_MODEL,
            "the library open_clip is not installed; run: "
            "pip install --no-deps open_clip_torch==3.3.0 torchvision timm ftfy (without "
            "--no-deps pip may replace PyTorch)",
        )
    try:
        import open_clip
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        open_clip = _import_beside_foreign_torchvision()
    return open_clip


def _import_beside_foreign_torchvision() -> ModuleType:
    """Import open_clip where torchvision's compiled operators were built for another PyTorch.

    torchvision then fails while it describes its operators to PyTorch. None of them is used by a
    text tower, so their bare signatures are declared, which lets the Python part of torchvision
    load.
    """
    import sys

    for name in [
        n for n in sys.modules if n.split(".")[0] in ("torchvision", "open_clip", "timm")
    ]:
        del sys.modules[name]
    global _DECLARED
    _DECLARED = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        _DECLARED.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    import open_clip

    return open_clip


_DECLARED: torch.library.Library | None = None
"""Kept alive: the declarations go with the object."""
