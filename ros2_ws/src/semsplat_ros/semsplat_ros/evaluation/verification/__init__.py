# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Our networks against numbers recorded from the published ones: what ``semsplat verify`` runs."""
