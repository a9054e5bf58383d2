# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot camera in a generated room."""
