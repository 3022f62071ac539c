"""Comparing a report with the snapshot before it: which rows differ, what is gone, which counters moved.

Every row becomes a fingerprint of its compared cells, in one scan. Only rows whose fingerprint is another are ever
parsed, so that what a comparison costs hardly depends on how wide reports are.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from recoup.areas.rights.reading import statements, trouble
from recoup.areas.rights.reading.engine import VERSION, Bounds, engine, literal
from recoup.areas.rights.reading.picking import picked
from recoup.areas.rights.reading.terms import Kept, Terms, Told
from recoup.areas.rights.reading.unpacking import Plain
from recoup.areas.rights.rules import layouts
from recoup.areas.rights.rules.layouts import Layout
from recoup.core.errors import Conflict, Invalid, Unavailable

AT_ONCE = 5_000
"""Rows that are handed on together."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that differs: its cells by the sorted names of the columns, and its counter as it is.

    ``is_recast``: nothing that both snapshots have differs, only columns that came or went.
    """

    key: str
    cells: list[str]
    count: int
    is_new: bool
    is_recast: bool


class Found:
    """What a comparison found. Iterators may be used once each, in any order, while the comparison is open."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        plain: Plain,
        layout: Layout,
        *,
        digits: int,
        is_usual: bool,
        work: Path,
        name_told: str,
    ) -> None:
        self._connection, self._plain, self._layout = connection, plain, layout
        self._digits, self._is_usual, self._work = digits, is_usual, work
        self._name_told = name_told
        rows, things, views = connection.execute(
            "select (select count(*) from now), count(*), coalesce(sum(exact), 0) from standing"
        ).fetchall()[0]
        self.rows: int = rows
        """Rows of the report."""
        self.things: int = things
        """Claims or assets in it."""
        self.views = int(views)
        self.columns = tuple(sorted(plain.columns))

    def differing(self) -> Iterator[list[Row]]:
        """Yield what is new or differs, many at a time."""
        cursor, places = (
            self._connection.cursor().execute(f"select {what} from differing order by place")
            for what in ("key, exact, is_new, is_recast", "place")
        )
        order = [self._plain.columns.index(one) for one in self.columns]
        key = self._plain.columns.index(self._layout.key)
        numbers = (place for some in _portions(places) for (place,) in some)
        cut_out = picked(self._plain, numbers, by_line=self.rows == self._plain.lines - 1)
        for batch in _portions(cursor):
            rows = []
            for known, count, is_new, is_recast in batch:
                cells = self._next(cut_out)
                if len(cells) != len(order) or cells[key] != known:
                    raise self._two_ways()
                rows.append(Row(known, [cells[place] for place in order], count, is_new, is_recast))
            yield rows

    def _next(self, cut_out: Iterator[list[str]]) -> list[str]:
        try:
            return next(cut_out, [])
        except csv.Error:
            raise self._two_ways() from None

    def _two_ways(self) -> Invalid:
        """Return what is wrong with a file that the engine reads otherwise than we do."""
        found = trouble.first_problem(self._plain.path, self._layout, name=self._name_told)
        return found or Invalid(f"{self._name_told} can be read in two ways, so it is not used.")

    def gone(self) -> Iterator[list[str]]:
        """Yield the keys that the snapshot before had and this one has not, many at a time."""
        cursor = self._connection.cursor().execute(
            "select key from before anti join standing using (key) order by key"
        )
        for batch in _portions(cursor):
            yield [key for (key,) in batch]

    def moved(self) -> Iterator[list[tuple[str, int]]]:
        """Yield counters that moved in what does not differ otherwise: key and the rounded count."""
        now = statements.rounded("n.exact", self._digits)
        cursor = self._connection.cursor().execute(
            f"select n.key, {now} from standing n join before b using (key) "
            f"where {now} <> b.counted and n.place not in (select place from differing)"
        )
        yield from _portions(cursor)

    def keep_fingerprints(self, path: Path) -> None:
        """Write the fingerprints, for the next comparison; not after columns came or went, when these are of fewer.

        ``path`` is on the same disk as the folder of the comparison.
        """
        if not self._is_usual:
            return
        part = self._work / f"{path.name}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._connection.execute(
            f"copy (select key, print, {statements.rounded('exact', self._digits)} as counted from standing) "
            f"to {literal(str(part))} (format parquet, compression lz4_raw)"
        )
        part.replace(path)


def _portions(cursor: duckdb.DuckDBPyConnection) -> Iterator[list[Any]]:
    while portion := cursor.fetchmany(AT_ONCE):
        yield portion


def fingerprints_path(folder: Path, report_id: str, columns: Sequence[str], terms: Terms) -> Path:
    """Return where the fingerprints of a report are kept; what they depend on is part of the name."""
    made_of = repr((VERSION, layouts.compared(columns, terms.folded), terms.digits))
    return folder / f"{report_id}-{hashlib.sha256(made_of.encode()).hexdigest()[:16]}.parquet"


@contextmanager
def compared(
    plain: Plain,
    layout: Layout,
    before: Kept | Told | None,
    *,
    terms: Terms,
    work: Path,
    bounds: Bounds,
    name_told: str,
) -> Iterator[Found]:
    """Compare a report with the snapshot ``before`` (None: there is none).

    Raise Invalid for a row that does not fit, naming the file as ``name_told`` and the line; temporary files lie in
    ``work``. Unavailable when memory and disk do not suffice.
    """
    ours = layouts.compared(plain.columns, terms.folded)
    theirs = layouts.compared(before.columns, terms.folded) if isinstance(before, Told) else ours
    both, either = [one for one in ours if one in theirs], sorted({*ours, *theirs})
    # A carriage return may end a row to one reader and not to another: a slow one looks at each.
    if plain.has_returns and (problem := trouble.first_problem(plain.path, layout, name=name_told)):
        raise problem
    try:
        with engine(work, bounds) as connection:
            _read(connection, statements.scanned(plain, layout, both, either), plain, layout, name_told)
            _refuse_misfits(connection, plain, layout, name_told)
            connection.execute(statements.beaten(layout))
            is_plain = connection.execute("select count(*) from beaten").fetchall() == [(0,)]
            connection.execute(statements.STANDING if is_plain else statements.STANDING_BUT_BEATEN)
            connection.execute(statements.known(before, both, either))
            connection.execute(statements.differing(has_whole=both != either))
            yield Found(
                connection,
                plain,
                layout,
                digits=terms.digits,
                is_usual=both == list(ours),
                work=work,
                name_told=name_told,
            )
    except duckdb.OutOfMemoryException as error:
        raise Unavailable(
            "There is not enough memory or disk to compare the reports.", fix="Set rights.memory_mb higher."
        ) from error
    except duckdb.IOException as error:
        if isinstance(before, Kept) and not before.path.exists():
            raise Conflict("Another run has taken a report of this series meanwhile.") from error
        raise Unavailable(f"The report could not be compared: {error}", fix="It is tried again.") from error


def _read(
    connection: duckdb.DuckDBPyConnection, statement: str, plain: Plain, layout: Layout, name_told: str
) -> None:
    try:
        connection.execute(statement)
    except (duckdb.InvalidInputException, duckdb.ConversionException) as error:
        known = trouble.first_problem(plain.path, layout, name=name_told)
        raise known or trouble.refused(plain.path, str(error), name=name_told) from error


def _refuse_misfits(
    connection: duckdb.DuckDBPyConnection, plain: Plain, layout: Layout, name_told: str
) -> None:
    found = connection.execute(
        "select rowid, key, misfit from now where misfit is not null order by rowid limit 1"
    ).fetchall()
    if found:
        place, key, misfit = found[0]
        _, what = statements.misfits(plain, layout)[misfit]
        raise Invalid(f"{name_told}, line {trouble.line_of(plain.path, place)}: {what.format(key)}.")
    if not connection.execute("select exists (from now)").fetchall()[0][0]:
        raise Invalid(f"{name_told}, line 1: it has a header and no rows.")
