"""Parquet for programs: typed columns, instants in UTC, decimals with as many places as the list really has.

How many places a column has is known at its end only, so rows are put aside on disk first, their numbers as text.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
from pyarrow import ipc

from recoup.core import quantity
from recoup.office.desk.writers.fields import BATCH_ROWS, Field, seconds

MEDIA_TYPE = "application/vnd.apache.parquet"
GROUP_ROWS = 50_000
MOST_DIGITS = 38
"""What decimal128 holds; a column that needs more is text, digit by digit."""

_TYPES = {
    "text": pa.string(),
    "instant": pa.timestamp("us", tz="UTC"),
    "whole": pa.int64(),
    "yes": pa.bool_(),
}
_DECIMALS = frozenset({"quantity", "amount", "duration"})


def write(path: Path, fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows; what is put aside meanwhile lies beside ``path``."""
    aside = path.with_suffix(".arrow")
    widths = _put_aside(aside, fields, rows)
    schema = pa.schema([(_name(field), widths.type_of(field)) for field in fields])
    with (
        pa.OSFile(str(aside), "rb") as source,
        ipc.open_stream(source) as batches,
        pq.ParquetWriter(str(path), schema, compression="zstd") as file,
    ):
        while group := list(itertools.islice(batches, GROUP_ROWS // BATCH_ROWS)):
            table = pa.Table.from_batches(group)
            columns = [
                pc.cast(column, field.type) for column, field in zip(table.columns, schema, strict=True)
            ]
            file.write_table(pa.Table.from_arrays(columns, schema=schema))
    aside.unlink()


class _Widths:
    """How many digits the decimals of each column have before and after the point."""

    def __init__(self) -> None:
        self._whole: dict[str, int] = {}
        self._places: dict[str, int] = {}

    def note(self, field: Field, text: str) -> str:
        """Look at a number that is written down; return it."""
        whole, _, places = text.lstrip("-").partition(".")
        self._whole[field.name] = max(self._whole.get(field.name, 1), len(whole))
        self._places[field.name] = max(self._places.get(field.name, 0), len(places))
        return text

    def type_of(self, field: Field) -> pa.DataType:
        """Return the type of a column, once every row was looked at."""
        if field.kind not in _DECIMALS:
            return _TYPES[field.kind]
        places = self._places.get(field.name, 0)
        digits = self._whole.get(field.name, 1) + places
        return pa.decimal128(digits, places) if digits <= MOST_DIGITS else pa.string()


def _put_aside(aside: Path, fields: Sequence[Field], rows: Iterable[Sequence[Any]]) -> _Widths:
    widths = _Widths()
    schema = pa.schema([(_name(field), _TYPES.get(field.kind, pa.string())) for field in fields])
    coming = iter(rows)
    with pa.OSFile(str(aside), "wb") as sink, ipc.new_stream(sink, schema) as stream:
        while some := list(itertools.islice(coming, BATCH_ROWS)):
            columns = zip(*some, strict=True)
            arrays = [
                pa.array([_plain(widths, field, value) for value in column], type=schema.field(index).type)
                for index, (field, column) in enumerate(zip(fields, columns, strict=True))
            ]
            stream.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return widths


def _plain(widths: _Widths, field: Field, value: Any) -> Any:
    if value is None or field.kind not in _DECIMALS:
        return value
    number: Decimal = seconds(value) if field.kind == "duration" else value
    return widths.note(field, format(number, "f") if field.kind == "amount" else quantity.to_text(number))


def _name(field: Field) -> str:
    return f"{field.name}_seconds" if field.kind == "duration" else field.name
