# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semantics in a small basis of the text space mean what they mean in the whole of it."""

import torch
from torch.nn import functional as F

from semsplat_ros.families.fields.coarse_field import CoarseField

TEXT, SIZE = 20, (8, 12)


def unit(*shape: int) -> torch.Tensor:
    return F.normalize(torch.randn(*shape), dim=1)


def field(semantics: torch.Tensor, basis: torch.Tensor, instances: torch.Tensor) -> CoarseField:
    count = SIZE[0] * SIZE[1]
    return CoarseField(
        semantics=semantics,
        basis=basis,
        instances=instances,
        image_size=SIZE,
        view=torch.arange(2).repeat_interleave(count),
        pixel=torch.arange(count).repeat(2),
    )


def test_a_smaller_basis_changes_nothing() -> None:
    torch.manual_seed(0)
    instances, inside = unit(2, 3, 4, 6), unit(2, 5, 4, 6)
    basis, _ = torch.linalg.qr(torch.randn(TEXT, 5))
    whole = field(torch.einsum("vkhw,dk->vdhw", inside, basis), torch.eye(TEXT), instances)
    small = field(inside, basis, instances)
    text = unit(4, TEXT)
    torch.testing.assert_close(small.similarity(text), whole.similarity(text))
    torch.testing.assert_close(small.features(), whole.features())
    assert small.dimension == TEXT
    torch.testing.assert_close(small.features().norm(dim=1), torch.ones(2 * 8 * 12))


def test_neighbours_share_within_an_instance_and_not_across_its_edge() -> None:
    torch.manual_seed(0)
    semantics = torch.zeros(2, 2, 4, 6)
    semantics[:, 0, :, :3] = semantics[:, 1, :, 3:] = 1.0
    semantics[:, :, 1, 1] = torch.tensor([0.0, 1.0])  # one cell of the left half is wrong
    instances = torch.zeros(2, 2, 4, 6)
    instances[:, 0, :, :3] = instances[:, 1, :, 3:] = 1.0
    score = field(semantics, torch.eye(2), instances).similarity(torch.eye(2))[:, 0]
    image = score.unflatten(0, (2, *SIZE))[0]
    assert image[2:4, 2:4].mean() > 0.8, "its neighbours correct the wrong cell"
    assert image[:, 8:].max() < 1e-4, "nothing crosses the edge of the instance"
    assert image[4:, :4].min() > 0.8


def test_gaussians_may_be_some_of_the_pixels_in_any_order() -> None:
    torch.manual_seed(0)
    every = field(unit(2, 5, 4, 6), torch.eye(TEXT)[:, :5], unit(2, 3, 4, 6))
    chosen = torch.tensor([190, 3, 96, 95])
    some = CoarseField(
        every.semantics,
        every.basis,
        every.instances,
        SIZE,
        view=every.view[chosen],
        pixel=every.pixel[chosen],
    )
    text = unit(3, TEXT)
    torch.testing.assert_close(some.similarity(text), every.similarity(text)[chosen])
