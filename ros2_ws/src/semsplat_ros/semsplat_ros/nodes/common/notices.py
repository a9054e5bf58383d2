# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What users should know about the outputs although pairs are processed."""

import logging

from semsplat_ros.nodes.common.log_forwarding import Throttle, without_digits

_logger = logging.getLogger(__name__)


class Notices:
    """Warnings that hold now; logged when they are new. Set by one thread, read by any."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._throttle = Throttle()

    def set(self, what: str, text: str) -> None:
        """Say something about a subject, or with an empty text that all is well."""
        known = without_digits(self._texts.get(what, ""))
        self._texts = {**self._texts, what: text}
        key = without_digits(text)
        if text and key != known:
            self._throttle.log(_logger, logging.WARNING, key, text)

    def texts(self) -> tuple[str, ...]:
        """All that hold."""
        return tuple(text for text in self._texts.values() if text)

    def clear(self) -> None:
        """Nothing holds any more."""
        self._texts = {}
