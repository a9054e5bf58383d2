# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The PyTorch rasteriser against the source of gsplat's CUDA kernels, compiled for the CPU.

The kernels' text is not changed; CUDA's words in it are given a meaning for one thread at a time
(support/cuda_on_cpu). On the scene of test_rasterize.test_equal_to_gsplat the project's earlier
limits of the linearisation differ from them by 0.0055 in colour: as they did on an H100.

Not theirs: the sorting into tiles, which gsplat's PyTorch reference does here. Not seen: what a
GPU rounds otherwise (fast mathematics), the order of its sums, and the projection for packed
results, another kernel that calls the same functions.
"""

import ctypes
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from semsplat_ros.geometry.spherical_harmonics import SH_C0, sh_colours
from semsplat_ros.rendering.projection import BLUR, project_gaussians
from semsplat_ros.rendering.rasterize import rasterize
from semsplat_ros.scene import Gaussians
from test.support.gsplat_cases import (
    CASES,
    CHANNELS,
    CUDA,
    HEIGHT,
    TILE,
    WIDTH,
    Case,
    lenses,
    scene,
    torch_reference,
)  # fmt: skip

SIZE = (WIDTH, HEIGHT)
NAMES = ["means", "scales", "quats_wxyz", "opacities", "sh"]


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """The functions of support/cuda_on_cpu/gsplat_kernels.cpp."""
    build = tmp_path_factory.mktemp("kernels")
    here = Path(__file__).parents[1] / "support" / "cuda_on_cpu"
    files = ("ProjectionEWA3DGSFused", "RasterizeToPixels3DGSFwd", "RasterizeToPixels3DGSBwd")
    texts = [(CUDA / "csrc" / f"{name}.cu").read_text(encoding="utf-8") for name in files]
    # From "template <...> __global__" to the brace at the beginning of a line.
    cut = re.findall(r"^template <[^>]*>\n__global__ .*?^}$", "\n".join(texts), re.M | re.S)
    assert len(cut) == 4
    (build / "kernels.inc").write_text("\n".join(cut), encoding="utf-8")
    (build / "cooperative_groups").mkdir()
    (build / "cooperative_groups" / "reduce.h").touch()
    folders = [build, here, CUDA / "include", CUDA / "csrc" / "third_party" / "glm"]
    source, library = here / "gsplat_kernels.cpp", build / "kernels.so"
    options = ["-std=c++17", "-O1", "-fPIC", "-shared", "-w", f"-DCHANNELS={3 + CHANNELS + 1}"]
    includes = [f"-I{folder}" for folder in folders]
    subprocess.run(["g++", *options, *includes, source, "-o", library], check=True)
    return ctypes.CDLL(str(library))


def call(function: ctypes._CFuncPtr, *arguments: Tensor | int | float) -> None:
    """Tensors by their address: contiguous, float32 or int32."""
    kinds = {int: ctypes.c_uint, float: ctypes.c_float}
    function(
        *(
            ctypes.c_void_p(a.data_ptr()) if isinstance(a, Tensor) else kinds[type(a)](a)
            for a in arguments
        )
    )


def lists(radii: Tensor, centers: Tensor, depths: Tensor) -> tuple[Tensor, Tensor]:
    """Where each pixel's list of Gaussians starts, and the lists: those of the pixel's tile."""
    gsplat = torch_reference()
    columns, rows = -(-WIDTH // TILE), -(-HEIGHT // TILE)
    _, crossings, ids = gsplat._isect_tiles(
        centers[None], radii[None], depths[None], TILE, columns, rows
    )
    starts = gsplat._isect_offset_encode(crossings, 1, columns, rows).flatten()
    tiles = ids.tensor_split(starts[1:].long())
    pixels = [
        tiles[row // TILE * columns + column // TILE]
        for row in range(HEIGHT)
        for column in range(WIDTH)
    ]
    counts = torch.tensor([len(pixel) for pixel in pixels])
    return (counts.cumsum(0) - counts).int(), torch.cat(pixels).int()


def theirs(
    kernels: ctypes.CDLL, case: Case, gaussians: Gaussians, features: Tensor, camera: int,
    v_image: Tensor,
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:  # fmt: skip
    """Which Gaussians are seen, the image (values, depth, alpha), and gradients.

    Args:
        kernels: the compiled library.
        case: camera and near plane.
        gaussians: with one coefficient of colour.
        features: of the Gaussians.
        camera: its number.
        v_image: gradient that comes into the image.
    """
    n, zeros = case.count, torch.zeros
    pose, k = (x[camera].contiguous() for x in lenses(case, torch.float32))
    means, quats, scales, opacities = (
        getattr(gaussians, name).detach().contiguous()
        for name in ("means", "quats_wxyz", "scales", "opacities")
    )
    shape = (means, quats, scales)
    radii, centers = zeros(n, 2, dtype=torch.int32), zeros(n, 2)
    depths, conics = zeros(n), zeros(n, 3)
    call(
        kernels.project, n, *shape, opacities, pose, k, *SIZE, BLUR, case.near,
        radii, centers, depths, conics,
    )  # fmt: skip
    colour = sh_colours(gaussians.sh, means).detach()
    values = torch.cat([colour, features.detach(), depths[:, None]], 1)
    starts, ids = lists(radii, centers, depths)
    flat = (n, len(ids), centers, conics, values, opacities, *SIZE, starts, ids)
    blended, alpha = zeros(HEIGHT, WIDTH, values.shape[1]), zeros(HEIGHT, WIDTH)
    last = zeros(HEIGHT, WIDTH, dtype=torch.int32)
    call(kernels.blend, *flat, blended, alpha, last)
    v_centers, v_conics, v_values = zeros(n, 2), zeros(n, 3), zeros(*values.shape)
    v_opacities, v_means, v_quats, v_scales = zeros(n), zeros(n, 3), zeros(n, 4), zeros(n, 3)
    v_blended, v_alpha = v_image[..., :-1].contiguous(), v_image[..., -1].contiguous()
    v_flat = (v_centers, v_conics, v_values, v_opacities)
    call(kernels.blend_backward, *flat, alpha, last, v_blended, v_alpha, *v_flat)
    v_depths = v_values[:, -1].contiguous()
    call(
        kernels.project_backward, n, *shape, pose, k, *SIZE, BLUR, radii, conics,
        v_centers, v_depths, v_conics, v_means, v_quats, v_scales,
    )  # fmt: skip
    v_sh = (v_values[:, None, :3] * SH_C0).where(colour[:, None] > 0, 0.0)
    gradients = [v_means, v_scales, v_quats, v_opacities, v_sh, v_values[:, 3:-1]]
    image = torch.cat([blended, alpha[..., None]], -1)
    return (radii > 0).all(1), image, dict(zip([*NAMES, "features"], gradients, strict=True))


# Of needles gsplat's kernels lose the determinant to float32's rounding: nothing to be equal to.
@pytest.mark.parametrize("name", [case for case in CASES if case != "needles"])
@pytest.mark.parametrize("camera", [0, 1, 2])
def test_images_and_gradients(kernels: ctypes.CDLL, name: str, camera: int) -> None:
    case = replace(CASES[name], degree=0)
    gaussians, features = scene(case, torch.float32)
    pose, k = (x[camera] for x in lenses(case, torch.float32))
    drawn = rasterize(gaussians, pose, k, HEIGHT, WIDTH, features, case.near)
    single = [drawn.depth[..., None], drawn.alpha[..., None]]
    image = torch.cat([drawn.colour, drawn.features, *single], -1)
    v_image = torch.randn(image.shape, generator=torch.Generator().manual_seed(camera))
    seen, want, wanted = theirs(kernels, case, gaussians, features, camera, v_image)
    assert seen.sum() > 10
    assert want[..., -1].max() > 0.4
    torch.testing.assert_close(image, want, atol=1e-4, rtol=0)
    leaves = [*(getattr(gaussians, name) for name in NAMES), features]
    gradients = torch.autograd.grad((image * v_image).sum(), leaves)
    for field, gradient in zip(wanted, gradients, strict=True):
        # Their float32 takes what is left behind the last Gaussian as 1 - alpha.
        off = (gradient - wanted[field]).norm() / wanted[field].norm()
        assert off < 5e-3, f"{field}: {off}"
    ellipses = project_gaussians(
        gaussians.means, gaussians.quats_wxyz, gaussians.scales, pose, k, HEIGHT, WIDTH, case.near
    )
    # Theirs are fewer: they know how far out a faint Gaussian falls below 1/255.
    assert ellipses.visible[seen].all()
