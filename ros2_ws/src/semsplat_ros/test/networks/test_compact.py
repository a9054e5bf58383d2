# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The compact network: what it must be equal to, what must not matter to it."""

import pytest
import torch

from semsplat_ros.geometry.rays import default_intrinsics, pixel_rays
from semsplat_ros.networks.compact import (
    CompactConfig,
    CompactNetwork,
    network_input,
    swap_views,
)

SMALL = CompactConfig(
    widths=(8, 16, 16, 32), layers=2, semantic_width=12, match_width=16, text_dimension=20
)


def make_input(
    pairs: int, height: int = 32, width: int = 48, baseline: float = 0.1
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2 * pairs, 3, height, width, generator=generator)
    rays = pixel_rays(default_intrinsics(height, width).expand(2 * pairs, 3, 3), height, width)
    cue = torch.rand(2 * pairs, height, width, generator=generator) * (baseline > 0)
    return network_input(images, rays, torch.ones(pairs), torch.full((pairs,), baseline), cue)


def network() -> CompactNetwork:
    torch.manual_seed(0)
    return CompactNetwork(SMALL).eval()


@pytest.mark.parametrize("size", [(32, 48), (48, 32), (16, 16)])
def test_shapes_landscape_portrait_and_least(size: tuple[int, int]) -> None:
    out = network()(make_input(2, *size))
    height, width = size
    assert out.log_depth.shape == (4, height, width)
    assert out.instance.shape == (4, 8, height // 2, width // 2)
    assert out.semantic.shape == (4, 12, height // 2, width // 2)
    assert out.matches.rays.shape == (4, 2, height // 4, width // 4)


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        network()(make_input(1, 40, 48))


def test_pairs_do_not_see_each_other() -> None:
    model, x = network(), make_input(3)
    alone = model(x[[1, 4]])
    together = model(x)
    torch.testing.assert_close(together.log_depth[[1, 4]], alone.log_depth, atol=1e-4, rtol=0)
    torch.testing.assert_close(together.semantic[[1, 4]], alone.semantic, atol=1e-4, rtol=0)


def test_views_see_each_other() -> None:
    model, x = network(), make_input(1)
    changed = x.clone()
    changed[1, :3] = changed[1, :3].flip(-1)
    assert not torch.allclose(model(x).log_depth[0], model(changed).log_depth[0], atol=1e-5)


def test_the_cue_leads_from_the_start_and_is_ignored_where_it_is_missing() -> None:
    model, x = network(), make_input(1)
    with torch.no_grad():
        model.head[-1].bias[8:12] = 20.0
    trusting = model(x)
    torch.testing.assert_close(trusting.log_depth, -x[:, 9], atol=1e-4, rtol=0)
    x[:, 9:] = 0.0
    assert not torch.allclose(model(x).log_depth, torch.zeros_like(x[:, 9]), atol=1e-2)


def test_identical_views_match_in_place() -> None:
    model, x = network(), make_input(1, baseline=0.0)
    x[1, :3] = x[0, :3]
    with torch.no_grad():
        model.matcher.log_scale.fill_(4.0)
        # The view index must not make the features of the same image differ.
        model.down_half.weight[:, 6] = 0.0
    matches = model(x).matches
    grid = x[:1, 3:5, 2::4, 2::4]
    assert (matches.rays[:1] - grid).abs().mean() < 0.25 * 4 / 32


def test_swap_is_its_own_inverse() -> None:
    values = torch.arange(12.0).view(6, 2)
    assert torch.equal(swap_views(swap_views(values)), values)
    assert torch.equal(swap_views(values)[0], values[3])


def test_bfloat16_is_close() -> None:
    model, x = network(), make_input(1)
    exact = model(x)
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(x)
    # A cell with two equal matches may choose the other one: the mean tells, not the worst pixel.
    assert (rough.log_depth - exact.log_depth).abs().mean() < 0.01
    assert rough.log_depth.dtype == torch.float32
