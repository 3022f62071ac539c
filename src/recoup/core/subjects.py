"""What subjects are about: ``claims/claim/1`` is itself and what lies below it, and not ``claims/claim/10``."""

from __future__ import annotations

from sqlalchemy import ColumnElement, or_
from sqlalchemy.orm import InstrumentedAttribute


def is_about(column: InstrumentedAttribute[str], subject: str) -> ColumnElement[bool]:
    """Return the condition that a column names a subject, or one below it; a slash at its end changes nothing."""
    name = subject.rstrip("/")
    return or_(column == name, column.startswith(f"{name}/", autoescape=True))
