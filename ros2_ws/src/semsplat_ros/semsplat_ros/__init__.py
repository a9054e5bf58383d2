# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Two ordinary images in, a semantic 3D Gaussian scene out, and an answer to "find the
chair"."""
