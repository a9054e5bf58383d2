# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The PyTorch rasteriser against brute force, pixel by pixel and Gaussian by Gaussian."""

from importlib.util import find_spec

import pytest
import torch

from semsplat_ros.geometry.rotations import matrices_from_quats
from semsplat_ros.rendering import torch_rasterizer
from semsplat_ros.rendering.rasterize import rasterize
from semsplat_ros.scene import Gaussians

HEIGHT, WIDTH = 18, 26
INTRINSICS = torch.tensor([[22.0, 0.0, 12.0], [0.0, 21.0, 9.5], [0.0, 0.0, 1.0]])


def random_gaussians(count: int, degree: int = 1, seed: int = 0) -> Gaussians:
    generator = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=generator) * (high - low) + low

    means = torch.cat([uniform(-1.5, 1.5, count, 2), uniform(-0.5, 4.0, count, 1)], 1)
    return Gaussians(
        means=means,
        scales=uniform(0.01, 0.3, count, 3),
        quats_wxyz=torch.nn.functional.normalize(uniform(-1, 1, count, 4), dim=1),
        opacities=uniform(0.05, 1.0, count),
        sh=uniform(-1, 1, count, (degree + 1) ** 2, 3),
        view=torch.zeros(count, dtype=torch.long),
        pixel=torch.arange(count),
    )


def turned() -> torch.Tensor:
    pose = torch.eye(4)
    quat = torch.nn.functional.normalize(torch.tensor([[1.0, 0.05, -0.1, 0.02]]), dim=1)
    pose[:3, :3] = matrices_from_quats(quat)[0]
    pose[:3, 3] = torch.tensor([0.1, -0.05, 0.3])
    return pose


def brute_force(gaussians: Gaussians, pose: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """Every pixel, every Gaussian, front to back, in float64; colours are given as features."""
    g = {k: getattr(gaussians, k).double() for k in ("means", "scales", "quats_wxyz", "opacities")}
    pose, k = pose.double(), INTRINSICS.double()
    camera = g["means"] @ pose[:3, :3].T + pose[:3, 3]
    image = torch.zeros(HEIGHT, WIDTH, features.shape[1] + 2, dtype=torch.float64)
    left = torch.ones(HEIGHT, WIDTH, dtype=torch.float64)
    full = torch.zeros(HEIGHT, WIDTH, dtype=torch.bool)
    row, column = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    pixels = torch.stack([column + 0.5, row + 0.5], -1).double()
    for i in camera[:, 2].argsort().tolist():
        x, y, z = camera[i].tolist()
        if z <= 0.01:
            continue
        # Up to 15 % of its side outside of the image.
        sides = torch.tensor([WIDTH, HEIGHT]).double()
        focal, middle = k[[0, 1], [0, 1]], k[:2, 2]
        low, high = (-0.15 * sides - middle) / focal, (1.15 * sides - middle) / focal
        tx, ty = torch.tensor([x / z, y / z]).double().clamp(low, high) * z
        jacobian = torch.tensor(
            [[k[0, 0] / z, 0, -k[0, 0] * tx / z**2], [0, k[1, 1] / z, -k[1, 1] * ty / z**2]]
        ).double()
        rotation = matrices_from_quats(g["quats_wxyz"][i : i + 1])[0]
        world = rotation @ torch.diag(g["scales"][i] ** 2) @ rotation.T
        turned_covariance = pose[:3, :3] @ world @ pose[:3, :3].T
        covariance = jacobian @ turned_covariance @ jacobian.T + 0.3 * torch.eye(2).double()
        center = torch.tensor([k[0, 0] * x / z + k[0, 2], k[1, 1] * y / z + k[1, 2]]).double()
        offset = pixels - center
        power = -0.5 * torch.einsum("hwi,ij,hwj->hw", offset, torch.linalg.inv(covariance), offset)
        alpha = (g["opacities"][i] * power.exp()).clamp_max(0.999)
        full |= (alpha >= 1 / 255) & (left * (1 - alpha) <= 1e-4)
        alpha = torch.where((alpha >= 1 / 255) & ~full, alpha, 0.0)
        values = torch.cat([features[i].double(), torch.tensor([z, 1.0]).double()])
        image = image + (left * alpha)[..., None] * values
        left = left * (1 - alpha)
    return image


@pytest.mark.parametrize("count", [0, 1, 40, 300])
def test_equal_to_brute_force(count: int) -> None:
    gaussians, pose = random_gaussians(count), turned()
    features = torch.rand(count, 5, generator=torch.Generator().manual_seed(1))
    got = rasterize(gaussians, pose, INTRINSICS, HEIGHT, WIDTH, features)
    want = brute_force(gaussians, pose, features).float()
    torch.testing.assert_close(got.features, want[..., :5], atol=2e-5, rtol=0)
    torch.testing.assert_close(got.alpha, want[..., 6], atol=2e-5, rtol=0)
    torch.testing.assert_close(got.depth, want[..., 5], atol=6e-5, rtol=0)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gaussians, pose = random_gaussians(200), turned()
    whole = rasterize(gaussians, pose, INTRINSICS, HEIGHT, WIDTH)
    monkeypatch.setattr(torch_rasterizer, "CHUNK_VALUES", 2500)
    parts = rasterize(gaussians, pose, INTRINSICS, HEIGHT, WIDTH)
    torch.testing.assert_close(parts.colour, whole.colour, atol=1e-5, rtol=0)
    torch.testing.assert_close(parts.alpha, whole.alpha, atol=1e-5, rtol=0)


def test_gradients_against_differences() -> None:
    gaussians = random_gaussians(12, seed=3)
    tensors = {
        name: getattr(gaussians, name).double().requires_grad_()
        for name in ("means", "scales", "opacities", "sh")
    }
    pose, intrinsics = turned().double(), INTRINSICS.double()

    def image(means, scales, opacities, sh):
        moved = Gaussians(
            means, scales, gaussians.quats_wxyz.double(), opacities, sh, gaussians.view,
            gaussians.pixel,
        )  # fmt: skip
        out = rasterize(moved, pose, intrinsics, 6, 8)
        return out.colour, out.depth, out.alpha

    assert torch.autograd.gradcheck(image, tuple(tensors.values()), eps=1e-6, atol=2e-4)


def layers(*opacities: float) -> Gaussians:
    """Walls across the whole image, a metre apart; all but the first are black."""
    count = len(opacities)
    sh = torch.full((count, 1, 3), -2.0)
    sh[0] = 0.5
    return Gaussians(
        means=torch.tensor([[0.0, 0.0, 1.0 + i] for i in range(count)]),
        scales=torch.full((count, 3), 5.0),
        quats_wxyz=torch.tensor([[1.0, 0, 0, 0]]).repeat(count, 1),
        opacities=torch.tensor(opacities),
        sh=sh,
        view=torch.zeros(count, dtype=torch.long),
        pixel=torch.arange(count),
    )


def test_an_opaque_wall_hides_what_is_behind() -> None:
    seen = rasterize(layers(1.0, 1.0), torch.eye(4), INTRINSICS, HEIGHT, WIDTH)
    expected = 0.999 * (0.5 * 0.28209479177387814 + 0.5)
    assert seen.colour[9, 12, 0].item() == pytest.approx(expected, abs=2e-5)
    assert seen.depth[9, 12].item() == pytest.approx(0.999, abs=2e-5)


@pytest.mark.parametrize("chunk", [torch_rasterizer.CHUNK_VALUES, 1])
def test_a_full_pixel_takes_nothing_more(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second wall would leave less than 1e-4; the third would leave more, but comes late."""
    monkeypatch.setattr(torch_rasterizer, "CHUNK_VALUES", chunk * 5)
    seen = rasterize(layers(0.92, 1.0, 0.5), torch.eye(4), INTRINSICS, HEIGHT, WIDTH)
    assert seen.alpha[9, 12].item() == pytest.approx(0.92, abs=2e-3)


@pytest.mark.skipif(
    not torch.cuda.is_available() or find_spec("gsplat") is None, reason="needs gsplat and a GPU"
)
@pytest.mark.parametrize("channels", [0, 2, 24])
def test_equal_to_gsplat(channels: int) -> None:
    gaussians, pose = random_gaussians(3000), turned()
    features = torch.rand(3000, channels) if channels else None
    results = []
    for device in ("cpu", "cuda"):
        fields = {k: v for k, v in vars(gaussians).items() if v is not None}
        there = Gaussians(**{k: v.detach().clone().to(device) for k, v in fields.items()})
        there.means.requires_grad_()
        extra = None if features is None else features.to(device)
        drawn = rasterize(there, pose.to(device), INTRINSICS.to(device), HEIGHT, WIDTH, extra)
        (drawn.colour.square().sum() + drawn.depth.sum()).backward()
        results.append((drawn, there.means.grad.cpu()))
    (ours, our_gradient), (theirs, their_gradient) = results
    for field in ("colour", "features", "depth", "alpha"):
        mine, other = getattr(ours, field), getattr(theirs, field)
        if mine is not None:
            # Rounding tips a fragment over a threshold now and then.
            torch.testing.assert_close(other.cpu(), mine, atol=2e-3, rtol=2e-3)
    assert (their_gradient - our_gradient).norm() < 0.02 * our_gradient.norm()
