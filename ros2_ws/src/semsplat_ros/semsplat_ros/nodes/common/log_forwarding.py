# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The package logs through `logging`; a node sends that to its ROS logger, so to the console and
rosout."""

import logging
import time

from rclpy.impl.rcutils_logger import RcutilsLogger

PACKAGE_LOGGER = "semsplat_ros"


class RosHandler(logging.Handler):
    """Passes records on to a node's logger."""

    def __init__(self, logger: RcutilsLogger) -> None:
        super().__init__()
        self._logger = logger

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record; a node that is gone, or a closed console, is no reason to fail."""
        try:
            text = record.getMessage()
            # rclpy remembers the severity of each line of code that logs, so each needs its own.
            if record.levelno >= logging.ERROR:
                self._logger.error(text)
            elif record.levelno >= logging.WARNING:
                self._logger.warning(text)
            elif record.levelno >= logging.INFO:
                self._logger.info(text)
            else:
                self._logger.debug(text)
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's name)
        """Do nothing: there is nowhere left to say it."""


def forward_logs(logger: RcutilsLogger) -> RosHandler:
    """Send what the package logs to a node's logger; give the result to
    :func:`stop_forwarding`."""
    handler = RosHandler(logger)
    package = logging.getLogger(PACKAGE_LOGGER)
    package.addHandler(handler)
    package.setLevel(logging.DEBUG if logger.is_enabled_for(10) else logging.INFO)
    package.propagate = False
    return handler


def stop_forwarding(handler: RosHandler) -> None:
    """Undo :func:`forward_logs`."""
    package = logging.getLogger(PACKAGE_LOGGER)
    package.removeHandler(handler)
    package.propagate = not package.handlers


def without_digits(text: str) -> str:
    """What stays the same of a text whose numbers run."""
    return "".join(letter for letter in text if not letter.isdigit())


class Throttle:
    """Lets a message through when it is new, and repeats of it every few seconds with their
    number.

    Args:
        period: seconds between two messages of one key.
    """

    def __init__(self, period: float = 5.0) -> None:
        self._period = period
        self._seen: dict[str, tuple[float, int]] = {}

    def log(self, logger: logging.Logger, level: int, key: str, text: str) -> None:
        """Log `text` unless the same key was logged a moment ago."""
        last, held_back = self._seen.get(key, (float("-inf"), 0))
        now = time.monotonic()
        if now - last < self._period:
            self._seen[key] = (last, held_back + 1)
            return
        self._seen[key] = (now, 0)
        logger.log(level, "%s", f"{text} ({held_back} more)" if held_back else text)

    def forget(self) -> None:
        """Treat everything as new again."""
        self._seen.clear()
