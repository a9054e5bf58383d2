# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What all of the node uses: conversions, transforms, callback guards, logging, processes."""
