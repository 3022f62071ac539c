"""Files are read back by other programs than those that wrote them: what went in is what comes out, and nothing computes."""

from __future__ import annotations

import csv
import random
import tracemalloc
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from recoup.core.keyset import Slice
from recoup.core.money import Money
from recoup.office.desk import rules, service
from recoup.office.desk.writers import csv_file, fields, parquet, workbook
from recoup.web.lists import Column, Listing, Order

NASTY = [
    "=1+1",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "\0=1",
    "\uff1d1",
    "\uff0b1",
    "\uff0d1",
    "\uff20A1",
    '=HYPERLINK("http://evil.test","x")',
    "=cmd|' /C calc'!A0",
    "+49-30-1",
    "+1 -1",
]
READABLE = ["-5", "+1", "-1,234.50", "+49 30 1", "5", "a=b", "Müller; & Söhne", '"quoted"', "two\nlines", ""]
AT = datetime(2025, 7, 24, 16, 30, 5, tzinfo=UTC)

THINGS: Listing[dict[str, Any]] = Listing(
    name="things",
    title="Things",
    may="things.look",
    columns=(
        Column("name", "Name", lambda row: row.get("name")),
        Column("at", "At", lambda row: row.get("at"), "instant"),
        Column("took", "Took", lambda row: row.get("took"), "duration"),
        Column("count", "Count", lambda row: row.get("count"), "whole"),
        Column("used", "Used", lambda row: row.get("used"), "quantity"),
        Column("owed", "Owed", lambda row: row.get("owed"), "money"),
        Column("is_new", "New", lambda row: row.get("is_new"), "yes"),
        Column("detail", "Detail", lambda row: row.get("detail"), on_page=False),
    ),
    orders=(Order("newest", "newest first"),),
    rows=lambda _db, _wanted: Slice([], None),
)
ROW = {
    "name": "one",
    "at": AT,
    "took": timedelta(hours=26, seconds=1.5),
    "count": 12,
    "used": Decimal("1.50"),
    "owed": Money(123450, "EUR"),
    "is_new": True,
    "detail": {"a": 1, "b": ["x"]},
}


def written(tmp_path: Path, kind: service.Format, rows: list[dict[str, Any]], **how: Any) -> Path:
    path = tmp_path / f"out.{kind}"
    service.write(
        path, THINGS, rows, format=kind, zone="Europe/Berlin", most_rows=10**6, step=lambda _rows: None, **how
    )
    return path


def csv_rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file, strict=True))


def sheet(path: Path, number: int = 0) -> list[list[Any]]:
    return CalamineWorkbook.from_path(path).get_sheet_by_index(number).to_python()


# ---------------------------------------------------------------- what computes nothing


@pytest.mark.parametrize("value", NASTY)
def test_what_a_spreadsheet_would_compute_is_text_in_csv(value: str) -> None:
    assert rules.defused(value) == f"'{value}"


@pytest.mark.parametrize("value", READABLE)
def test_numbers_and_telephone_numbers_stay_readable(value: str) -> None:
    assert rules.defused(value) == value


def test_text_comes_back_from_csv_as_it_was_but_for_the_apostrophe(tmp_path: Path) -> None:
    path = written(tmp_path, "csv", [{"name": value} for value in [*NASTY, *READABLE]])
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")  # for Excel
    assert b"\r\n" in path.read_bytes()
    found = [row[0] for row in csv_rows(path)[1:]]
    assert found == [f"'{value}" for value in NASTY] + READABLE


def test_text_comes_back_from_a_workbook_as_it_was_and_is_no_formula(tmp_path: Path) -> None:
    nasty = [value for value in NASTY if "\0" not in value]
    path = written(
        tmp_path, "xlsx", [{"name": value} for value in [*nasty, *READABLE, "https://example.com"]]
    )
    found = [row[0] for row in sheet(path)[1:]]
    assert found == [*nasty, *READABLE, "https://example.com"]
    with zipfile.ZipFile(path) as book:
        xml = book.read("xl/worksheets/sheet1.xml").decode()
        names = book.namelist()
    assert "<f>" not in xml
    assert "hyperlink" not in xml
    assert not [name for name in names if "external" in name or "rels/sheet" in name]


# ---------------------------------------------------------------- every kind of value


def test_csv_holds_plain_values(tmp_path: Path) -> None:
    titles, row, empty = csv_rows(written(tmp_path, "csv", [ROW, {}]))
    assert titles == [
        "Name",
        "At (UTC)",
        "Took (seconds)",
        "Count",
        "Used",
        "Owed",
        "Owed: currency",
        "New",
        "Detail",
    ]
    assert row == [
        "one",
        "2025-07-24T16:30:05Z",
        "93601.5",
        "12",
        "1.5",
        "1234.50",
        "EUR",
        "yes",
        '{"a": 1, "b": ["x"]}',
    ]
    assert empty == [""] * 9


def test_a_workbook_holds_dates_in_the_readers_zone_and_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "xlsx", [ROW, {}])
    titles, row = sheet(path)[:2]
    assert titles == [
        "Name",
        "At (Europe/Berlin)",
        "Took",
        "Count",
        "Used",
        "Owed",
        "Owed: currency",
        "New",
        "Detail",
    ]
    assert row[1] == datetime(2025, 7, 24, 18, 30, 5)  # noqa: DTZ001 - a workbook knows no zones
    assert row[2] == timedelta(hours=26, seconds=1.5)
    assert row[3:8] == [12, 1.5, 1234.5, "EUR", True]
    with zipfile.ZipFile(path) as book:
        xml = book.read("xl/worksheets/sheet1.xml").decode()
        styles = book.read("xl/styles.xml").decode()
    assert '<pane ySplit="1"' in xml
    assert "<autoFilter ref=" in xml
    assert "customWidth" in xml
    assert 'formatCode="#,##0.00"' in styles


def test_parquet_is_typed(tmp_path: Path) -> None:
    table = pq.read_table(written(tmp_path, "parquet", [ROW, {}, ROW | {"used": Decimal("-12.125")}]))
    assert [(field.name, field.type) for field in table.schema] == [
        ("name", pa.string()),
        ("at", pa.timestamp("us", tz="UTC")),
        ("took_seconds", pa.decimal128(6, 1)),
        ("count", pa.int64()),
        ("used", pa.decimal128(5, 3)),
        ("owed", pa.decimal128(6, 2)),
        ("owed_currency", pa.string()),
        ("is_new", pa.bool_()),
        ("detail", pa.string()),
    ]
    assert table.column("used").to_pylist() == [Decimal("1.500"), None, Decimal("-12.125")]
    assert table.column("at").to_pylist()[0] == AT
    assert table.column("owed").to_pylist()[0] == Decimal("1234.50")


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_a_list_without_rows_is_a_file_with_titles(tmp_path: Path, kind: service.Format) -> None:
    path = written(tmp_path, kind, [])
    if kind == "csv":
        assert len(csv_rows(path)) == 1
    elif kind == "xlsx":
        assert len(sheet(path)) == 1
    else:
        assert pq.read_table(path).num_rows == 0


# ---------------------------------------------------------------- exact, or text


@pytest.mark.parametrize(
    ("value", "is_exact"),
    [
        ("0", True),
        ("0.1", True),
        ("123456789012345", True),
        ("1234567890123456", False),
        ("1200000000000000000000", True),
        ("0.000000000000000001", True),
        ("9007199254740993", False),
        ("1234567890.123456", False),
        ("1E+400", False),
    ],
)
def test_numbers_that_a_double_does_not_hold_are_known(value: str, is_exact: bool) -> None:
    assert rules.is_exact_in_a_double(Decimal(value)) is is_exact


def test_no_digit_of_a_number_is_lost_in_a_workbook(tmp_path: Path) -> None:
    chance = random.Random(5)
    values = [
        Decimal(chance.randrange(10 ** chance.randrange(1, 22))).scaleb(-chance.randrange(0, 12))
        * chance.choice([1, -1])
        for _ in range(500)
    ]
    found = [row[4] for row in sheet(written(tmp_path, "xlsx", [{"used": value} for value in values]))[1:]]
    assert {type(value) for value in found} == {str, float}
    for value, read in zip(values, found, strict=True):
        assert (Decimal(repr(read)) if isinstance(read, float) else Decimal(read)) == value


def test_a_column_of_more_digits_than_decimal128_holds_is_text(tmp_path: Path) -> None:
    values = [Decimal("1" * 30), Decimal("0.000000000000000001")]
    table = pq.read_table(written(tmp_path, "parquet", [{"used": value} for value in values]))
    assert table.column("used").to_pylist() == ["1" * 30, "0.000000000000000001"]


def test_a_text_longer_than_a_cell_is_cut_and_that_is_said(tmp_path: Path) -> None:
    path = tmp_path / "long.xlsx"
    rows = [{"name": "x" * 40_000}]
    done = service.write(path, THINGS, rows, format="xlsx", zone="UTC", most_rows=9, step=lambda _rows: None)
    assert sheet(path)[1][0] == "x" * 32_766 + "…"
    assert "1 texts were longer" in done.remarks[0]


# ---------------------------------------------------------------- many rows


@pytest.mark.parametrize(
    ("rows", "sheets"), [(0, [0]), (9, [9]), (10, [9, 1]), (18, [9, 9]), (19, [9, 9, 1])]
)
def test_a_workbook_goes_on_on_the_next_sheet(tmp_path: Path, rows: int, sheets: list[int]) -> None:
    path = tmp_path / "many.xlsx"
    listed = fields.fields_of(THINGS)
    values = fields.values_of(listed, ({"name": f"n{number}"} for number in range(rows)))
    done = workbook.write(
        path,
        listed,
        values,
        title="Things/with: a very long name that no sheet takes",
        zone="UTC",
        most_rows=10,
    )
    book = CalamineWorkbook.from_path(path)
    read = [book.get_sheet_by_name(name).to_python() for name in book.sheet_names]
    assert done.sheets == len(sheets)
    assert [len(each) - 1 for each in read] == sheets
    assert [row[0] for each in read for row in each[1:]] == [f"n{number}" for number in range(rows)]
    assert {each[0][0] for each in read} == {"Name"}


def test_parquet_of_several_groups_keeps_order(tmp_path: Path) -> None:
    path = written(
        tmp_path, "parquet", [{"name": str(number), "used": Decimal(number)} for number in range(120_000)]
    )
    file = pq.ParquetFile(path)
    assert file.metadata.num_row_groups == 3
    assert file.read().column("used").to_pylist()[::40_000] == [Decimal(0), Decimal(40_000), Decimal(80_000)]


@pytest.mark.parametrize("kind", ["csv", "xlsx", "parquet"])
def test_memory_does_not_grow_with_the_rows(tmp_path: Path, kind: service.Format) -> None:
    def peak(rows: int) -> int:
        tracemalloc.start()
        made = ({**ROW, "name": f"row {number}"} for number in range(rows))
        service.write(
            tmp_path / f"{rows}.{kind}",
            THINGS,
            made,
            format=kind,
            zone="UTC",
            most_rows=10**6,
            step=lambda _rows: None,
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(100)  # what is loaded and cached once
    assert peak(24_000) < 1.5 * peak(8_000)


def test_past_the_bound_there_is_no_file_that_looks_whole(tmp_path: Path) -> None:
    with pytest.raises(service.TooManyRows, match="more than 3 rows"):
        service.write(
            tmp_path / "x.csv",
            THINGS,
            [{}] * 4,
            format="csv",
            zone="UTC",
            most_rows=3,
            step=lambda _rows: None,
        )
    service.write(
        tmp_path / "y.csv", THINGS, [{}] * 3, format="csv", zone="UTC", most_rows=3, step=lambda _rows: None
    )


def test_a_writer_says_how_far_it_is(tmp_path: Path) -> None:
    seen: list[int] = []
    service.write(
        tmp_path / "x.csv", THINGS, [{}] * 1_200, format="csv", zone="UTC", most_rows=5_000, step=seen.append
    )
    assert seen == [500, 1_000, 1_200]


def test_media_types_are_those_of_the_formats() -> None:
    assert [one.MEDIA_TYPE.split(";")[0].rpartition("/")[2] for one in (csv_file, parquet)] == [
        "csv",
        "vnd.apache.parquet",
    ]
