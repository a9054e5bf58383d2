# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""CLIP's image and text towers."""
