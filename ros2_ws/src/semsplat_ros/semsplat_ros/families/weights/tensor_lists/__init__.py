# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Names and shapes of the tensors in the official checkpoint files, as data.

Each ``*.json`` here holds: ``about``; ``prefix`` (what stands before every name in the file);
``include`` (other lists, each with a prefix of its own); ``aliases`` (second name -> first name of
one tensor; both stand in the file); ``dtypes`` (those that are not float32) and ``shapes``.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import NamedTuple

import torch


class TensorSpec(NamedTuple):
    """What a file must hold under one name."""

    shape: tuple[int, ...]
    dtype: torch.dtype = torch.float32


@dataclass(frozen=True)
class TensorList:
    """All tensors of one official file that the model needs."""

    name: str
    about: str
    prefix: str
    """Stands before every name in the file, not in `tensors`."""
    tensors: Mapping[str, TensorSpec]
    """By name without the prefix, aliases included."""
    aliases: Mapping[str, str]
    """Second name -> first name of the same tensor."""


def tensor_list_names() -> list[str]:
    """Which lists there are."""
    files = resources.files(__name__).iterdir()
    return sorted(f.name.removesuffix(".json") for f in files if f.name.endswith(".json"))


@cache
def tensor_list(name: str) -> TensorList:
    """One list.

    Raises:
        KeyError: there is no list of that name.
    """
    if name not in tensor_list_names():
        raise KeyError(f"no tensor list {name!r}; there are {', '.join(tensor_list_names())}")
    data = json.loads(resources.files(__name__).joinpath(f"{name}.json").read_text())
    tensors: dict[str, TensorSpec] = {}
    aliases: dict[str, str] = {}
    for other, prefix in data["include"].items():
        included = tensor_list(other)
        tensors |= {prefix + key: spec for key, spec in included.tensors.items()}
        aliases |= {prefix + key: prefix + first for key, first in included.aliases.items()}
    tensors |= {key: TensorSpec(tuple(shape)) for key, shape in data["shapes"].items()}
    for key, dtype in data["dtypes"].items():
        tensors[key] = tensors[key]._replace(dtype=getattr(torch, dtype))
    return TensorList(name, data["about"], data["prefix"], tensors, aliases | data["aliases"])
