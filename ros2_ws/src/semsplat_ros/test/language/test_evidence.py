# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Two networks' words about the same Gaussians."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.language.evidence import KEPT, TRUST, with_evidence
from semsplat_ros.scene import ClassEvidence

share = st.floats(0.0, 1.0)


def fused(own: list[float], seen: float, any_object: float) -> torch.Tensor:
    evidence = ClassEvidence((1,), torch.tensor([[seen]]), torch.tensor([any_object]))
    return with_evidence(torch.tensor([own]), evidence)[0]


def test_what_the_second_network_is_sure_of_is_found_though_the_first_one_is_not() -> None:
    assert fused([1.0, 0.0], seen=1.0, any_object=1.0).tolist() == [0.0, torch.tensor(TRUST)]


def test_without_the_second_network_a_class_it_knows_keeps_a_part() -> None:
    out = fused([0.0, 1.0], seen=0.0, any_object=0.0)
    torch.testing.assert_close(out, torch.tensor([0.0, KEPT / (1.0 + KEPT)]))


def test_an_object_of_another_kind_is_none_of_the_other_classes() -> None:
    torch.testing.assert_close(fused([1.0, 0.0], 0.0, 0.75), torch.tensor([0.25, 0.0]))


@given(own=share, seen=share, any_object=share)
def test_the_rest_is_something_else(own: float, seen: float, any_object: float) -> None:
    out = fused([1.0 - own, own], seen, max(seen, any_object))
    assert out.min() >= 0.0
    assert out.sum() <= 1.0 + 1e-5
