# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms with modelled furniture, for training: Debian's catalogue, meshes, kinds of room."""
