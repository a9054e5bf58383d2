// Copyright 2026 the semsplat authors
// SPDX-License-Identifier: Apache-2.0
//
// gsplat's kernels for one camera, called as its launchers call them, with tiles of one pixel.
#include "cooperative_groups.h"

#include "Common.h"
#include "Utils.cuh"

unsigned thread_of_grid;
Index block_of_grid;

namespace gsplat {
namespace cg = cooperative_groups;
int s[64]; // the shared memory of a block of one thread

#include "kernels.inc" // cut out of gsplat's .cu files, unchanged

} // namespace gsplat

using gsplat::vec2;
using gsplat::vec3;

extern "C" void project(
    unsigned n, const float *means, const float *quats, const float *scales,
    const float *opacities, const float *view, const float *intrinsics, unsigned width,
    unsigned height, float blur, float near, int *radii, float *centers, float *depths,
    float *conics
) {
    for (thread_of_grid = 0; thread_of_grid < n; ++thread_of_grid) {
        gsplat::projection_ewa_3dgs_fused_fwd_kernel<float>(
            1, 1, n, means, nullptr, quats, scales, opacities, view, intrinsics, width, height,
            blur, near, 1e10f, 0.f, gsplat::PINHOLE, radii, centers, depths, conics, nullptr
        );
    }
}

extern "C" void project_backward(
    unsigned n, const float *means, const float *quats, const float *scales, const float *view,
    const float *intrinsics, unsigned width, unsigned height, float blur, const int *radii,
    const float *conics, const float *v_centers, const float *v_depths, const float *v_conics,
    float *v_means, float *v_quats, float *v_scales
) {
    for (thread_of_grid = 0; thread_of_grid < n; ++thread_of_grid) {
        gsplat::projection_ewa_3dgs_fused_bwd_kernel<float>(
            1, 1, n, means, nullptr, quats, scales, view, intrinsics, width, height, blur,
            gsplat::PINHOLE, radii, conics, nullptr, v_centers, v_depths, v_conics, nullptr,
            v_means, nullptr, v_quats, v_scales, nullptr
        );
    }
}

extern "C" void blend(
    unsigned n, unsigned crossings, const float *centers, const float *conics,
    const float *values, const float *opacities, unsigned width, unsigned height,
    const int *offsets, const int *ids, float *blended, float *alpha, int *last
) {
    for (unsigned pixel = 0; pixel < width * height; ++pixel) {
        block_of_grid = {0, pixel / width, pixel % width};
        gsplat::rasterize_to_pixels_3dgs_fwd_kernel<CHANNELS, float>(
            1, n, crossings, false, (const vec2 *)centers, (const vec3 *)conics, values,
            opacities, nullptr, nullptr, width, height, 1, width, height, offsets, ids, blended,
            alpha, last
        );
    }
}

extern "C" void blend_backward(
    unsigned n, unsigned crossings, const float *centers, const float *conics,
    const float *values, const float *opacities, unsigned width, unsigned height,
    const int *offsets, const int *ids, const float *alpha, const int *last,
    const float *v_blended, const float *v_alpha, float *v_centers, float *v_conics,
    float *v_values, float *v_opacities
) {
    for (unsigned pixel = 0; pixel < width * height; ++pixel) {
        block_of_grid = {0, pixel / width, pixel % width};
        gsplat::rasterize_to_pixels_3dgs_bwd_kernel<CHANNELS, float>(
            1, n, crossings, false, (const vec2 *)centers, (const vec3 *)conics, values,
            opacities, nullptr, nullptr, width, height, 1, width, height, offsets, ids, alpha,
            last, v_blended, v_alpha, nullptr, (vec2 *)v_centers, (vec3 *)v_conics, v_values,
            v_opacities
        );
    }
}
