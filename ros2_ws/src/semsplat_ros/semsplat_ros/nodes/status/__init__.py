# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What the node says about itself: status and diagnostics."""
