# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""gsplat where the set-up keeps it for comparison, and what both rasterisers draw."""

import sys
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor

from semsplat_ros.geometry.rotations import matrices_from_quats
from semsplat_ros.rendering.rasterize import NEAR
from semsplat_ros.scene import Gaussians

CUDA = Path(sys.prefix) / "reference" / "gsplat" / "cuda"
HEIGHT, WIDTH, TILE, CHANNELS = 21, 37, 16, 7


@dataclass(frozen=True)
class Case:
    """Gaussians, by ranges of uniform numbers, and the lens that looks at them."""

    focal: tuple[float, float]
    middle: tuple[float, float]
    sideways: float
    depth: tuple[float, float]
    log_scale: tuple[float, float] = (-4.0, -1.0)
    log_thinner: float = 0.0
    """How much two of the three axes are shorter."""
    opacity: tuple[float, float] = (0.0, 1.0)
    near: float = NEAR
    count: int = 150
    degree: int = 2


CASES = {
    "ordinary": Case((32, 30), (17, 11.5), 2, (0.5, 4), degree=3),
    "off-centre": Case((30, 33), (5, 18), 3, (0.5, 4), (-3, 0), degree=1),
    "middle outside": Case((40, 40), (-9, 26), 3, (0.5, 4), (-2, 0)),
    "wide and beyond the border": Case((9, 8), (12, 14), 9, (0.3, 2), (-2, 0.7)),
    "around the near plane": Case((30, 30), (20, 9), 0.2, (-0.1, 0.15), (-6, -3)),
    "a far near plane": Case((30, 30), (20, 9), 0.4, (-0.3, 0.8), (-5, -2), near=0.2),
    "all sizes": Case((30, 30), (20, 9), 2, (0.5, 5), (-9, 1.5), degree=0),
    "needles": Case((300, 300), (20, 9), 0.2, (0.3, 1), (0, 1), 11, (0.0, 0.3)),
    "opaque": Case((30, 30), (20, 9), 1, (0.5, 3), (0, 1), opacity=(0.99, 1), count=60),
}
CAMERAS = [  # turn as a quaternion of any length, shift
    ((1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ((2.0, 0.2, -0.3, 0.1), (0.1, -0.05, 0.02)),
    ((1.0, -0.05, 0.08, 1.1), (-0.05, 0.02, 0.01)),
]


def torch_reference() -> ModuleType:
    """gsplat.cuda._torch_impl; the file alone, without the package that compiles CUDA."""
    spec = spec_from_file_location("gsplat_torch_impl", CUDA / "_torch_impl.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scene(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Gaussians, Tensor]:
    """Gaussians and their features, leaves that gradients are asked of."""
    generator = torch.Generator().manual_seed(7)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        drawn = torch.rand(case.count, *shape, generator=generator, dtype=torch.float64)
        return (drawn * (high - low) + low).to(dtype).requires_grad_()

    means = torch.cat([uniform(-case.sideways, case.sideways, 2), uniform(*case.depth, 1)], 1)
    thinner = torch.tensor([0, case.log_thinner, case.log_thinner], dtype=dtype)
    gaussians = Gaussians(
        means=means.detach().requires_grad_(),
        scales=(uniform(*case.log_scale, 3) - thinner).detach().exp().requires_grad_(),
        quats_wxyz=uniform(-2, 2, 4),
        opacities=uniform(*case.opacity),
        sh=uniform(-1, 1, (case.degree + 1) ** 2, 3),
        view=torch.zeros(case.count, dtype=torch.long),
        pixel=torch.arange(case.count),
    )
    return gaussians, uniform(-1, 1, CHANNELS)


def lenses(case: Case, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Views from the world, and intrinsics, of all cameras."""
    poses = torch.eye(4, dtype=dtype).repeat(len(CAMERAS), 1, 1)
    turns, shifts = (torch.tensor(x, dtype=dtype) for x in zip(*CAMERAS, strict=True))
    poses[:, :3, :3], poses[:, :3, 3] = matrices_from_quats(turns), shifts
    intrinsics = torch.eye(3, dtype=dtype)
    intrinsics[[0, 1], [0, 1]] = torch.tensor(case.focal, dtype=dtype)
    intrinsics[:2, 2] = torch.tensor(case.middle, dtype=dtype)
    return poses, intrinsics.repeat(len(CAMERAS), 1, 1)
