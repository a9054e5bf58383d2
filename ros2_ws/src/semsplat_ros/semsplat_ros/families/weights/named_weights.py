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
    name: str,
    shape: tuple[int, ...],
    seed: int,
    rule: WeightRule,
    out: Float[np.ndarray, "..."] | None = None,
) -> Float[np.ndarray, "..."]:
    """Values of one tensor with one or more dimensions, float32; into `out` if that is given."""
    values = rule_generator(rule.seed_name(name), seed).standard_normal(shape, np.float32, out)
    if len(shape) >= 2:
        fan_in = math.prod(shape) // shape[0]
        values *= np.float32(rule.gain(name) / np.sqrt(fan_in))
    elif name.endswith("weight"):
        values *= np.float32(0.1)
        values += np.float32(1.0)
    else:
        values *= np.float32(0.02)
    return values


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
        New tensors under the same names (without the prefix), in the dtypes of `tensors`.
        Statistics of batch norm and scalars get their values at construction. Two names of one
        tensor share memory.
    """
    keys = {name: rule.seed_name(prefix + name) for name in tensors}
    drawn = {keys[n]: t for n, t in tensors.items() if _is_drawn(n, t)}
    made: dict[str, Tensor] = {}
    for dtype in {t.dtype for t in drawn.values()}:
        made |= _drawn({k: t for k, t in drawn.items() if t.dtype == dtype}, dtype, seed, rule)
    return {
        name: made[keys[name]] if keys[name] in made else _kept(name, tensor)
        for name, tensor in tensors.items()
    }


def _drawn(
    like: Mapping[str, Tensor], dtype: torch.dtype, seed: int, rule: WeightRule
) -> dict[str, Tensor]:
    """Values by the name that is hashed, without a second copy of all of them in float32."""
    sizes = [t.numel() for t in like.values()]
    # One block: gigabytes in many pieces would stay in the process's heap after they are freed.
    parts = torch.empty(sum(sizes), dtype=dtype).split(sizes)
    made = {key: part.view(t.shape) for part, (key, t) in zip(parts, like.items(), strict=True)}
    scratch = torch.empty(0 if dtype == torch.float32 else max(sizes))
    for key, values in made.items():
        shape = tuple(values.shape)
        if dtype == torch.float32:
            rule_array(key, shape, seed, rule, values.numpy())
        else:
            exact = scratch[: values.numel()].view(shape)
            rule_array(key, shape, seed, rule, exact.numpy())
            values.copy_(exact)
    return made


def _is_drawn(name: str, tensor: Tensor) -> bool:
    known = tensor.ndim > 0 and tensor.dtype.is_floating_point
    return known and name.rsplit(".", 1)[-1] not in _STATISTICS


def _kept(name: str, tensor: Tensor) -> Tensor:
    """Statistics and scalars as they are constructed."""
    last = name.rsplit(".", 1)[-1]
    value = (_STATISTICS | _SCALARS)[last]
    return torch.full(tensor.shape, value, dtype=tensor.dtype)
