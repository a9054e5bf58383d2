# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Conversion of mapped tensors: the advice to the system must not cost a value."""

import torch
from safetensors.torch import load_file, save_file

from semsplat_ros.families.mapped_memory import in_dtype


def test_same_dtype_is_the_same_tensor():
    tensor = torch.ones(3)
    assert in_dtype(tensor, torch.float32) is tensor


def test_values_stay_in_the_file_and_in_memory(tmp_path):
    torch.manual_seed(0)
    values = {"a": torch.randn(700, 1000), "b": torch.randn(700, 1000)}
    save_file(values, tmp_path / "w.safetensors")
    mapped = load_file(tmp_path / "w.safetensors")
    for tensors in (mapped, values):  # from a file; from plain memory
        for name, tensor in tensors.items():
            before = tensor.clone()
            assert torch.equal(in_dtype(tensor, torch.bfloat16), before.bfloat16())
            assert torch.equal(tensor, before), name
            assert torch.equal(tensors["b"], values["b"])


def test_one_stored_value_for_many():
    spread = torch.full((), 0.5).expand(1000, 1000)
    assert torch.equal(in_dtype(spread, torch.bfloat16), spread.bfloat16())
    assert spread.mean() == 0.5
