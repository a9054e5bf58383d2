# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The loss falls to its floor for a perfect prediction and its shortcuts equal the long way."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from semsplat_ros.networks.compact import CompactConfig, CompactNetwork
from semsplat_ros.training.losses import CompactLoss, bank_cosine
from semsplat_ros.training.shards import PairShards
from semsplat_ros.training.targets import by_view, inputs
from test.support.pairs import write_shard

SMALL = CompactConfig(
    widths=(8, 16, 16, 32), layers=2, semantic_width=12, match_width=16, text_dimension=20
)
CLASSES = 6


@pytest.fixture
def loss() -> CompactLoss:
    bank = functional.normalize(torch.randn(CLASSES, 20, generator=torch.manual_seed(0)), dim=1)
    things = torch.tensor([False] * 3 + [True] * 3)
    return CompactLoss(bank, torch.ones(CLASSES), things)


def test_cosine_by_gram_matrix_is_the_cosine() -> None:
    torch.manual_seed(0)
    network = CompactNetwork(SMALL)
    features, bank = torch.randn(7, 12), functional.normalize(torch.randn(CLASSES, 20), dim=1)
    direct = functional.normalize(network.text_projection(features), dim=1) @ bank.T
    torch.testing.assert_close(bank_cosine(network, features, bank), direct, atol=1e-5, rtol=0)


def test_all_terms_reach_the_weights_and_depth_can_be_perfect(
    tmp_path: Path, loss: CompactLoss
) -> None:
    write_shard(tmp_path)
    batch = PairShards(tmp_path).batch(np.arange(4))
    torch.manual_seed(0)
    network = CompactNetwork(SMALL)
    known = torch.ones(4, dtype=torch.bool)
    prediction = network(inputs(batch, known, known))
    terms = loss(network, prediction, batch)
    loss.total(terms).backward()
    silent = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    # Biases before a norm or behind a zero-started layer may get no gradient; whole layers may
    # not.
    assert not [n for n in silent if n.endswith("weight") and p_is_matrix(network, n)], silent
    perfect = replace(prediction, log_depth=by_view(batch.depth).log())
    assert loss(network, perfect, batch)["depth"].item() == pytest.approx(0.0, abs=1e-6)
    worse = replace(prediction, log_depth=perfect.log_depth + 0.3)
    assert loss(network, worse, batch)["depth"].item() == pytest.approx(0.3, abs=1e-5)
    assert loss(network, worse, batch)["depth_gradient"].item() == pytest.approx(0.0, abs=1e-5)


def p_is_matrix(network: torch.nn.Module, name: str) -> bool:
    return network.get_parameter(name).dim() > 1 and not name.startswith("focal_head")


def test_unknown_intrinsics_hide_baseline_and_cue(tmp_path: Path) -> None:
    write_shard(tmp_path)
    batch = PairShards(tmp_path).batch(np.arange(2))
    yes, no = torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=torch.bool)
    told, kept = inputs(batch, yes, yes), inputs(batch, yes, no)
    assert told[0, 8].min() == 1.0
    assert told[0, 10].min() == 1.0
    assert kept[:, 5:].abs().sum() == kept[:, 6].sum()
    assert told[1, 8].max() == 0.0, "a free pair has no baseline to tell"
