"""The SQL of a comparison, for the engine: scanning, which rows stand, what was before, what differs."""

from __future__ import annotations

from collections.abc import Sequence

from recoup.areas.rights.reading.engine import csv_of, literal, name, scan
from recoup.areas.rights.reading.terms import Kept, Told
from recoup.areas.rights.reading.unpacking import Plain
from recoup.areas.rights.rules.layouts import Layout

MOST_DIGITS = 12
"""Of a count: the sum over all rows of a report has to fit into 64 bits."""
LONGEST_NAME = 500
"""Bytes of what is looked for (an index holds some 2,700); YouTube's ids have up to 40."""


def scanned(plain: Plain, layout: Layout, both: Sequence[str], either: Sequence[str]) -> str:
    """Return the SQL that scans a report into fingerprints of what both and of what either compare."""
    ranks = [_number(one) if one in plain.columns else "null::bigint" for one in layout.ranks]
    tie = name(layout.tie) if layout.tie in plain.columns else "null"
    whole = f"{_print(either, plain.columns)} as whole, " if list(both) != list(either) else ""
    counter = _number(layout.counter) if layout.counter in plain.columns else "0::bigint"
    misfit = " ".join(f"when {test} then {place}" for place, (test, _) in enumerate(misfits(plain, layout)))
    return (
        f"create table now as select {name(layout.key)} as key, {_print(both, plain.columns)} as print, {whole}"
        f"coalesce({counter}, 0) as exact, {', '.join(f'{one} as rank{n}' for n, one in enumerate(ranks))}, "
        f"{tie} as tie, case {misfit} end as misfit from {scan(plain)}"
    )


def misfits(plain: Plain, layout: Layout) -> list[tuple[str, str]]:
    """Return tests in SQL of what no row may be, each with what is to be said then; ``{}`` stands for the key."""
    tests = [(f"{name(layout.key)} is null", f"it has no {layout.key}")]
    tests += [
        (f"strlen({name(one)}) > {LONGEST_NAME}", f"its {one} is longer than {LONGEST_NAME} bytes")
        for one in (layout.key, "asset_id", "video_id", "claim_status", "status")
        if one in plain.columns
    ]
    tests += [
        (_no_count(one), f"{one} of {{}} is no whole number of up to {MOST_DIGITS} digits")
        for one in (layout.counter, "active_claims")
        if one in plain.columns
    ]
    return tests


def _no_count(column: str) -> str:
    """Return the SQL that says whether a cell is neither empty nor a count; the slow way to tell is for odd ones."""
    cell, digits = name(column), f"'[0-9]{{1,{MOST_DIGITS}}}'"
    number = f"{_number(column)}::varchar = {cell} and {cell}[1] <> '-'"
    usual = f"{cell} is null or (strlen({cell}) <= {MOST_DIGITS} and {number})"
    return f"case when {usual} then false else not regexp_full_match({cell}, {digits}) end"


def beaten(layout: Layout) -> str:
    """Return the SQL that finds the rows for which another row of their key stands."""
    ranks = ", ".join(f"rank{number} desc nulls last" for number in range(len(layout.ranks)))
    return (
        "create table beaten as select rowid as place from ("
        f"select rowid, row_number() over (partition by key order by {ranks}, tie nulls last, print) as nth from now "
        "where key in (select key from now group by key having count(*) > 1)) where nth > 1"
    )


STANDING = "create view standing as select rowid as place, * from now"
STANDING_BUT_BEATEN = f"{STANDING} where rowid not in (select place from beaten)"


def known(before: Kept | Told | None, both: Sequence[str], either: Sequence[str]) -> str:
    """Return the SQL that makes the same of the snapshot before."""
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


_TOLD = ("recoup number", "recoup key", "recoup counted", "recoup cells")
_NUMBER, _KEY, _COUNT, _CELLS = (name(one) for one in _TOLD)


def _columns(names: Sequence[str], wanted: Sequence[str]) -> str:
    """Return the SQL that gives joined cells their names; an empty one is NULL, as it is where a report is read."""
    places = {one: place for place, one in enumerate(names, start=1)}
    return ", ".join(
        f"nullif(cells[{places[one]}], '') as {name(one)}"
        if one in places
        else f"null::varchar as {name(one)}"
        for one in wanted
    )


def differing(*, has_whole: bool) -> str:
    """Return the SQL that finds the rows that differ; ``has_whole``: columns came or went."""
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


def rounded(sql: str, digits: int) -> str:
    """Return the SQL of ``layouts.rounded``."""
    step = f"pow(10, greatest(length({sql}::varchar) - {digits}, 0))::bigint"
    return f"({sql} // {step} * {step})"
