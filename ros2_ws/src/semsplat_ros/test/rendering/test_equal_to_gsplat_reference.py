# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The PyTorch rasteriser against the PyTorch reference that gsplat tests its CUDA kernels with.

gsplat's own code projects, colours, sorts into tiles and blends. Two things of it run on a GPU
alone and are written here after their CUDA source: which Gaussians a pixel draws
(RasterizeToIndices3DGS.cu), and the running product, which is nerfacc's.
"""

import sys
from dataclasses import fields, replace
from types import ModuleType, SimpleNamespace

import pytest
import torch
from torch import Tensor

from semsplat_ros.geometry.spherical_harmonics import sh_colours
from semsplat_ros.rendering.projection import FIELD_MARGIN, project_gaussians
from semsplat_ros.rendering.rasterize import rasterize
from semsplat_ros.scene import Gaussians
from test.support.gsplat_cases import (
    CAMERAS,
    CASES,
    CHANNELS,
    HEIGHT,
    TILE,
    WIDTH,
    Case,
    lenses,
    scene,
    torch_reference,
)  # fmt: skip


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture
def gsplat(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    product = SimpleNamespace(
        render_weight_from_alpha=weights_along_rays, accumulate_along_rays=sums_along_rays
    )
    monkeypatch.setitem(sys.modules, "nerfacc", product)
    return torch_reference()


def weights_along_rays(alphas: Tensor, ray_indices: Tensor, n_rays: int) -> tuple[Tensor, Tensor]:
    """Alpha times what the fragments before it let through; rays come one after the other."""
    counts = torch.bincount(ray_indices, minlength=n_rays)
    slot = torch.arange(len(alphas)) - (counts.cumsum(0) - counts)[ray_indices]
    through = alphas.new_ones(n_rays, int(counts.max()) + 1)
    through = through.index_put((ray_indices, slot + 1), 1 - alphas).cumprod(1)
    transmittance = through[ray_indices, slot]
    return alphas * transmittance, transmittance


def sums_along_rays(
    weights: Tensor, values: Tensor | None, ray_indices: Tensor, n_rays: int
) -> Tensor:
    values = weights[:, None] if values is None else weights[:, None] * values
    return values.new_zeros(n_rays, values.shape[1]).index_add(0, ray_indices, values)


def projected(gsplat: ModuleType, case: Case, gaussians: Gaussians) -> tuple[Tensor, ...]:
    """gsplat's radii, centres, depths and conics: cameras by Gaussians."""
    covariances, _ = gsplat._quat_scale_to_covar_preci(
        gaussians.quats_wxyz, gaussians.scales, compute_preci=False
    )
    poses, intrinsics = lenses(case)
    return gsplat._fully_fused_projection(
        gaussians.means, covariances, poses, intrinsics, WIDTH, HEIGHT, near_plane=case.near
    )[:4]


def directions(gaussians: Gaussians, poses: Tensor) -> Tensor:
    return gaussians.means - torch.linalg.inv(poses)[:, None, :3, 3]


@torch.no_grad()
def drawn(
    gsplat: ModuleType, radii: Tensor, centers: Tensor, depths: Tensor, conics: Tensor, o: Tensor
) -> tuple[Tensor, Tensor, Tensor, int]:
    """What RasterizeToIndices3DGS.cu gives: Gaussian, pixel and camera of all fragments.

    Last, how many pixels were full before their last Gaussian.
    """
    columns, rows = -(-WIDTH // TILE), -(-HEIGHT // TILE)
    _, crossings, flat = gsplat._isect_tiles(centers, radii, depths, TILE, columns, rows)
    offsets = gsplat._isect_offset_encode(crossings, len(CAMERAS), columns, rows)
    ends = [*offsets.flatten()[1:].tolist(), len(flat)]
    found, full = [], 0
    for tile, (start, end) in enumerate(zip(offsets.flatten().tolist(), ends, strict=True)):
        camera, row, column = tile // (rows * columns), tile // columns % rows, tile % columns
        pixel = torch.arange(HEIGHT * WIDTH).view(HEIGHT, WIDTH)
        pixel = pixel[row * TILE : (row + 1) * TILE, column * TILE : (column + 1) * TILE].flatten()
        at = torch.stack([pixel % WIDTH, pixel // WIDTH], 1) + 0.5
        through, done = torch.ones(len(pixel)).to(o), torch.zeros(len(pixel)).bool()
        for gaussian in (flat[start:end] % len(o)).tolist():
            dx, dy = (centers[camera, gaussian] - at).unbind(1)
            a, b, c = conics[camera, gaussian]
            sigma = 0.5 * (a * dx * dx + c * dy * dy) + b * dx * dy
            alpha = (o[gaussian] * (-sigma).exp()).clamp_max(0.999)
            hit = (sigma >= 0) & (alpha >= 1 / 255) & ~done
            done |= hit & (through * (1 - alpha) <= 1e-4)
            hit &= ~done
            through = torch.where(hit, through * (1 - alpha), through)
            place = camera * HEIGHT * WIDTH + pixel[hit]
            found.append(torch.stack([place, torch.full_like(place, gaussian)]))
        full += int(done.sum())
    places, order = torch.cat(found, 1)[0].sort(stable=True)
    ids = torch.cat(found, 1)[1, order]
    return ids, places % (HEIGHT * WIDTH), places // (HEIGHT * WIDTH), full


def reference(
    gsplat: ModuleType, case: Case, gaussians: Gaussians, features: Tensor
) -> tuple[dict[str, Tensor], int]:
    """What gsplat makes of all cameras, and how many pixels are full."""
    radii, centers, depths, conics = projected(gsplat, case, gaussians)
    poses, _ = lenses(case)
    seen_from = directions(gaussians, poses)
    sh = gaussians.sh.expand(len(CAMERAS), *gaussians.sh.shape)
    colour = (gsplat._spherical_harmonics(case.degree, seen_from, sh) + 0.5).clamp_min(0)
    values = torch.cat([colour, features.expand(len(CAMERAS), -1, -1), depths[..., None]], -1)
    *pairs, full = drawn(gsplat, radii, centers, depths, conics, gaussians.opacities)
    opacities = gaussians.opacities.expand(len(CAMERAS), -1)
    blended, alpha = gsplat.accumulate(centers, conics, opacities, values, *pairs, WIDTH, HEIGHT)
    colour, features, depth = blended.split([3, CHANNELS, 1], -1)
    images = {
        "colour": colour,
        "features": features,
        "depth": depth[..., 0],
        "alpha": alpha[..., 0],
    }
    return images, full


def ours(case: Case, gaussians: Gaussians, features: Tensor) -> dict[str, Tensor]:
    poses, intrinsics = lenses(case, gaussians.means.dtype)
    views = [
        rasterize(gaussians, pose, k, HEIGHT, WIDTH, features, case.near)
        for pose, k in zip(poses, intrinsics, strict=True)
    ]
    return {f.name: torch.stack([getattr(v, f.name) for v in views]) for f in fields(views[0])}


def gradients(
    images: dict[str, Tensor], gaussians: Gaussians, features: Tensor
) -> dict[str, Tensor]:
    """Of a sum that weights every value of every image differently."""
    generator = torch.Generator().manual_seed(3)
    total = sum(
        (
            torch.randn(image.shape, generator=generator, dtype=torch.float64).to(image) * image
        ).sum()
        for image in images.values()
    )
    names = ["means", "scales", "quats_wxyz", "opacities", "sh"]
    leaves = [*(getattr(gaussians, name) for name in names), features]
    return dict(zip([*names, "features"], torch.autograd.grad(total, leaves), strict=True))


def test_projection(gsplat: ModuleType, case: Case) -> None:
    gaussians, _ = scene(case)
    poses, intrinsics = lenses(case)
    for camera, (radii, center, depth, conic) in enumerate(
        zip(*projected(gsplat, case, gaussians), strict=True)
    ):
        got = project_gaussians(
            gaussians.means, gaussians.quats_wxyz, gaussians.scales,
            poses[camera], intrinsics[camera], HEIGHT, WIDTH, case.near,
        )  # fmt: skip
        seen = (radii > 0).all(1)
        assert seen.sum() > 20
        assert torch.equal(got.visible, seen)
        assert torch.equal(got.radius[seen].int(), radii[seen])
        for mine, theirs in ((got.center, center), (got.depth, depth), (got.conic, conic)):
            torch.testing.assert_close(mine[seen], theirs[seen], atol=1e-9, rtol=1e-8)


@pytest.mark.parametrize("factor", [0.999, 1.001])
def test_near_plane(gsplat: ModuleType, factor: float) -> None:
    case = replace(CASES["a far near plane"], count=1)
    ahead = torch.tensor([[0, 0, factor * case.near]], dtype=torch.float64)
    gaussians = replace(scene(case)[0], means=ahead)
    poses, intrinsics = lenses(case)
    got = project_gaussians(
        gaussians.means, gaussians.quats_wxyz, gaussians.scales,
        poses[0], intrinsics[0], HEIGHT, WIDTH, case.near,
    )  # fmt: skip
    assert got.visible.item() == (factor > 1)
    assert (projected(gsplat, case, gaussians)[0][0] > 0).all().item() == (factor > 1)


@pytest.mark.parametrize("degree", [0, 1, 2, 3, 4])
def test_colours(gsplat: ModuleType, degree: int) -> None:
    case = replace(CASES["ordinary"], degree=degree)
    gaussians, _ = scene(case)
    for seen_from in directions(gaussians, lenses(case)[0]):
        # gsplat would read degree 4 too; 3DGS's rasteriser, and ours, do not.
        want = gsplat._spherical_harmonics(min(degree, 3), seen_from, gaussians.sh) + 0.5
        got = sh_colours(gaussians.sh, seen_from)
        torch.testing.assert_close(got, want.clamp_min(0), atol=1e-9, rtol=0)


def test_images_and_gradients(gsplat: ModuleType, case: Case) -> None:
    gaussians, features = scene(case)
    want, full = reference(gsplat, case, gaussians, features)
    got = ours(case, gaussians, features)
    assert want["alpha"].amax((1, 2)).gt(0.4).all()
    if case == CASES["opaque"]:
        assert full > 500
    for name, image in want.items():
        torch.testing.assert_close(got[name], image, atol=1e-9, rtol=1e-8, msg=name)
    wanted = gradients(want, gaussians, features)
    for name, gradient in gradients(got, gaussians, features).items():
        assert wanted[name].norm() > 0
        torch.testing.assert_close(gradient, wanted[name], atol=1e-7, rtol=1e-6, msg=name)


def test_single_precision(gsplat: ModuleType, case: Case) -> None:
    """As the node computes: rounding tips a fragment over a threshold now and then."""
    gaussians, features = scene(case)
    want, _ = reference(gsplat, case, gaussians, features)
    single = scene(case, torch.float32)
    for name, image in ours(case, *single).items():
        off = (image - want[name]).abs()
        assert (off > 5e-4).float().mean() < 0.002, name


def test_the_wide_case_reaches_the_limits_on_every_side() -> None:
    case = CASES["wide and beyond the border"]
    gaussians, _ = scene(case)
    poses, intrinsics = lenses(case)
    ellipses = project_gaussians(
        gaussians.means, gaussians.quats_wxyz, gaussians.scales,
        poses[0], intrinsics[0], HEIGHT, WIDTH, case.near,
    )  # fmt: skip
    sides = torch.tensor([WIDTH, HEIGHT])
    seen = ellipses.center[ellipses.visible]
    assert (seen < -FIELD_MARGIN * sides).sum(0).gt(5).all()
    assert (seen > (1 + FIELD_MARGIN) * sides).sum(0).gt(5).all()
