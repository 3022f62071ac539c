"""A workbook of several lists: each on its own sheets, read back by another program than the one that wrote it."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from python_calamine import CalamineWorkbook

from recoup.office.desk.writers import workbook
from recoup.office.desk.writers.fields import Field, FieldKind

KINDS: Mapping[str, FieldKind] = {
    "Name": "text",
    "At": "instant",
    "Took": "duration",
    "Count": "whole",
    "Used": "quantity",
    "Owed": "amount",
    "New": "yes",
}
FIELDS = [Field(title.lower(), title, kind, itemgetter(title)) for title, kind in KINDS.items()]
ROW: list[Any] = [
    "one",
    datetime(2025, 7, 24, 16, 30, 5, tzinfo=UTC),
    timedelta(hours=26, seconds=1.5),
    12,
    Decimal("1.50"),
    Decimal("1234.50"),
    True,
]


def book_of(path: Path) -> dict[str, list[list[Any]]]:
    book = CalamineWorkbook.from_path(path)
    return {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}


def part(title: str, *names: str, columns: int = 1) -> workbook.Part:
    return workbook.Part(title, FIELDS[:columns], [[name, *[None] * (columns - 1)] for name in names])


def test_a_workbook_of_several_parts_has_each_on_its_own_sheets(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    parts = [
        workbook.Part("Summary", FIELDS, [ROW]),
        part("New claims", *[f"c{number}" for number in range(5)]),
        part("Gone claims", columns=3),
        part("Last", "x"),
    ]
    done = workbook.write_book(path, parts, zone="Europe/Berlin", most_rows=4)
    assert done == workbook.Written(sheets=5, cut=0)
    read = book_of(path)
    assert list(read) == ["Summary", "New claims", "New claims 2", "Gone claims", "Last"]
    assert read["Summary"][1][1] == datetime(2025, 7, 24, 18, 30, 5)  # noqa: DTZ001 - a workbook knows no zones
    assert read["Summary"][1][2] == timedelta(hours=26, seconds=1.5)
    assert read["Summary"][1][3:] == [12, 1.5, 1234.5, True]
    assert read["New claims"] == [["Name"], ["c0"], ["c1"], ["c2"]]
    assert read["New claims 2"] == [["Name"], ["c3"], ["c4"]]
    assert read["Gone claims"] == [["Name", "At (Europe/Berlin)", "Took"]]
    assert read["Last"] == [["Name"], ["x"]]
    with zipfile.ZipFile(path) as archive:
        sheets = [archive.read(f"xl/worksheets/sheet{number}.xml").decode() for number in range(1, 6)]
    assert [re.findall(r'<autoFilter ref="([^"]*)"', xml) for xml in sheets] == [
        ["A1:G2"],
        ["A1:A4"],
        ["A1:A3"],
        ["A1:C1"],
        ["A1:A2"],
    ]
    assert all('<pane ySplit="1"' in xml and "customWidth" in xml for xml in sheets)


def test_one_list_is_a_workbook_of_one_part(tmp_path: Path) -> None:
    rows = [ROW, [None] * len(FIELDS)]
    workbook.write(tmp_path / "a.xlsx", FIELDS, rows, title="Things", zone="UTC")
    workbook.write_book(tmp_path / "b.xlsx", [workbook.Part("Things", FIELDS, rows)], zone="UTC")

    def inside(path: Path) -> dict[str, bytes]:
        with zipfile.ZipFile(path) as book:
            names = [name for name in book.namelist() if name != "docProps/core.xml"]  # says when it was made
            return {name: book.read(name) for name in names}

    assert inside(tmp_path / "a.xlsx") == inside(tmp_path / "b.xlsx")


def test_texts_that_are_cut_are_counted_over_all_parts(tmp_path: Path) -> None:
    parts = [part("One", "x" * 40_000, "short"), part("Two", "y" * 40_000)]
    assert workbook.write_book(tmp_path / "cut.xlsx", parts, zone="UTC").cut == 2


def test_the_rows_of_a_part_are_read_when_their_turn_comes(tmp_path: Path) -> None:
    seen: list[str] = []

    def rows(title: str) -> Iterator[list[str]]:
        for number in range(3):
            seen.append(title)
            yield [f"{title}{number}"]

    parts = [workbook.Part(title, FIELDS[:1], rows(title)) for title in ("a", "b")]
    assert seen == []
    workbook.write_book(tmp_path / "turn.xlsx", parts, zone="UTC")
    assert seen == ["a"] * 3 + ["b"] * 3


@pytest.mark.parametrize("good", [0, 1_000])
def test_rows_that_fail_leave_no_file_that_looks_whole(tmp_path: Path, good: int) -> None:
    def rows() -> Iterator[list[str]]:
        yield from [["x"]] * good
        raise OSError("the line was cut")

    parts = [part("One", "x"), workbook.Part("Two", FIELDS[:1], rows())]
    with pytest.raises(OSError, match="the line was cut"):
        workbook.write_book(tmp_path / "cut.xlsx", parts, zone="UTC")
    assert list(tmp_path.iterdir()) == []


def test_a_workbook_without_parts_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one part"):
        workbook.write_book(tmp_path / "none.xlsx", [], zone="UTC")
    assert not (tmp_path / "none.xlsx").exists()


@pytest.mark.parametrize(
    ("titles", "names"),
    [
        (["Claims", "claims", "CLAIMS"], ["Claims", "claims 2", "CLAIMS 3"]),
        (["A 2", "A", "A"], ["A 2", "A", "A 3"]),
        (["x" * 40, "x" * 40], ["x" * 31, "x" * 29 + " 2"]),
        (["", " ", "\n"], ["Sheet", "Sheet 2", "_"]),
        (["History", "'quoted'", "a/b:c*d?e[f]g\\h"], ["History 2", "_quoted_", "a_b_c_d_e_f_g_h"]),
        (["\U0001f600" * 31, "\u202eexe"], ["_" * 31, "_exe"]),
        (["Ärger & <Söhne>"], ["Ärger & <Söhne>"]),
    ],
)
def test_sheets_have_names_that_differ_and_that_a_workbook_takes(
    tmp_path: Path, titles: list[str], names: list[str]
) -> None:
    path = tmp_path / "names.xlsx"
    workbook.write_book(path, [part(title, "x") for title in titles], zone="UTC")
    assert list(book_of(path)) == names


def test_a_part_that_goes_on_steps_round_the_names_of_others(tmp_path: Path) -> None:
    path = tmp_path / "names.xlsx"
    parts = [part("A 2", "x"), part("A", *"abcde")]
    assert workbook.write_book(path, parts, zone="UTC", most_rows=3).sheets == 4
    read = book_of(path)
    assert list(read) == ["A 2", "A", "A 3", "A 4"]
    assert [row[0] for name in list(read)[1:] for row in read[name][1:]] == list("abcde")
