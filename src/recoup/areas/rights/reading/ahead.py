"""Reading ahead: while what was read is written down, the next portion is read by another thread."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def ahead(portions: Iterator[T]) -> Iterator[T]:
    """Yield what an iterator yields, one portion behind it; what it raises is raised here."""
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as reader:
        coming = reader.submit(next, portions, None)
        while (portion := coming.result()) is not None:
            coming = reader.submit(next, portions, None)
            yield portion
