# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From camera topics to one set of images and what is known about their cameras."""
