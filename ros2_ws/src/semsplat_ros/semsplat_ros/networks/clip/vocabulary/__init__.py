# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The byte-pair merges of CLIP's text vocabulary, as data."""
