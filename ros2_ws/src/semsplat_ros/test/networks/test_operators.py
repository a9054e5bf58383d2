# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""When the fast operators may compute."""

import threading

import pytest
import torch

from semsplat_ros.networks.operators import pytorch_operators, suits_fast_operators


def suits() -> bool:
    with torch.inference_mode():
        return suits_fast_operators(torch.ones(2), torch.ones(2))


def test_one_can_ask_for_pytorchs_alone() -> None:
    assert suits()
    with pytest.raises(ZeroDivisionError), pytorch_operators():
        assert not suits()
        raise ZeroDivisionError
    assert suits()


def test_other_threads_go_on_as_they_were() -> None:
    found = []
    with pytorch_operators():
        thread = threading.Thread(target=lambda: found.append(suits()))
        thread.start()
        thread.join()
    assert found == [True]


def test_training_and_other_formats_are_pytorchs() -> None:
    x, half = torch.ones(2), torch.ones(2, dtype=torch.bfloat16)
    assert not suits_fast_operators(x, x)
    with torch.inference_mode():
        assert not suits_fast_operators(half, half)
        assert not suits_fast_operators(x, half)
        assert not suits_fast_operators(x.to("meta"), x.to("meta"))
        with torch.autocast("cpu", torch.bfloat16):
            assert not suits_fast_operators(x, x)
