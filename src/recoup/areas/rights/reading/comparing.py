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

from recoup.areas.rights.reading import trouble
from recoup.areas.rights.reading.engine import VERSION, Bounds, csv_of, engine, literal, name, scan
from recoup.areas.rights.reading.picking import picked
from recoup.areas.rights.reading.unpacking import Plain
from recoup.areas.rights.rules import layouts
from recoup.areas.rights.rules.layouts import Layout
from recoup.core.errors import Conflict, Invalid, Unavailable

AT_ONCE = 5_000
"""Rows that are handed on together."""
MOST_DIGITS = 12
"""Of a count: the sum over all rows of a report has to fit into 64 bits."""
LONGEST_NAME = 500
"""Bytes of what is looked for (an index holds some 2,700); YouTube's ids have up to 40."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How reports are compared: columns that are left out, and how many digits of a counter are kept."""

    folded: tuple[str, ...] = layouts.FOLDED
    digits: int = 1


@dataclass(frozen=True, slots=True)
class Kept:
    """The snapshot before, as fingerprints that its own comparison left behind."""

    path: Path


@dataclass(frozen=True, slots=True)
class Told:
    """The snapshot before, as the history tells it: a CSV file without a header, of key, counter, number and cells.

    The number says which of ``arrangements`` the names of the joined cells are.
    """

    path: Path
    arrangements: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that one of them has."""
        return tuple(sorted({name for names in self.arrangements for name in names}))


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
        now = _rounded("n.exact", self._digits)
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
            f"copy (select key, print, {_rounded('exact', self._digits)} as counted from standing) "
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
            _read(connection, _now(plain, layout, both, either), plain, layout, name_told)
            _refuse_misfits(connection, plain, layout, name_told)
            connection.execute(_beaten(layout))
            is_plain = connection.execute("select count(*) from beaten").fetchall() == [(0,)]
            connection.execute(_STANDING if is_plain else _STANDING_BUT_BEATEN)
            connection.execute(_before(before, both, either))
            connection.execute(_differing(has_whole=both != either))
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


def _now(plain: Plain, layout: Layout, both: Sequence[str], either: Sequence[str]) -> str:
    ranks = [_number(one) if one in plain.columns else "null::bigint" for one in layout.ranks]
    tie = name(layout.tie) if layout.tie in plain.columns else "null"
    whole = f"{_print(either, plain.columns)} as whole, " if list(both) != list(either) else ""
    counter = _number(layout.counter) if layout.counter in plain.columns else "0::bigint"
    misfit = " ".join(f"when {test} then {place}" for place, (test, _) in enumerate(_misfits(plain, layout)))
    return (
        f"create table now as select {name(layout.key)} as key, {_print(both, plain.columns)} as print, {whole}"
        f"coalesce({counter}, 0) as exact, {', '.join(f'{one} as rank{n}' for n, one in enumerate(ranks))}, "
        f"{tie} as tie, case {misfit} end as misfit from {scan(plain)}"
    )


def _misfits(plain: Plain, layout: Layout) -> list[tuple[str, str]]:
    """Return tests in SQL of what no row may be, each with what is to be said then; ``{}`` stands for the key."""
    tests = [(f"{name(layout.key)} is null", f"it has no {layout.key}")]
    tests += [
        (f"strlen({name(one)}) > {LONGEST_NAME}", f"its {one} is longer than {LONGEST_NAME} bytes")
        for one in (layout.key, "asset_id", "video_id", "claim_status", "status")
        if one in plain.columns
    ]
    tests += [
        (
            f"not regexp_full_match({name(one)}, '[0-9]{{1,{MOST_DIGITS}}}')",
            f"{one} of {{}} is no whole number of up to {MOST_DIGITS} digits",
        )
        for one in (layout.counter, "active_claims")
        if one in plain.columns
    ]
    return tests


def _refuse_misfits(
    connection: duckdb.DuckDBPyConnection, plain: Plain, layout: Layout, name_told: str
) -> None:
    found = connection.execute(
        "select rowid, key, misfit from now where misfit is not null order by rowid limit 1"
    ).fetchall()
    if found:
        place, key, misfit = found[0]
        _, what = _misfits(plain, layout)[misfit]
        raise Invalid(f"{name_told}, line {trouble.line_of(plain.path, place)}: {what.format(key)}.")
    if not connection.execute("select exists (from now)").fetchall()[0][0]:
        raise Invalid(f"{name_told}, line 1: it has a header and no rows.")


def _beaten(layout: Layout) -> str:
    """Return the SQL that finds the rows for which another row of their key stands."""
    ranks = ", ".join(f"rank{number} desc nulls last" for number in range(len(layout.ranks)))
    return (
        "create table beaten as select rowid as place from ("
        f"select rowid, row_number() over (partition by key order by {ranks}, tie nulls last, print) as nth from now "
        "where key in (select key from now group by key having count(*) > 1)) where nth > 1"
    )


_STANDING = "create view standing as select rowid as place, * from now"
_STANDING_BUT_BEATEN = f"{_STANDING} where rowid not in (select place from beaten)"


def _before(before: Kept | Told | None, both: Sequence[str], either: Sequence[str]) -> str:
    if before is None:
        return "create table before (key varchar, print ubigint, whole ubigint, counted bigint)"
    if isinstance(before, Kept):
        return f"create table before as select key, print, counted from {literal(str(before.path))}"
    whole = f", {_print(either, before.columns)} as whole" if list(both) != list(either) else ""
    source = csv_of(before.path, _TOLD, header=False)
    parts = [
        f"select {_KEY}, {_COUNT}, {_columns(names, before.columns)} from (select {_KEY}, {_COUNT}, "
        f"string_split({_CELLS}, chr(31)) as cells from told where {_NUMBER} = {number})"
        for number, names in enumerate(before.arrangements)
    ]
    return (
        f"create temp view told as select * from {source};"
        f"create table before as select {_KEY} as key, {_print(both, before.columns)} as print, "
        f"{_COUNT}::bigint as counted{whole} from ({' union all '.join(parts)})"
    )


_TOLD = ("recoup key", "recoup counted", "recoup number", "recoup cells")
_KEY, _COUNT, _NUMBER, _CELLS = (name(one) for one in _TOLD)


def _columns(names: Sequence[str], wanted: Sequence[str]) -> str:
    """Return the SQL that gives joined cells their names; an empty one is NULL, as it is where a report is read."""
    places = {one: place for place, one in enumerate(names, start=1)}
    return ", ".join(
        f"nullif(cells[{places[one]}], '') as {name(one)}"
        if one in places
        else f"null::varchar as {name(one)}"
        for one in wanted
    )


def _differing(*, has_whole: bool) -> str:
    recast = "b.print is not distinct from n.print" if has_whole else "false"
    differs = "b.print is distinct from n.print" + (
        " or b.whole is distinct from n.whole" if has_whole else ""
    )
    return (
        f"create table differing as select n.place, n.key, n.exact, b.key is null as is_new, {recast} as is_recast "
        f"from standing n left join before b using (key) where {differs}"
    )


def _print(columns: Sequence[str], there: Sequence[str]) -> str:
    """Return the SQL of a fingerprint: a column that is not there is as good as an empty one."""
    known = set(there)
    return f"hash({', '.join(name(one) if one in known else 'null::varchar' for one in columns)})"


def _number(column: str) -> str:
    return f"try_cast({name(column)} as bigint)"


def _rounded(sql: str, digits: int) -> str:
    """Return the SQL of ``layouts.rounded``."""
    step = f"pow(10, greatest(length({sql}::varchar) - {digits}, 0))::bigint"
    return f"({sql} // {step} * {step})"
