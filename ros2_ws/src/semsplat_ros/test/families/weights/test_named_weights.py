# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weights made from names."""

import numpy as np
import pytest
import torch
from torch import nn

from semsplat_ros.families.weights.named_weights import (
    DUST3R_RULE,
    SPLAT_RULE,
    rule_array,
    rule_state,
)


def test_deviation_by_kind():
    matrix = rule_array("a.weight", (400, 25, 2), 0, SPLAT_RULE)
    assert matrix.std() == pytest.approx(50**-0.5, rel=0.05)
    gain = rule_array("norm.weight", (20_000,), 0, SPLAT_RULE)
    assert (gain.mean(), gain.std()) == (pytest.approx(1, abs=0.01), pytest.approx(0.1, rel=0.05))
    bias = rule_array("norm.bias", (20_000,), 0, SPLAT_RULE)
    assert (bias.mean(), bias.std()) == (pytest.approx(0, abs=1e-3), pytest.approx(0.02, rel=0.05))


def test_depends_on_name_and_seed_and_nothing_else():
    first = rule_array("a", (3, 4), 0, SPLAT_RULE)
    assert np.array_equal(first, rule_array("a", (3, 4), 0, SPLAT_RULE))
    assert not np.array_equal(first, rule_array("b", (3, 4), 0, SPLAT_RULE))
    assert not np.array_equal(first, rule_array("a", (3, 4), 1, SPLAT_RULE))


@pytest.mark.parametrize("rule", [SPLAT_RULE, DUST3R_RULE])
def test_both_names_of_an_alias_get_the_same_tensor(rule):
    names = ("x.scratch.layer_rn.2.weight", "x.scratch.layer3_rn.weight")
    state = rule_state(dict.fromkeys(names, torch.zeros(4, 3, 3, 3)), 0, rule)
    assert state[names[0]] is state[names[1]]


def test_the_rules_hash_different_names_of_an_alias():
    name = "scratch.layer_rn.0.weight"
    a, b = (rule_array(name, (4, 3), 0, rule) for rule in (SPLAT_RULE, DUST3R_RULE))
    assert not np.array_equal(a, b)


def test_heads_are_damped_by_one_rule_only():
    name = "downstream_head1.dpt.head.4.weight"
    plain = rule_array(name, (4, 6, 1, 1), 0, SPLAT_RULE)
    np.testing.assert_allclose(
        rule_array(name, (4, 6, 1, 1), 0, DUST3R_RULE), plain * 0.1, rtol=1e-6
    )


def test_prefix_is_hashed_and_not_returned():
    tensors = {"a": torch.zeros(3, 3)}
    state = rule_state(tensors, 0, SPLAT_RULE, "encoder.")
    assert np.array_equal(state["a"].numpy(), rule_array("encoder.a", (3, 3), 0, SPLAT_RULE))


def test_statistics_and_dtypes_stay_as_constructed():
    with torch.device("meta"):
        norm = nn.BatchNorm1d(3)
    state = rule_state(norm.state_dict(), 5, DUST3R_RULE)
    assert torch.equal(state["running_mean"], torch.zeros(3))
    assert torch.equal(state["running_var"], torch.ones(3))
    assert state["num_batches_tracked"].dtype is torch.int64
    assert rule_state({"w": torch.zeros(2, 2).half()}, 0, SPLAT_RULE)["w"].dtype is torch.half


def test_other_dtypes_hold_the_rounded_values():
    like = {"w": torch.zeros(5, 4), "b": torch.zeros(4)}
    exact = rule_state(like, 3, SPLAT_RULE)
    rounded = rule_state({"w": like["w"].bfloat16(), "b": like["b"]}, 3, SPLAT_RULE)
    assert torch.equal(rounded["w"], exact["w"].bfloat16())
    assert torch.equal(rounded["b"], exact["b"])
