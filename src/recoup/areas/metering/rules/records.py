"""A record's text, cut where its figure and its names stand, so that a page can mark them."""

from __future__ import annotations

import re
from collections.abc import Sequence

MARKED = re.compile(
    r'"(?:value|dimension|externalPayerId|pricePerUnit)"\s*:\s*("(?:[^"\\]|\\.)*"|-?[0-9][0-9.eE+-]*)'
)


def parts_of(text: str) -> Sequence[tuple[str, bool]]:
    """Return the text in pieces, each with whether it is to be marked; together they are the text."""
    parts: list[tuple[str, bool]] = []
    last = 0
    for match in MARKED.finditer(text):
        start, end = match.span(1)
        parts += [(text[last:start], False), (text[start:end], True)]
        last = end
    parts.append((text[last:], False))
    return [part for part in parts if part[0]]
