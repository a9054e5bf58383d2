# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""One error type, one table of codes; the codes are those of
``semsplat_interfaces/msg/ErrorCode``."""

from enum import IntEnum


class ErrorCode(IntEnum):
    """Why a request failed; the numbers are frozen, `test/test_errors.py` compares both tables."""

    OK = 0
    # 1-99: the request itself
    EMPTY_TEXT = 1
    TEXT_TOO_LONG = 2
    INVALID_ARGUMENT = 3
    INVALID_NAME = 4
    ALREADY_EXISTS = 5
    NO_SUCH_SCENE = 6
    # 100-199: the node is not in a position to answer
    NOT_ACTIVE = 100
    MODEL_NOT_LOADED = 101
    NO_SCENE_YET = 102
    SCENE_TOO_OLD = 103
    BUSY = 104
    TIMEOUT = 105
    CANCELED = 106
    SHUTTING_DOWN = 107
    # 200-299: perception could not do it
    NOT_FOUND = 200
    NO_METRIC_SCALE = 201
    TRANSFORM_UNAVAILABLE = 202
    NO_LANGUAGE_MODEL = 203
    # 300-399: machine
    OUT_OF_MEMORY = 300
    CUDA_ERROR = 301
    DISK_FULL = 302
    IO_ERROR = 303
    BAD_FILE = 304
    INTERNAL = 399


class SemsplatError(Exception):
    """A refusal that a person can act on.

    Args:
        code: which entry of the table.
        message: one sentence: what was given, what is allowed, what to do.
    """

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"

    def __reduce__(self) -> tuple[type["SemsplatError"], tuple[ErrorCode, str]]:
        """Pickled with both arguments, so that it can come from another process."""
        return type(self), (self.code, self.message)
