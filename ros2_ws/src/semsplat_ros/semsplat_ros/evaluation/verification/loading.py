# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Networks at official size with weights made by the rule, sent through the loader of official
files."""

from collections.abc import Callable

import torch
from torch import nn

from semsplat_ros.families.rule_weights import WeightRule, rule_state


def load_by_rule(
    build: Callable[[], nn.Module],
    system: str,
    seed: int,
    rule: WeightRule,
    prefix: str = "",
) -> nn.Module:
    """Build a module without memory, make its weights, load them strictly, without a second
    copy."""
    with torch.device("meta"):
        module = build()
    state = rule_state(module.state_dict(), seed, rule, prefix)
    module.load_state_dict(state, strict=True, assign=True)
    return module.eval()
