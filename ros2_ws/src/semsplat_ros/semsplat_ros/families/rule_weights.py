# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weights made from tensor names: the same numbers on every machine, nothing trained, nothing
downloaded.

They let tests, benchmarks and ``semsplat verify`` run a network at its official size without the
official file. Every tensor is drawn from its own generator, seeded by the CRC-32 of its name:
matrices with the deviation 1 / sqrt(fan in), gains around one, biases around zero.
"""

import math
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

_STATISTICS = {"running_mean": 0.0, "running_var": 1.0, "num_batches_tracked": 0.0}
_SCALARS = {"logit_scale": math.log(1 / 0.07)}


def _same(name: str) -> str:
    return name


def _first_alias(name: str) -> str:
    """``scratch.layerN_rn`` under its other name ``scratch.layer_rn.N-1``."""
    return re.sub(
        r"scratch\.layer([1-4])_rn\.", lambda m: f"scratch.layer_rn.{int(m[1]) - 1}.", name
    )


def _second_alias(name: str) -> str:
    """``scratch.layer_rn.N`` under its other name ``scratch.layerN+1_rn``."""
    return re.sub(
        r"scratch\.layer_rn\.([0-3])\.", lambda m: f"scratch.layer{int(m[1]) + 1}_rn.", name
    )


def _unit_gain(_name: str) -> float:
    return 1.0


def _damped_heads(name: str) -> float:
    """Keeps exponential maps in a range where a comparison means something."""
    return 0.1 if name.endswith(("dpt.head.4.weight", "gaussian_proj.weight")) else 1.0


@dataclass(frozen=True)
class WeightRule:
    """How names become numbers."""

    seed_name: Callable[[str], str] = _same
    """Which of a tensor's names is hashed."""
    gain: Callable[[str], float] = _unit_gain
    """Extra factor of matrices."""


SPLAT_RULE = WeightRule(seed_name=_first_alias)
"""Of the SpatialSplat, NoPoSplat and CLIP golden files."""
DUST3R_RULE = WeightRule(seed_name=_second_alias, gain=_damped_heads)
"""Of the DUSt3R, Splatt3R, LSM and Point Transformer golden files."""


def rule_generator(name: str, seed: int) -> np.random.Generator:
    """The generator that belongs to a name."""
    return np.random.default_rng((zlib.crc32(name.encode()) ^ seed) & 0xFFFFFFFF)


def rule_array(
    name: str, shape: tuple[int, ...], seed: int, rule: WeightRule
) -> Float[np.ndarray, "..."]:
    """Values of one tensor with one or more dimensions, float32."""
    values = rule_generator(rule.seed_name(name), seed).standard_normal(shape, dtype=np.float32)
    if len(shape) >= 2:
        fan_in = math.prod(shape) // shape[0]
        return values * np.float32(rule.gain(name) / np.sqrt(fan_in))
    if name.endswith("weight"):
        return np.float32(1.0) + np.float32(0.1) * values
    return np.float32(0.02) * values


def rule_state(
    tensors: Mapping[str, Tensor], seed: int, rule: WeightRule, prefix: str = ""
) -> dict[str, Tensor]:
    """Rule values for a state dict.

    Args:
        tensors: a module's ``state_dict()``; only names, shapes and dtypes are read, so the module
            may be on the meta device.
        seed: the weights seed.
        rule: which rule.
        prefix: put before every name for hashing, where the official file has it.

    Returns:
        New tensors under the same names (without the prefix). Statistics of batch norm and scalars
        get their values at construction. Two names of one tensor share memory.

    """
    made: dict[str, Tensor] = {}
    out = {}
    for name, tensor in tensors.items():
        key = rule.seed_name(prefix + name)
        if key not in made:
            made[key] = _one(prefix + name, tensor, seed, rule)
        out[name] = made[key]
    return out


def _one(name: str, tensor: Tensor, seed: int, rule: WeightRule) -> Tensor:
    last = name.rsplit(".", 1)[-1]
    if last in _STATISTICS:
        return torch.full(tensor.shape, _STATISTICS[last], dtype=tensor.dtype)
    if tensor.ndim == 0:
        return torch.full((), _SCALARS[last], dtype=tensor.dtype)
    return torch.from_numpy(rule_array(name, tuple(tensor.shape), seed, rule)).to(tensor.dtype)
