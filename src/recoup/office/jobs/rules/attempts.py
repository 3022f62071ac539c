"""Attempts: what took its workers with it is tried a last time with no other run beside it.

Whatever else ran in those workers was lost as often; nobody knows which of them it was. Alone, each shows it: the one
that takes the last worker is parked, and the others are done.
"""

from __future__ import annotations

from collections.abc import Iterable


def is_alone(attempts: int, most: int, *, was_lost: bool) -> bool:
    """Say whether a run that was tried so often is tried alone: its worker was lost, and one try is left."""
    return was_lost and attempts == most - 1


def has_to_wait(*, alone: bool, beside: Iterable[bool]) -> bool:
    """Say whether a run waits for those that its process runs already; ``beside``: whether each of them is alone."""
    return any(alone or other for other in beside)
