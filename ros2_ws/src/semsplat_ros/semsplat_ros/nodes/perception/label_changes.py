# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a request does to the labels in force."""

from semsplat_interfaces.srv import SetVocabulary
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.perceiver import label_fault


def changed_labels(
    old: tuple[str, ...], mode: int, asked: tuple[str, ...]
) -> tuple[tuple[str, ...], list[str]]:
    """The labels after a SetVocabulary request, and why some of those asked for are refused.

    Args:
        old: labels in force, without "unlabelled".
        mode: SetVocabulary's REPLACE, ADD or REMOVE.
        asked: the request's labels.

    Returns:
        New labels, and "label: reason" for each refused one; if there are any, the old ones should
        stay.

    Raises:
        SemsplatError: INVALID_ARGUMENT for an unknown mode.
    """
    modes = SetVocabulary.Request
    if mode not in (modes.REPLACE, modes.ADD, modes.REMOVE):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"mode {mode} given; it is {modes.REPLACE} (replace), {modes.ADD} (add) or "
            f"{modes.REMOVE} (remove)",
        )
    base = () if mode == modes.REPLACE else old
    known = {label.casefold() for label in base}
    rejected: list[str] = []
    accepted: list[str] = []
    seen: set[str] = set()
    for raw in asked:
        label = " ".join(raw.split())
        key = label.casefold()
        fault = label_fault(label)
        if fault:
            rejected.append(fault)
        elif key in seen:
            rejected.append(f"{label}: given twice")
        elif mode == modes.REMOVE and key not in known:
            rejected.append(f"{label}: not in the vocabulary")
        elif mode != modes.REMOVE and key in known:
            rejected.append(f"{label}: already in the vocabulary")
        elif key == "unlabelled":
            rejected.append(f"{label}: reserved")
        else:
            accepted.append(label)
        seen.add(key)
    if mode == modes.REMOVE:
        gone = {label.casefold() for label in accepted}
        return tuple(label for label in old if label.casefold() not in gone), rejected
    return (*base, *accepted), rejected
