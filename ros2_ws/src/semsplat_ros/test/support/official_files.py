# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weight files in the layouts of the official ones, without their weights.

Tensors have official names and shapes but one stored value each (stride 0), so the files are
small.
"""

import argparse
import pathlib
import sys
import types
from collections import defaultdict
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor

from semsplat_ros.families.weights.tensor_lists import tensor_list


def state_dict(system: str) -> dict[str, Tensor]:
    """Official names with their prefix; both names of an alias hold one tensor."""
    official = tensor_list(system)
    tensors = {
        name: torch.full((), 0.5).to(spec.dtype).expand(spec.shape)
        for name, spec in official.tensors.items()
    }
    for second, first in official.aliases.items():
        tensors[second] = tensors[first]
    return {official.prefix + name: tensor for name, tensor in tensors.items()}


def training_file(state: dict[str, Tensor]) -> dict[str, Any]:
    """As DUSt3R, MASt3R and LSM save: arguments, model, bookkeeping."""
    arguments = argparse.Namespace(
        model="AsymmetricCroCo3DStereo(depth_mode=('exp', -inf, inf))",
        lr=1e-4,
        output_dir=pathlib.PurePosixPath("runs/x"),
    )
    best = np.float64(0.25)
    return {"args": arguments, "model": state, "epoch": 99, "scaler": {}, "best_so_far": best}


@contextmanager
def foreign_classes():
    """Classes under the module paths of libraries that need not be installed; gone afterwards."""
    names: dict[str, list[str]] = {
        "omegaconf": [],
        "pytorch_lightning": [],
        "pytorch_lightning.callbacks": [],
        "omegaconf.dictconfig": ["DictConfig"],
        "omegaconf.listconfig": ["ListConfig"],
        "omegaconf.base": ["ContainerMetadata", "Metadata"],
        "omegaconf.nodes": ["AnyNode"],
        "pytorch_lightning.callbacks.model_checkpoint": ["ModelCheckpoint"],
    }
    made, before = {}, {name: sys.modules.get(name) for name in names}
    for module_name, classes in names.items():
        module = types.ModuleType(module_name)
        for class_name in classes:
            made[class_name] = type(class_name, (), {"__module__": module_name})
            setattr(module, class_name, made[class_name])
        sys.modules[module_name] = module
    try:
        yield made
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def lightning_file(state: dict[str, Tensor], classes: dict[str, type]) -> dict[str, Any]:
    """As Lightning saves, its configuration an OmegaConf container with parents and metadata."""
    config, node = classes["DictConfig"](), classes["AnyNode"]()
    metadata = classes["ContainerMetadata"]()
    metadata.__dict__ |= {
        "ref_type": Any,
        "object_type": dict,
        "resolver_cache": defaultdict(dict),
    }
    node.__dict__ |= {"_val": 512, "_parent": config}
    items = classes["ListConfig"]()
    items.__dict__ |= {"_content": [node], "_metadata": metadata, "_parent": config}
    config.__dict__ |= {"_metadata": metadata, "_content": {"size": node, "list": items}}
    return {
        "epoch": 19,
        "global_step": 1200,
        "pytorch-lightning_version": "2.2.1",
        "state_dict": state,
        "hyper_parameters": {"config": config},
        "callbacks": {classes["ModelCheckpoint"]: {"best": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}}],
    }
