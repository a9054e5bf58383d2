# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semantic fields: how a scene answers to a text."""
