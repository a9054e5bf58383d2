# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One guard around every callback of the node.

An exception that leaves a callback ends the executor's spin, and in a service the client waits for
ever (rclpy, Jazzy). The guard logs it once with a reference that also stands in the answer, and
counts it.
"""

import logging
import threading
import traceback
import uuid
from collections.abc import Callable
from functools import wraps
from typing import Any

from semsplat_ros.errors import ErrorCode, SemsplatError

_logger = logging.getLogger(__name__)


class CallbackGuard:
    """Wraps callbacks so that no exception leaves them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._count = 0
        self._last: SemsplatError | None = None

    @property
    def count(self) -> int:
        """Exceptions caught so far that were bugs, not refusals."""
        return self._count

    @property
    def last(self) -> SemsplatError | None:
        """The newest of them as users see it."""
        return self._last

    def callback(self, name: str, function: Callable[..., None]) -> Callable[..., None]:
        """A callback of a subscription, timer or event; after an exception it does nothing."""

        @wraps(function)
        def guarded(*args: Any) -> None:
            try:
                function(*args)
            except Exception as problem:
                self.caught(name, problem)

        return guarded

    def service(
        self,
        name: str,
        function: Callable[[Any, Any], Any],
        refuse: Callable[[Any, SemsplatError], Any],
    ) -> Callable[[Any, Any], Any]:
        """A service callback; what it raises becomes an answer.

        Args:
            name: of the service, for the log.
            function: takes request and response, returns the response.
            refuse: puts an error into a fresh response and returns it.
        """

        @wraps(function)
        def guarded(request: Any, response: Any) -> Any:
            try:
                return function(request, response)
            except SemsplatError as refusal:
                return refuse(type(response)(), refusal)
            except Exception as problem:
                return refuse(type(response)(), self.caught(name, problem))

        return guarded

    def caught(self, name: str, problem: BaseException) -> SemsplatError:
        """Log and count an exception that should not have been; returns it as users may see it."""
        error = internal_error(name, problem)
        with self._lock:
            self._count += 1
            self._last = error
        return error


def internal_error(name: str, problem: BaseException) -> SemsplatError:
    """Log an unexpected exception under a fresh reference and turn it into an INTERNAL error."""
    reference = uuid.uuid4().hex[:8]
    frames = traceback.extract_tb(problem.__traceback__)
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    kind = type(problem).__name__
    _logger.error("[%s] %s failed: %s: %s (%s)", reference, name, kind, problem, place)
    _logger.debug("[%s] all frames", reference, exc_info=problem)
    return SemsplatError(
        ErrorCode.INTERNAL,
        f"{name} failed with {kind}; this is a bug, look for {reference} in the log of the node",
    )
