# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import torch
from hypothesis import given
from hypothesis import strategies as st

from semsplat_ros.geometry.cameras import project, transform_points
from semsplat_ros.geometry.rays import pixel_rays, unproject

INTRINSICS = torch.tensor([[300.0, 0.0, 41.0], [0.0, 310.0, 29.5], [0.0, 0.0, 1.0]])


@given(st.integers(0, 2**32 - 1))
def test_project_undoes_unproject(seed: int) -> None:
    depth = torch.rand(1, 6, 8, generator=torch.Generator().manual_seed(seed)) * 5 + 0.2
    points = unproject(depth, pixel_rays(INTRINSICS[None], 6, 8))[0].permute(1, 2, 0)
    spot, found = project(points, INTRINSICS)
    torch.testing.assert_close(found, depth[0])
    columns = (torch.arange(8) + 0.5).expand(6, 8)
    rows = (torch.arange(6) + 0.5)[:, None].expand(6, 8)
    torch.testing.assert_close(spot, torch.stack([columns, rows], -1), atol=1e-3, rtol=0)


def test_points_behind_the_camera_have_no_pixel() -> None:
    spot, depth = project(
        torch.tensor([[0.0, 0.0, -1.0], [0.1, 0.0, 0.0], [0.0, 0.0, 2.0]]), INTRINSICS
    )
    assert torch.isnan(spot[:2]).all()
    torch.testing.assert_close(spot[2], torch.tensor([41.0, 29.5]))
    torch.testing.assert_close(depth, torch.tensor([-1.0, 0.0, 2.0]))


def test_transform_turns_before_it_shifts() -> None:
    quarter_turn = torch.tensor(
        [[0.0, -1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 2.0], [0.0, 0.0, 1.0, 3.0], [0.0, 0.0, 0.0, 1.0]]
    )
    found = transform_points(quarter_turn, torch.tensor([[1.0, 0.0, 0.0]]))
    torch.testing.assert_close(found, torch.tensor([[1.0, 3.0, 3.0]]))
