// Copyright 2026 the semsplat authors
// SPDX-License-Identifier: Apache-2.0
//
// What gsplat's kernels use of CUDA, for a C++ compiler: blocks and warps of a single thread that
// run one after the other. Sums over a warp and waiting for a block are then nothing to do.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#define __global__
#define __device__
#define __shared__

struct Index {
    unsigned x, y, z;
};
extern unsigned thread_of_grid;
extern Index block_of_grid;

namespace cooperative_groups {

struct Grid {
    unsigned thread_rank() const { return thread_of_grid; }
};
struct Block {
    Index group_index() const { return block_of_grid; }
    Index thread_index() const { return {0, 0, 0}; }
    unsigned size() const { return 1; }
    unsigned thread_rank() const { return 0; }
    void sync() const {}
};
template <unsigned> struct thread_block_tile {
    unsigned thread_rank() const { return 0; }
    bool any(bool mine) const { return mine; }
};
template <class> struct plus {};
template <class> struct greater {};

inline Grid this_grid() { return {}; }
inline Block this_thread_block() { return {}; }
template <unsigned Width> thread_block_tile<Width> tiled_partition(Block) { return {}; }
template <class Tile, class Label> Tile labeled_partition(Tile tile, Label) { return tile; }
template <class Tile, class Value, class Operation> Value reduce(Tile, Value mine, Operation) {
    return mine;
}

} // namespace cooperative_groups

inline int __syncthreads_count(bool mine) { return mine; }
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float rsqrt(float x) { return 1.f / std::sqrt(x); }
inline float rsqrtf(float x) { return 1.f / std::sqrt(x); }
template <class Value> void gpuAtomicAdd(Value *sum, Value mine) { *sum += mine; }
template <class A, class B> std::common_type_t<A, B> min(A a, B b) {
    using Common = std::common_type_t<A, B>;
    return Common(b) < Common(a) ? Common(b) : Common(a);
}
template <class A, class B> std::common_type_t<A, B> max(A a, B b) {
    using Common = std::common_type_t<A, B>;
    return Common(a) < Common(b) ? Common(b) : Common(a);
}
using std::abs;
using std::sqrt;
