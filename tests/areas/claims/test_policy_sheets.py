"""Sheets of policies, read: every line becomes a policy or a rejection with a sentence, and what is no sheet is refused."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from recoup.areas.claims.rules import cells, columns
from recoup.areas.claims.rules.policies import COLUMNS, PolicyRow, Rejected
from recoup.areas.claims.rules.policies import read as read_lines
from recoup.areas.claims.sheets import text
from recoup.core.errors import Invalid, RecoupError, TooLarge
from support.policy_sheets import HEADER, LINE, csv_of, read, repacked, xlsx_of

QUICK = 10
"""Seconds: a loaded machine starts a process slowly."""


def found(home: Path, body: bytes, *, currency: str = "EUR") -> tuple[list[PolicyRow], list[Rejected]]:
    with read(home, body, currency=currency) as sheet:
        policies, rejected = list(sheet.policies()), list(sheet.rejected())
        assert sheet.rows == len(policies) + len(rejected)
        return policies, rejected


def read_here(body: bytes, *, currency: str = "EUR") -> tuple[list[PolicyRow], list[Rejected]]:
    """Read a CSV file without a process of its own."""
    lines = text.lines(body, known=lambda header: columns.known_in(COLUMNS, header))
    sheet = read_lines(lines, currency=currency)
    return list(sheet.policies), list(sheet.rejected)


def refusal(home: Path, body: bytes, kind: type[RecoupError] = Invalid) -> str:
    began = time.monotonic()
    with pytest.raises(kind) as caught, read(home, body):
        pass
    assert time.monotonic() - began < QUICK
    assert caught.value.fix or "empty" in caught.value.detail or "No sheet" in caught.value.detail
    assert not list((home / "incoming").iterdir())
    return caught.value.sentence()


# ---------------------------------------------------------------- cells


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-05", "2026/2/5", "20260205", "2026-02-05T00:00:00.000Z", "2026-02-05 00:00:00", "5.2.2026",
        "05. 02. 2026", "5 Feb 2026", "5. Februar 2026", "Feb 5, 2026", "February 5 2026", "5-Feb-2026",
    ],
)  # fmt: skip
def test_a_day_is_read_in_every_form_that_means_one(text: str) -> None:
    assert cells.day(text, what="The day") == dt.date(2026, 2, 5)


def test_a_day_between_strokes_is_read_where_it_can_be_one_only() -> None:
    assert cells.day("13/02/2026", what="The day") == dt.date(2026, 2, 13)
    assert cells.day("02/13/2026", what="The day") == dt.date(2026, 2, 13)
    assert cells.day("5/5/2026", what="The day") == dt.date(2026, 5, 5)
    with pytest.raises(Invalid, match="The day '05/02/2026' could be two days"):
        cells.day("05/02/2026", what="The day")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5.2.26",
        "2026-02-30",
        "2026-13-01",
        "45292",
        "soon",
        "2026-02-05T14:30",
        "31 Foo 2026",
        "\u0662\u0660\u0662\u0666-01-01",
    ],
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="is not a date"):
        cells.day(text, what="The day")


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("1250", 125_000), ("1250.5", 125_050), ("1,250.00", 125_000), ("1.250,00", 125_000), ("1250,5", 125_050),
        ("1 250,00", 125_000), ("1'250.00", 125_000), ("1.250.000", 125_000_000), ("0", 0), ("1,250,000", 125_000_000),
    ],
)  # fmt: skip
def test_an_amount_is_read_exactly(text: str, minor: int) -> None:
    assert cells.amount(text, "EUR", what="The premium").minor == minor


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("1,250", "could be two amounts"),
        ("1.255", "more than 2 digits after the point"),
        ("-1", "less than nothing"),
        ("1e3", "is not an amount"),
        ("12 €", "is not an amount"),
        ("NaN", "is not an amount"),
        ("\uff11\uff10\uff10", "is not an amount"),
        ("9" * 17, "larger than anything"),
        ("1,25,000", "is not an amount"),
    ],
)
def test_what_is_no_amount_or_could_be_two_is_refused(text: str, told: str) -> None:
    with pytest.raises(Invalid, match=told):
        cells.amount(text, "EUR", what="The premium")


def test_an_amount_has_as_many_digits_as_its_currency() -> None:
    assert cells.amount("1250", "JPY", what="The premium").minor == 1250
    assert cells.amount("1.255", "KWD", what="The premium").minor == 1255
    with pytest.raises(Invalid, match="JPY has digits after the point"):
        cells.amount("1.5", "JPY", what="The premium")


# ---------------------------------------------------------------- lines


def test_a_line_becomes_a_policy() -> None:
    (policy,), rejected = read_here(csv_of({"sum_insured": "5000"}))
    assert policy == PolicyRow(
        2, "H-1", "carl@customer.test", "Carl", "health", dt.date(2025, 1, 1), dt.date(2025, 12, 31), 12_000, 500_000,
        "EUR", "active", True,  # noqa: FBT003 - as it stands in the row
    )  # fmt: skip
    assert rejected == []


def test_what_an_optional_column_does_not_say_stays_open() -> None:
    header = HEADER[:2] + HEADER[3:7]
    (policy,), _ = read_here(csv_of({}, header=header), currency="CHF")
    assert (policy.name, policy.sum_insured_minor, policy.currency, policy.status, policy.auto_renew) == (
        "", None, "CHF", None, None,
    )  # fmt: skip


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
def test_german_sheets_are_read_whatever_stands_between_their_cells(delimiter: str, encoding: str) -> None:
    titles = [
        "Versicherungsscheinnummer",
        "E-Mail-Adresse",
        "Kundenname",
        "Sparte",
        "Gültig ab",
        "Gültig bis",
        "Prämie",
    ]
    cells_ = ["H-1", "ADA@bücher.example", "Jürgen Groß", "Kfz", "1.1.2026", "31.12.2026", '"1.250,00"']
    body = f"{delimiter.join(titles)}\n\n{delimiter.join(cells_)}\n".encode(encoding)
    (policy,), rejected = read_here(body)
    assert rejected == []
    assert (policy.line, policy.address, policy.name, policy.kind, policy.premium_minor) == (
        3, "ada@xn--bcher-kva.example", "Jürgen Groß", "auto", 125_000,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"policy_number": ""}, "It has no policy_number."),
        ({"policy_number": "x" * 65}, "longer than 64 characters"),
        ({"policy_number": "1.23457E+11"}, "was rounded by the spreadsheet"),
        ({"holder_email": ""}, "It has no holder_email."),
        ({"holder_email": "carl"}, "'carl' is not a mail address."),
        ({"holder_email": "a@b@c"}, "is not a mail address."),
        ({"holder_name": "<b>"}, "cannot be a name"),
        ({"type": "boat"}, "The type 'boat' is not known. Give one of auto, health"),
        ({"start_date": "01/02/2025"}, "The start_date '01/02/2025' could be two days."),
        ({"end_date": ""}, "It has no end_date."),
        ({"end_date": "2024-12-31"}, "It ends on 2024-12-31, before it starts on 2025-01-01."),
        ({"premium": ""}, "It has no premium. Write 0 where there is none."),
        ({"premium": "-1"}, "less than nothing"),
        ({"premium": "0.001"}, "more than 2 digits"),
        ({"sum_insured": "0"}, "The sum_insured is nothing."),
        ({"currency": "€"}, "'€' is not a currency"),
        ({"status": "asleep"}, "The status 'asleep' is not known."),
        ({"auto_renew": "perhaps"}, "The auto_renew 'perhaps' is neither yes nor no."),
    ],
)
def test_a_line_that_is_no_policy_is_told_with_its_number_and_why(change: dict[str, str], told: str) -> None:
    policies, (rejected,) = read_here(csv_of({"policy_number": "H-2"}, change))
    assert [one.policy_number for one in policies] == ["H-2"]
    assert rejected.line == 3
    assert told in rejected.reason
    assert rejected.cells == tuple({**LINE, **change}.values())


def test_all_that_is_wrong_with_a_line_is_told_at_once() -> None:
    _, (rejected,) = read_here(csv_of({"holder_email": "x", "type": "", "premium": "much"}))
    for told in ("'x' is not a mail address", "It has no type", "The premium 'much' is not an amount"):
        assert told in rejected.reason


def test_lines_that_do_not_fit_the_header_are_not_guessed() -> None:
    body = (
        csv_of({}) + b"H-2,a@b.test,A\r\n" + csv_of({"policy_number": "H-3"}).split(b"\r\n")[1] + b",more\r\n"
    )
    policies, rejected = read_here(body)
    assert [one.policy_number for one in policies] == ["H-1"]
    assert [(one.line, one.reason) for one in rejected] == [
        (3, "It has 3 cells, and the first line has 11."),
        (4, "It has 12 cells, and the first line has 11."),
    ]


def test_a_policy_that_comes_twice_is_taken_once_or_not_at_all() -> None:
    other = {"policy_number": "H-2"}
    policies, rejected = read_here(csv_of({}, other, {}, {**other, "premium": "1"}, {"policy_number": "H-3"}))
    assert [one.policy_number for one in policies] == ["H-1", "H-3"]
    assert [(one.line, one.reason) for one in rejected] == [
        (3, "Line 5 says something else of H-2. Neither is taken."),
        (4, "Line 2 says the same of H-1."),
        (5, "Line 3 says something else of H-2. Neither is taken."),
    ]


def test_cells_with_line_ends_keep_the_numbers_of_lines() -> None:
    body = csv_of({"policy_number": '"H\n1"'}, {"policy_number": "H-2", "type": "x"})
    policies, rejected = read_here(body)
    assert policies == []
    assert [one.line for one in rejected] == [2, 4]


# ---------------------------------------------------------------- workbooks


def test_a_workbook_s_typed_cells_are_read(tmp_path: Path) -> None:
    titles = ["Policy No", "Email", "Type", "Start", "End", "Premium", "Auto renew", "Broker"]
    days = [dt.date(2026, 2, 5), dt.datetime(2026, 12, 31, 0, 0)]  # noqa: DTZ001 - as a spreadsheet has it
    body = xlsx_of(
        [], titles, [1001, "a@b.test", "car", *days, 119.88000000000001, True, "x"], more=("Notes",)
    )
    with read(tmp_path, body) as sheet:
        (policy,) = sheet.policies()
        assert (policy.line, policy.policy_number, policy.start_date, policy.end_date, policy.premium_minor) == (
            3, "1001", dt.date(2026, 2, 5), dt.date(2026, 12, 31), 11_988,
        )  # fmt: skip
        assert policy.auto_renew is True
        assert sheet.notes == (
            "The sheet 'Policies' was read; 1 other in the workbook was not.",
            "Columns that nobody reads: Broker.",
        )


def test_a_formula_counts_as_the_value_that_was_kept_of_it_and_nothing_is_computed(tmp_path: Path) -> None:
    sheet = xlsx_of(HEADER, list(LINE.values()))
    with_formula = repacked(
        sheet,
        xl__worksheets__sheet1_x=(
            b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048577"/>'
            b"<sheetData>"
            + b"".join(
                b'<row r="%d">%s</row>'
                % (
                    number,
                    b"".join(
                        b'<c r="%s%d" t="str"><f>cmd|\'/c calc\'!A0</f><v>%s</v></c>'
                        % (column, number, text.encode())
                        for column, text in zip((b"A", b"B", b"D", b"E", b"F", b"G"), row, strict=True)
                    ),
                )
                for number, row in (
                    (1, ("policy_number", "holder_email", "type", "start_date", "end_date", "premium")),
                    (2, ("=1+1", "a@b.test", "car", "2026-01-01", "2026-12-31", "5")),
                )
            )
            + b"</sheetData></worksheet>"
        ),
    )
    (policy,), rejected = found(tmp_path, with_formula)
    assert (policy.policy_number, policy.premium_minor, rejected) == ("=1+1", 500, [])


# ---------------------------------------------------------------- what is no sheet


def test_missing_columns_refuse_the_file_by_name(tmp_path: Path) -> None:
    told = refusal(tmp_path, csv_of({}, header=("policy_number", "premium", "broker")))
    assert "The sheet has no column holder_email and no column type and no column start_date" in told
    assert "Its first line has 'policy_number', 'premium', 'broker'." in told


def test_two_columns_of_one_meaning_refuse_the_file(tmp_path: Path) -> None:
    assert "Two columns are both policy_number: 'policy_number' and 'Policy No'" in refusal(
        tmp_path, csv_of({}, header=(*HEADER, "Policy No"))
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "The sheet is empty."),
        (b"\r\n \r\n", "The sheet is empty."),
        (b"%PDF-1.7\n%\xe2\xe3\n1 0 obj\n\0", "This is no CSV file"),
        (b"\x89PNG\r\n\x1a\n\0\0", "This is no CSV file"),
        (csv_of({}) + b"a\0b", "bytes that no text has"),
        ("policy_number\n".encode("utf-16"), "bytes that no text has"),
        (csv_of({}) + b"\x81\x8d", "neither UTF-8 nor Windows-1252"),
        (b"hello, world\n" * 5, "The sheet has no column policy_number"),
        (csv_of({}) + b'H-2,"a@b.test', "Line 3 is not CSV"),
        (csv_of({}) + b'H-2,"a"b,c\r\n', "Line 3 is not CSV"),
        (b"PK\x03\x04 and so on", "This is no Excel workbook: it is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "This is an old Excel workbook (.xls)"),
    ],
)
def test_what_is_no_sheet_ends_in_a_sentence(tmp_path: Path, body: bytes, told: str) -> None:
    assert told in refusal(tmp_path, body)


def test_a_zip_that_is_no_workbook_is_refused(tmp_path: Path) -> None:
    body = repacked(xlsx_of(["x"]))
    assert "This is no Excel workbook (.xlsx)" in refusal(
        tmp_path, body.replace(b"xl/workbook.xml", b"xl/w0rkbook.xml")
    )


@pytest.mark.parametrize(
    "line",
    [b"x" * 10_000_000, b"," * 10_000_000, b'"' + b"x,\n" * 3_000_000, b'"a\nb",' * 1_500_000],
    ids=["one cell", "many cells", "a quotation mark that never ends", "many cells over many lines"],
)
def test_a_line_of_10_mb_ends_in_a_sentence(tmp_path: Path, line: bytes) -> None:
    assert "characters, or a quotation mark never ends" in refusal(tmp_path, csv_of({}) + line, TooLarge)


def test_a_file_beyond_20_mb_is_not_read_at_all(tmp_path: Path) -> None:
    assert "policies.csv is larger than 20 MB." in refusal(tmp_path, b"x" * (20 * 1024 * 1024 + 1), TooLarge)


def test_more_lines_than_are_taken_refuse_the_file(tmp_path: Path) -> None:
    line = csv_of({}).split(b"\r\n")[1] + b"\n"
    body = csv_of() + line.replace(b"Carl", b"C").replace(b"carl@customer.test", b"c@d.test") * 200_001
    assert "The sheet has more than 200,000 lines." in refusal(tmp_path, body)


SHEET = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s<sheetData>%s</sheetData></worksheet>'


def test_a_workbook_that_claims_a_million_lines_is_read_for_what_it_has(tmp_path: Path) -> None:
    rows = b"".join(
        b'<row r="%d">' % number
        + b"".join(b'<c t="inlineStr"><is><t>%s</t></is></c>' % text.encode() for text in row)
        + b"</row>"
        for number, row in ((1, HEADER), (2, LINE.values()))
    )
    body = repacked(
        xlsx_of(["x"]), xl__worksheets__sheet1_x=SHEET % (b'<dimension ref="A1:ZZ1048577"/>', rows)
    )
    (policy,), _ = found(tmp_path, body)
    assert policy.policy_number == "H-1"


@pytest.mark.parametrize(
    "cell",
    [
        b'<row r="1048576"><c r="A1048576"><v>1</v></c></row>',
        b'<row r="900000"><c r="XFD900000"><v>1</v></c></row>',
    ],
    ids=["the last line", "the last column of a late line"],
)
def test_a_cell_far_out_ends_in_a_sentence(tmp_path: Path, cell: bytes) -> None:
    first = b'<row r="1"><c r="A1"><v>1</v></c></row>'
    body = repacked(xlsx_of(["x"]), xl__worksheets__sheet1_x=SHEET % (b"", first + cell))
    began = time.monotonic()
    with pytest.raises(RecoupError) as caught, read(tmp_path, body, name="policies.xlsx"):
        pass
    assert time.monotonic() - began < QUICK
    assert isinstance(caught.value, Invalid | TooLarge)


def test_shared_strings_that_unpack_to_gigabytes_end_in_a_sentence(tmp_path: Path) -> None:
    bomb = b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>%s</t></si></sst>"
    body = repacked(xlsx_of(HEADER, list(LINE.values())), xl__sharedStrings_x=bomb % (b"A" * 600_000_000))
    assert "The workbook is too large once it is unpacked." in refusal(tmp_path, body, TooLarge)


def test_one_long_string_in_very_many_cells_ends_in_a_sentence(tmp_path: Path) -> None:
    strings = (
        b"<sst xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'><si><t>%s</t></si></sst>"
    )
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, 100_001))
    body = repacked(
        xlsx_of(["x"]),
        xl__sharedStrings_x=strings % (b"A" * 1_000_000),
        xl__worksheets__sheet1_x=SHEET % (b"", rows),
    )
    told = refusal(tmp_path, body)
    assert "needs too much memory to be read" in told or "cannot be read" in told


def test_a_workbook_with_nothing_in_it_is_told(tmp_path: Path) -> None:
    assert "No sheet of the workbook has anything in it." in refusal(tmp_path, xlsx_of())
