"""A keeper for the tests of a module, and what it came to for bytes under a name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recoup.areas.claims.documents.keeper import Examined, Keeper
from recoup.core.errors import RecoupError

Examine = Callable[..., tuple[Examined, bytes]]
Attempt = Callable[..., tuple[Examined, bytes] | RecoupError]


@pytest.fixture(scope="module")
def keeper() -> Iterator[Keeper]:
    """A keeper with the limits that everybody has."""
    with Keeper() as running:
        yield running


@pytest.fixture
def examine(keeper: Keeper, tmp_path: Path) -> Examine:
    """Examine bytes under a name; return what was found and the bytes that were written."""

    def examined(body: bytes, name: str, declared: str = "") -> tuple[Examined, bytes]:
        source, into = tmp_path / "source", tmp_path / "into"
        source.write_bytes(body)
        into.unlink(missing_ok=True)
        try:
            found = keeper.examine(source, name=name, declared=declared, into=into)
        except BaseException:
            assert not into.exists()
            raise
        return found, into.read_bytes()

    return examined


@pytest.fixture
def attempt(examine: Examine) -> Attempt:
    """Examine as ``examine`` does; return what it was refused with, if it was."""

    def attempted(body: bytes, name: str) -> tuple[Examined, bytes] | RecoupError:
        try:
            return examine(body, name)
        except RecoupError as error:
            return error

    return attempted
