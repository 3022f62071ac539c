"""Ids: version 7, in the order in which they were made, and read back from text."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.errors import Invalid
from recoup.core.ids import new_id, parse_id


def test_an_id_is_a_uuid_of_version_seven_that_carries_its_moment() -> None:
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    made = new_id()
    moment = datetime.fromtimestamp((made.int >> 80) / 1000, UTC)
    assert isinstance(made, UUID)
    assert made.version == 7
    assert made.variant == RFC_4122
    assert before <= moment <= datetime.now(UTC)


def test_ids_made_later_sort_later() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(made)
    assert len(set(made)) == len(made)


def test_threads_never_get_the_same_id() -> None:
    with ThreadPoolExecutor(4) as threads:
        made = [
            one for ids in threads.map(lambda _: [new_id() for _ in range(5_000)], range(4)) for one in ids
        ]
    assert len(set(made)) == 20_000


@given(st.uuids())
def test_an_id_is_read_back_from_its_text(some: UUID) -> None:
    assert parse_id(str(some)) == some
    assert parse_id(str(some).upper()) == some


@pytest.mark.parametrize("text", ["", "7", "not-an-id", "0198" * 9, "' or 1=1 --", str(UUID(int=1)) + "0"])
def test_what_is_no_id_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not an id"):
        parse_id(text)
