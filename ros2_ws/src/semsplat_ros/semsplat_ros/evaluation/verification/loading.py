# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Networks at official size with weights made by the rule, sent through the loader of official
files.
"""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.families.weights.checkpoints import load_into, load_new, read_checkpoint
from semsplat_ros.families.weights.named_weights import WeightRule, rule_state
from semsplat_ros.families.weights.tensor_lists import tensor_list

Module = TypeVar("Module", bound=nn.Module)


def load_by_rule(
    build: Callable[[], Module],
    system: str | None,
    seed: int,
    rule: WeightRule,
    prefix: str = "",
) -> Module:
    """Make the weights of a module and load them as a user's file would be.

    The weights are written to a temporary PyTorch file under the names and in the wrapping of the
    official file, which is then identified, compared with the official list, mapped and assigned.

    Args:
        build: makes the module.
        system: whose official file to imitate; None for a part that has no file of its own, which
            is assigned from memory under the same strict comparison.
        seed: the weights seed.
        rule: how names become numbers.
        prefix: put before every name for hashing.

    Raises:
        SemsplatError: BAD_FILE if the module's names or shapes are not those of the official list;
            IO_ERROR if there is no room for the temporary file.
    """
    with torch.device("meta"):
        module = build()
    state = rule_state(module.state_dict(), seed, rule, prefix)
    if system is None:
        return load_into(module, state).eval()
    file_prefix = tensor_list(system).prefix
    with tempfile.TemporaryDirectory(prefix="semsplat-verify-") as folder:
        path = Path(folder) / f"{system}.ckpt"
        _write({file_prefix + name: t for name, t in state.items()}, path)
        del state
        checkpoint = read_checkpoint(path)
        if checkpoint.system != system or not checkpoint.complete:
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"the weights made for {system} were taken for {checkpoint.system}: "
                f"{'; '.join(checkpoint.differences[:6]) or 'no difference'}",
            )
        # The file stays readable through its mapping after it is deleted.
        return load_new(build, checkpoint.tensors).eval()


def _write(state: dict[str, Tensor], path: Path) -> None:
    try:
        torch.save({"state_dict": state}, path)
    except (OSError, RuntimeError) as error:
        size = sum(tensor.nbytes for tensor in state.values()) / 1e9
        raise SemsplatError(
            ErrorCode.IO_ERROR,
            f"{size:.1f} GB of weights cannot be written to {path.parent.parent}: set TMPDIR to a "
            "folder with more room",
        ) from error
