"""State files of the scripts that came before: both kinds are read, none is guessed, ours is written whole."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.areas.metering.service import state_files
from recoup.areas.metering.service.state_files import OldState
from recoup.core.clock import HOUR
from recoup.core.errors import Invalid, Misconfigured
from support.shared_data import shared_data

STREAM = "Postgres:PROD:pt-HJSv20iWX0"
NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)


def read(document: Any, *, stream: str | None = None) -> list[OldState]:
    return state_files.read(json.dumps(document), stream=stream, name="state.json")


def documented(key: str) -> Any:
    """Return the README's nested example or the docs' flat one, as published."""
    path = shared_data("usage/omnistrate_clazar") / "documented_examples.json"
    blocks = [one["json"] for one in json.loads(path.read_text(encoding="utf-8"))]
    (block,) = [block for block in blocks if key in block and "last_processed_month" in json.dumps(block)]
    return block


def test_the_hourly_file_names_the_last_hour_of_each_stream() -> None:
    states = read(
        {
            STREAM: {"last_processed_hour": "2025-07-24T00:00:00Z", "last_updated": "2025-07-24T01:05:09Z"},
            "Search:QA:pt-x": {"last_processed_hour": "2025-07-23T21:00:00+00:00"},
        }
    )
    assert [(one.stream, one.last_hour, one.errors) for one in states] == [
        (STREAM, datetime(2025, 7, 24, 0, tzinfo=UTC), ()),
        ("Search:QA:pt-x", datetime(2025, 7, 23, 21, tzinfo=UTC), ()),
    ]


def test_the_documented_monthly_file_ends_with_the_months_last_hour() -> None:
    (state,) = read(documented(STREAM))
    assert state.stream == STREAM
    assert state.last_hour == datetime(2025, 6, 30, 23, tzinfo=UTC)
    (error,) = state.errors
    assert (error.contract, error.dimension) == ("ce751fd3-ghi9-6159-dhgf-f4hh778e94bg", "pod_hours")
    assert (error.start, error.quantity) == (datetime(2025, 6, 1, tzinfo=UTC), "360")
    assert error.reason == "Some error"
    assert state.warnings == ()


def test_the_documented_flat_file_needs_the_streams_name() -> None:
    flat = documented("last_processed_month")
    with pytest.raises(Invalid, match=r"state\.json does not say which stream") as problem:
        read(flat)
    assert "--stream" in (problem.value.fix or "")
    (state,) = read(flat, stream=STREAM)
    assert (state.stream, state.last_hour) == (STREAM, datetime(2025, 1, 31, 23, tzinfo=UTC))
    assert [one.reason for one in state.errors] == ["Invalid contract ID"]


@pytest.mark.parametrize(
    ("month", "last"), [("2024-02", "2024-02-29"), ("2025-02", "2025-02-28"), ("2025-12", "2025-12-31")]
)
def test_a_month_ends_when_it_ends(month: str, last: str) -> None:
    (state,) = read({"last_processed_month": month}, stream=STREAM)
    assert f"{state.last_hour:%Y-%m-%d %H}" == f"{last} 23"


def test_contracts_of_a_month_that_was_only_begun_are_warned_of() -> None:
    (state,) = read(
        {"last_processed_month": "2025-05", "success_contracts": {"2025-05": ["a"], "2025-06": ["a", "b"]}},
        stream=STREAM,
    )
    (warning,) = state.warnings
    assert "2 contracts were already submitted for 2025-06" in warning


def test_a_line_without_a_reason_says_so() -> None:
    failed = {"payload": {"request": [_line()]}}
    (state,) = read(
        {"last_processed_month": "2025-05", "error_contracts": {"2025-05": [failed]}}, stream=STREAM
    )
    assert [one.reason for one in state.errors] == ["no reason kept"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "{}",
        "[]",
        "null",
        "7",
        '"2025-07-24T00:00:00Z"',
        '{"a:b:c": null}',
        '{"a:b:c": {}}',
        '{"a:b:c": "2025-07-24T00:00:00Z"}',
        '{"a:b:c": {"last_processed_hour": null}}',
        '{"a:b:c": {"last_processed_hour": "24.07.2025"}}',
        '{"a:b:c": {"last_processed_month": "2025-13"}}',
        '{"a:b:c": {"last_processed_month": "2025-06", "success_contracts": ["x"]}}',
        '{"a:b:c": {"last_processed_month": "2025-06", "error_contracts": ["x"]}}',
        '{"a:b:c": {"last_processed_month": "2025-06", "error_contracts": {"2025-06": ["x"]}}}',
        '{"a:b:c": {"last_processed_month": "2025-06", "error_contracts": {"x": [{"payload": {"request": [{}]}}]}}}',
        '{"a:b:c": {"last_processed_month": "9999-12"}}',
        '{"a:b:c": {"last_processed_hour": "2025-07-24T00:00:00Z"}, "d:e:f": {}}',
        '{"a:b:c": {"last_processed_hour": "2025-07-24T0',
    ],
)
def test_what_cannot_be_read_is_an_error_and_never_an_empty_state(text: str) -> None:
    with pytest.raises(Invalid, match=r"state\.json"):
        state_files.read(text, stream=None, name="state.json")


scalars = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just("2025-06")
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                (
                    "last_processed_hour",
                    "last_processed_month",
                    "success_contracts",
                    "error_contracts",
                    "2025-06",
                    "2025-07",
                    "errors",
                    "payload",
                    "request",
                    "message",
                    "a:b:c",
                )
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=400)
@given(values, st.sampled_from((None, STREAM)))
def test_nothing_makes_it_stumble(document: Any, stream: str | None) -> None:
    try:
        states = read(document, stream=stream)
    except Invalid:
        return
    assert states
    assert all(one.last_hour.tzinfo is UTC for one in states)


def test_what_stands_there_already_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    assert state_files.write(path, STREAM, NOW, now=NOW)
    assert not state_files.write(path, STREAM, NOW, now=NOW + HOUR)
    assert state_files.write(path, STREAM, NOW + HOUR, now=NOW + HOUR)


def test_what_is_written_can_be_read_and_leaves_other_streams_alone(tmp_path: Path) -> None:
    path = tmp_path / "deeper" / "state.json"
    state_files.write(path, STREAM, datetime(2025, 7, 24, 10, tzinfo=UTC), now=NOW)
    state_files.write(path, "Search:QA:pt-x", datetime(2025, 7, 24, 9, tzinfo=UTC), now=NOW)
    state_files.write(path, STREAM, datetime(2025, 7, 24, 11, tzinfo=UTC), now=NOW)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        STREAM: {"last_processed_hour": "2025-07-24T11:00:00Z", "last_updated": "2025-07-24T16:30:00Z"},
        "Search:QA:pt-x": {
            "last_processed_hour": "2025-07-24T09:00:00Z",
            "last_updated": "2025-07-24T16:30:00Z",
        },
    }
    states = state_files.read(path.read_text(encoding="utf-8"), stream=None, name="state.json")
    assert {one.stream: one.last_hour.hour for one in states} == {STREAM: 11, "Search:QA:pt-x": 9}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', '{"a:b:c": 1}trailing'])
def test_an_unreadable_file_is_not_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(Invalid, match=r"state\.json"):
        state_files.write(path, STREAM, NOW, now=NOW)
    assert path.read_text(encoding="utf-8") == text
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


NO_SPACE = """
import resource, sys
from datetime import UTC, datetime
from pathlib import Path
from recoup.areas.metering.service import state_files
from recoup.core.errors import Misconfigured
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
try:
    state_files.write(Path(sys.argv[1]), "b", datetime.now(UTC), now=datetime.now(UTC))
except Misconfigured as problem:
    print(problem.sentence())
"""


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    """A reader never meets half a file, and a write that cannot end leaves the old file and nothing else."""
    path = tmp_path / "state.json"
    state_files.write(path, STREAM, NOW, now=NOW)
    before = path.read_bytes()
    command = [sys.executable, "-c", NO_SPACE, str(path)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "cannot be written: File too large" in said
    with path.open("rb") as reader:
        assert path.read_bytes() == before
        state_files.write(path, STREAM, NOW + HOUR, now=NOW)
        assert reader.read() == before
        assert path.read_bytes() != before
    assert [one.name for one in tmp_path.iterdir()] == ["state.json"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Misconfigured, match="cannot be written") as problem:
        state_files.write(tmp_path / "file" / "state.json", STREAM, NOW, now=NOW)
    assert "STATE_FILE_PATH" in (problem.value.fix or "")


def test_streams_that_are_written_at_once_keep_each_others_place(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    streams = [f"Postgres:PROD:pt-{number}" for number in range(6)]

    def write(stream: str) -> None:
        for hour in range(12):
            state_files.write(path, stream, datetime(2025, 7, 24, hour, tzinfo=UTC), now=NOW)

    with ThreadPoolExecutor(len(streams)) as threads:
        list(threads.map(write, streams))
    states = state_files.read(path.read_text(encoding="utf-8"), stream=None, name="state.json")
    assert {one.stream: one.last_hour.hour for one in states} == dict.fromkeys(streams, 11)


def _line() -> dict[str, str]:
    return {
        "cloud": "aws",
        "contract_id": "contract-1",
        "dimension": "pod_hours",
        "start_time": "2025-05-01T00:00:00Z",
        "end_time": "2025-05-31T23:59:59Z",
        "quantity": "360",
    }
