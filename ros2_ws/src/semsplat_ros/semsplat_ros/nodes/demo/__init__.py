# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The demo: a simulated robot, the perception node, and a person who asks for things."""
