"""What was known when a claim was decided: its flags and documents as they stood at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Protocol, TypeVar


class HasMoment(Protocol):
    """A document: when it came."""

    uploaded_at: datetime


class CanBeResolved(Protocol):
    """A flag: when it was raised, and when somebody looked at it."""

    created_at: datetime
    resolved_at: datetime | None
    finding: str | None


D = TypeVar("D", bound=HasMoment)
F = TypeVar("F", bound=CanBeResolved)


@dataclass(frozen=True, slots=True)
class Known(Generic[D, F]):
    """Documents that were there, flags with what had been found of them by then (None: nobody had looked)."""

    documents: Sequence[D]
    flags: Sequence[tuple[F, str | None]]
    later_documents: int
    later_flags: int


def known_at(at: datetime, documents: Sequence[D], flags: Sequence[F]) -> Known[D, F]:
    """Return what was known of a claim at an instant."""
    there = [one for one in documents if one.uploaded_at <= at]
    raised = [one for one in flags if one.created_at <= at]
    found = [
        (one, one.finding if one.resolved_at is not None and one.resolved_at <= at else None)
        for one in raised
    ]
    return Known(there, found, len(documents) - len(there), len(flags) - len(raised))
