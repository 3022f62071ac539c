"""Placeholder until the formula parser arrives."""

from __future__ import annotations


class Formula:
    """A formula."""


def parse(text: str) -> Formula:
    """Parse."""
    raise ValueError(text)
