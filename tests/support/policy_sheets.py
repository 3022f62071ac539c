"""Sheets of policies for tests: CSV and workbooks, whole ones and broken ones."""

from __future__ import annotations

import io
import tempfile
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import xlsxwriter

from recoup.areas.claims.sheets import reading
from recoup.areas.claims.sheets.reading import Reading

HEADER = (
    "policy_number", "holder_email", "holder_name", "type", "start_date", "end_date", "premium", "sum_insured",
    "currency", "status", "auto_renew",
)  # fmt: skip
LINE: Mapping[str, str] = {
    "policy_number": "H-1",
    "holder_email": "carl@customer.test",
    "holder_name": "Carl",
    "type": "health",
    "start_date": "2025-01-01",
    "end_date": "2025-12-31",
    "premium": "120.00",
    "sum_insured": "",
    "currency": "EUR",
    "status": "active",
    "auto_renew": "yes",
}


def csv_of(*lines: Mapping[str, str], header: Sequence[str] = HEADER, delimiter: str = ",") -> bytes:
    """Return a CSV file; each line is a whole one, changed in what is given."""
    rows = [header, *([{**LINE, **line}.get(name, "") for name in header] for line in lines)]
    return "".join(f"{delimiter.join(row)}\r\n" for row in rows).encode()


def xlsx_of(*rows: Sequence[object], sheet: str = "Policies", more: Sequence[str] = ()) -> bytes:
    """Return a workbook with these rows on its first sheet."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "default_date_format": "dd/mm/yy"}) as book:
        made = book.add_worksheet(sheet)
        for number, row in enumerate(rows):
            made.write_row(number, 0, row)
        for name in more:
            book.add_worksheet(name).write(0, 0, "other")
    return out.getvalue()


def repacked(workbook: bytes, **parts: bytes) -> bytes:
    """Return a workbook with some of its parts replaced; their names are written with __ for / and _x for .xml."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        named = {name.replace("__", "/").replace("_x", ".xml"): body for name, body in parts.items()}
        for one in old.namelist():
            new.writestr(one, named.pop(one, None) or old.read(one))
        for name, body in named.items():
            new.writestr(name, body)
    return out.getvalue()


@contextmanager
def read(home: Path, body: bytes, *, currency: str = "EUR", name: str = "policies.csv") -> Iterator[Reading]:
    """Read a sheet as the doors do."""
    with tempfile.TemporaryFile() as file:
        file.write(body)
        file.flush()
        with reading.read(home, file, name=name, currency=currency) as found:
            yield found
