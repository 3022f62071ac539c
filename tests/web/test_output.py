"""What commands print: aligned for people, one document for programs, and nothing that steers a terminal."""

from __future__ import annotations

import fcntl
import io
import json
import os
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TextIO

import pytest

from recoup.web import output
from recoup.web.progress import Bars
from recoup.web.wire import Instant, Page, Quantity, Shown, page_of


class Thing(Shown):
    id: int
    at: Instant
    size: Quantity


BERLIN = timezone(timedelta(hours=2))
THINGS = [
    Thing(id=number, at=datetime(2025, 7, 24, 18, 30, tzinfo=BERLIN), size=Decimal("1E+3") * number)
    for number in (1, 2, 3)
]
COLUMNS = {"ID": lambda one: one.id, "AT": lambda one: one.at, "SIZE": lambda one: one.size}


def test_a_table_is_aligned_and_says_where_it_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing(page_of(Thing, THINGS, limit=2), COLUMNS, as_json=False, empty="Nothing.")
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "ID  AT                    SIZE",
        "1   2025-07-24 16:30 UTC  1000",
        "2   2025-07-24 16:30 UTC  2000",
    ]
    assert said.err == "There are more: add --before 2\n"


def test_a_document_is_exact(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing(page_of(Thing, THINGS, limit=2), COLUMNS, as_json=True, empty="Nothing.")
    said = capsys.readouterr()
    assert json.loads(said.out) == {
        "items": [
            {"id": 1, "at": "2025-07-24T16:30:00Z", "size": "1000"},
            {"id": 2, "at": "2025-07-24T16:30:00Z", "size": "2000"},
        ],
        "next": "2",
    }
    assert said.err == ""


@contextmanager
def terminal() -> Iterator[tuple[TextIO, Callable[[], str]]]:
    """A terminal of 60 columns, and what it was told so far."""
    far, near = os.openpty()
    fcntl.ioctl(near, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    os.set_blocking(far, False)

    def told() -> str:
        with suppress(BlockingIOError):
            return os.read(far, 100_000).decode()
        return ""

    with os.fdopen(near, "w", encoding="utf-8") as stream:
        yield stream, told
    os.close(far)


def test_a_terminal_gets_lines_and_nothing_that_steers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("COLUMNS", raising=False)
    an_id = "01980000-0000-7000-8000-000000000000"
    columns = {"ID": lambda _row: an_id, "TEXT": lambda row: row}
    with terminal() as (stream, told), redirect_stdout(stream):
        output.table(columns, ["[bold]\x1b[2J" + "long " * 20], empty="")
        stream.flush()
        said = told()
    assert an_id in said
    assert "─" in said
    assert "[bold]" in said
    assert "\x1b[2J" not in said


def test_a_bar_is_drawn_where_somebody_watches_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    with terminal() as (stream, told), redirect_stderr(stream), Bars() as bars:
        assert bars.drawn
        bars.update("hours", 0, None)
        bars.update("hours", 2, 6)
        bars.update("hours", 3, 6)
        said = ""
        deadline = time.monotonic() + 10
        while "3/6" not in said:
            assert time.monotonic() < deadline
            said += told()
            time.sleep(0.02)
    assert "hours" in said
    aside = io.StringIO()
    with redirect_stderr(aside), Bars() as bars:
        assert not bars.drawn
        bars.update("hours", 2, 6)
    assert aside.getvalue() == ""


def test_an_empty_list_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    output.listing(Page[Thing](items=[]), COLUMNS, as_json=False, empty="Nothing yet.")
    assert capsys.readouterr().out == "Nothing yet.\n"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (Decimal("2.50"), "2.5"),
        (Decimal("1E-18"), "0.000000000000000001"),
        ([1, "two"], "1, two"),
        ({"records": 3}, "records 3"),
        ("a\nb\tc", "a b c"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\u202eevil", r"\u202eevil"),
        ("[bold]é", "[bold]é"),
    ],
)
def test_values_are_written_for_people(value: object, shown: str) -> None:
    assert output.shown(value) == shown


def test_fields_leave_out_what_is_empty(capsys: pytest.CaptureFixture[str]) -> None:
    output.fields({"name": "export", "reason": None, "counts": {"hours": 2}})
    assert capsys.readouterr().out == "name    export\ncounts  hours 2\n"
