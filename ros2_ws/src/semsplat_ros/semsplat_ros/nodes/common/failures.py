# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of pairs that could not be processed, and when the node gives up."""

import logging
import threading
from dataclasses import dataclass

import torch

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.callback_guard import internal_error
from semsplat_ros.nodes.common.log_forwarding import Throttle

_logger = logging.getLogger(__name__)

MAX_MEMORY_FAILURES = 3
MAX_MODEL_FAILURES = 5


@dataclass(frozen=True)
class Fault:
    """Why the node stops processing by itself."""

    error: SemsplatError
    free_model: bool
    """True if the model must go too: the device is lost or its memory is full."""

    @property
    def is_lasting(self) -> bool:
        """True if only another process can help: CUDA never recovers from a sticky error."""
        return self.error.code == ErrorCode.CUDA_ERROR


class Failures:
    """Counts failures in a row and says when it is enough. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in_a_row: dict[bool, int] = {}
        self._throttle = Throttle()
        self.total = 0
        """Pairs that the model could not process since the node started."""
        self.memory_total = 0
        """Those among them for which memory was missing."""
        self.refused = 0
        """Pairs whose images could not be used."""
        self.last: SemsplatError | None = None
        """The newest failure; None after a pair that went well."""
        self.fault: Fault | None = None
        """Set when the node should stop; cleared by :meth:`reset`."""

    def refuse(self, refusal: SemsplatError) -> None:
        """A pair whose images cannot be used: dropped, no fault of the model."""
        with self._lock:
            self.refused += 1
            self.last = refusal
        self._log(refusal)

    def record(self, problem: Exception) -> SemsplatError:
        """A pair that the model failed on; too many in a row set :attr:`fault`."""
        error = as_semsplat_error(problem)
        of_memory = error.code == ErrorCode.OUT_OF_MEMORY
        if of_memory and torch.cuda.is_available():
            torch.cuda.empty_cache()
        with self._lock:
            self.total += 1
            self.memory_total += of_memory
            self.last = error
            in_a_row = self._in_a_row[of_memory] = self._in_a_row.get(of_memory, 0) + 1
            limit = MAX_MEMORY_FAILURES if of_memory else MAX_MODEL_FAILURES
            lost = error.code == ErrorCode.CUDA_ERROR
            if lost or in_a_row >= limit:
                self.fault = Fault(error, free_model=of_memory or lost)
        self._log(error)
        return error

    def succeed(self) -> None:
        """A pair that went well."""
        with self._lock:
            self._in_a_row.clear()
            self.last = None

    def reset(self) -> None:
        """Begin anew: after the node was configured or activated again."""
        self.succeed()
        self.fault = None

    def _log(self, error: SemsplatError) -> None:
        # INTERNAL errors carry a fresh reference each; their code decides whether they are new.
        key = error.code.name if error.code == ErrorCode.INTERNAL else str(error)
        self._throttle.log(_logger, logging.WARNING, key, f"pair dropped: {error}")


def as_semsplat_error(problem: Exception, during: str = "processing a pair") -> SemsplatError:
    """Any exception out of the model as one that users understand; unexpected ones are logged."""
    if isinstance(problem, SemsplatError):
        return problem
    if isinstance(problem, (torch.OutOfMemoryError, MemoryError)):
        return SemsplatError(ErrorCode.OUT_OF_MEMORY, _memory_message(during))
    if isinstance(problem, RuntimeError) and "CUDA error" in str(problem):
        first_line = str(problem).splitlines()[0]
        return SemsplatError(
            ErrorCode.CUDA_ERROR, f"{first_line}; the process must be started again"
        )
    return internal_error(during, problem)


def _memory_message(during: str) -> str:
    if not torch.cuda.is_available():
        return f"not enough memory for {during}; use a smaller model"
    free, total = torch.cuda.mem_get_info()
    return (
        f"not enough GPU memory for {during}: {free} of {total} bytes free; "
        "use model.precision fp16 or a smaller model"
    )
