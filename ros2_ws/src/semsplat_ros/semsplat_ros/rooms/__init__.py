# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Generated rooms: training data, benchmark and the demo's cameras."""
