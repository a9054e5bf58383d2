# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Weight files: recognised, read without running anything, compared, converted."""
