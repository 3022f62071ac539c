"""Files that are no reports, or not whole: the sentence names file and line, and the snapshot before stands as it was."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from recoup.areas.rights import controls
from recoup.areas.rights.rules.layouts import FOLDED, INSTEAD, SEPARATOR
from recoup.sandbox.claim_reports import CLAIM_COLUMNS
from recoup.sandbox.youtube_reports import Dress
from support.channel import ASSETS, DAY, USUAL, Channel, asset_rows, channel_on, claim_rows, report_of
from support.postgres import Cluster

ONE = timedelta(days=1)
FOUR: dict[str, dict[str, str]] = {f"C{number}": {} for number in range(1, 5)}
WHOLE = report_of(FOUR)
PACKED = gzip.compress(WHOLE, mtime=0)
HEADER, *LINES = WHOLE.splitlines(keepends=True)
AGAIN = " The next run asks for it again."
OF_CLAIMS = "so this is no report of claims."
LOOK = "Look for a job of the type content_owner_active_claims_a3."


class Days:
    """A channel with one snapshot, onto which a test publishes bad reports, each of a day of its own."""

    def __init__(self, channel: Channel) -> None:
        self.channel, self._numbers = channel, count(1)
        channel.publish(DAY, WHOLE)
        channel.publish(DAY, asset_rows({"asset_id": "A1"}, {"asset_id": "A2"}), kind=ASSETS)
        assert channel.sync().summary.startswith("2 reports fetched. 2 snapshots taken")

    def publish(self, body: bytes, *, kind: str | None = None) -> str:
        """Publish exactly these bytes; return what a sentence calls them."""
        day = DAY + next(self._numbers) * ONE
        how = {} if kind is None else {"kind": kind}
        self.channel.youtube.forget_reports()
        self.channel.publish(day, body, dress=Dress.PLAIN, **how)
        (name,) = self.channel.youtube._shelf.reports
        return f"Report {name} of {day}"

    def state(self, name: str) -> str:
        """Return the state of a report."""
        statement = "select state from rights_reports where report_id = :id"
        ((state,),) = self.channel.rows(statement, id=name.split()[1])
        return str(state)

    def alerts(self) -> list[str]:
        """Return the alerts about reports; that no good one comes for so long is told as well."""
        return [one for one in self.channel.alerts() if "No new report" not in one]

    def stands(self) -> list[tuple[Any, ...]]:
        """Return every row of the history with the transaction that wrote it and where it lies."""
        return [
            row
            for table in ("rights_things", "rights_versions", "rights_changes")
            for row in self.channel.rows(f"select xmin::text, ctid::text, * from {table} order by ctid")
        ]


@pytest.fixture(scope="module")
def days(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    home = tmp_path_factory.mktemp("bad")
    with cluster.database("migrated") as made, channel_on(made, home, kinds="claim,asset") as opened:
        opened.hurry()
        yield Days(opened)


def with_row(cells: Mapping[str, str], *, before: str = "C3") -> bytes:
    """Return the report of four claims with another row before one of them: of line 4, unless it says otherwise."""
    rows = [{"claim_id": key} for key in FOUR]
    rows.insert(list(FOUR).index(before), {"claim_id": "C9", **cells})
    return claim_rows(*rows)


def with_line(line: bytes, *, at: int = 4) -> bytes:
    """Return the report of four claims with a line put in."""
    lines = WHOLE.splitlines(keepends=True)
    return b"".join([*lines[: at - 1], line, *lines[at - 1 :]])


def with_header(*names: str) -> bytes:
    """Return a report with these columns behind the usual ones."""
    return report_of(FOUR, more=names)


def damaged(packed: bytes, *, at: int) -> bytes:
    """Return bytes of which one is another."""
    changed = bytearray(packed)
    changed[at] ^= 0x55
    return bytes(changed)


BROKEN = {
    "an HTML error page": (
        b"<!DOCTYPE html>\n<html><title>502</title></html>\n",
        ", line 1: it is a web page, not a report.",
    ),
    "an HTML page after blanks": (
        b"\n\n <html>\n</html>\n",
        ", line 1: it is a web page, not a report.",
    ),
    "a packed HTML page": (
        gzip.compress(b"<html>\n</html>\n"),
        ", line 1: it is a web page, not a report.",
    ),
    "an answer in JSON": (
        b'{"error": {"code": 500}}\n',
        ", line 1: it is an answer in JSON, not a report.",
    ),
    "empty": (b"", " is empty."),
    "empty, packed": (gzip.compress(b""), " is empty."),
    "the header, cut": (HEADER[:200], ", line 1: it ends within the line, so the rest is missing."),
    "the last line, cut": (WHOLE[:-20], ", line 5: it ends within the line, so the rest is missing."),
    "the last line without its end": (
        WHOLE[:-1],
        ", line 5: it ends within the line, so the rest is missing.",
    ),
    "cut within a character": (
        WHOLE[: WHOLE.rindex("ö".encode()) + 1],
        ", line 5: it ends within a character, so the rest is missing.",
    ),
    "the header, cut within a character": (
        b"claim_id,k\xc3",
        ", line 1: it ends within a character, so the rest is missing.",
    ),
    "gzip without its end": (PACKED[:-30], " ends too early: the end of its gzip data is missing."),
    "gzip without its trailer": (PACKED[:-8], " ends too early: the end of its gzip data is missing."),
    "gzip whose trailer is cut": (PACKED[:-1], " ends too early: the end of its gzip data is missing."),
    "gzip, two bytes only": (PACKED[:2], " ends too early: the end of its gzip data is missing."),
    "gzip with a wrong sum": (
        damaged(PACKED, at=-8),
        " is damaged: its gzip data cannot be unpacked.",
    ),
    "gzip with a wrong length": (
        damaged(PACKED, at=-1),
        " is damaged: its gzip data cannot be unpacked.",
    ),
    "gzip with a wrong byte": (
        damaged(PACKED, at=40),
        " is damaged: its gzip data cannot be unpacked.",
    ),
    "gzip with something behind it": (
        PACKED + b"garbage",
        " is damaged: its gzip data cannot be unpacked.",
    ),
    "gzip whose second member is cut": (
        PACKED + PACKED[:-9],
        " ends too early: the end of its gzip data is missing.",
    ),
}
"""What comes so is fetched again: another time it may come whole."""

UNUSABLE = {
    "no CSV": (
        b"%PDF-1.7\nendobj\n",
        (
            f", line 1: the columns claim_id, claim_status, asset_id, video_id are missing, {OF_CLAIMS} It has %PDF-1.7. "
            f"{LOOK}"
        ),
    ),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(20), ", line 3: it holds a NUL byte, so it is no text."),
    "a report of assets": (
        asset_rows({"asset_id": "A1"}),
        (
            f", line 1: the columns claim_id, claim_status, video_id are missing, {OF_CLAIMS} It has approx_daily_views, "
            f"asset_id, asset_type, status, metadata_origination, custom_id, isrc, grid and more. {LOOK}"
        ),
    ),
    "semicolons": (
        WHOLE.replace(b",", b";"),
        (
            f", line 1: the columns claim_id, claim_status, asset_id, video_id are missing, {OF_CLAIMS} It has "
            f"{HEADER.decode().strip().replace(',', ';')}. {LOOK}"
        ),
    ),
    "no header": (
        b"".join(LINES),
        (
            f", line 1: the columns claim_id, claim_status, asset_id, video_id are missing, {OF_CLAIMS} It has C1, ACTIVE, "
            f"NONE, AUDIO_MATCH, AUDIO, A1, V1,  and more. {LOOK}"
        ),
    ),
    "an empty first line": (
        b"\n" + WHOLE,
        f", line 1: the columns claim_id, claim_status, asset_id, video_id are missing, {OF_CLAIMS} It has none. {LOOK}",
    ),
    "header only": (HEADER, ", line 1: it has a header and no rows."),
    "a header whose quotes stay open": (
        HEADER.replace(b"claim_id", b'"claim_id', 1) + LINES[0],
        ", line 1: the names of its columns cannot be read.",
    ),
    "a name twice": (with_header("views"), ", line 1: the column views is there twice."),
    "a name twice but for its case": (
        with_header("Claim_Status"),
        ", line 1: the column Claim_Status is there twice.",
    ),
    "a column without a name": (with_header("mood", " "), ", line 1: column 51 has no name."),
    "too many columns": (
        with_header(*(f"new_{number}" for number in range(252))),
        ", line 1: it names 301 columns, more than the 300 that are read.",
    ),
    "a NUL byte": (
        with_row({"video_title": "a\0b"}),
        ", line 4: it holds a NUL byte, so it is no text.",
    ),
    "UTF-16": (WHOLE.decode().encode("utf-16"), ", line 1: it holds a NUL byte, so it is no text."),
    "mixed encodings": (
        with_line(LINES[0].decode().encode("latin-1")),
        ", line 4: its text is not UTF-8.",
    ),
    "half a surrogate": (with_line(b"C9,\xed\xa0\x80\n"), ", line 4: its text is not UTF-8."),
    "a line of 10 MB": (
        with_row({"video_title": "x" * 10_000_000}),
        ", line 4: it is longer than 2,000,000 characters.",
    ),
    "10 MB without an end": (b"x" * 10_000_000, ", line 1: it is longer than 2,000,000 characters."),
    "quotes that stay open": (
        with_line(LINES[0].replace(b"Live", b'"Live')),
        ", line 4: its quotes stay open to the end of the file.",
    ),
    "text behind quotes": (
        with_line(LINES[0].replace(b"Live in", b'"Live" in')),
        ", line 4: its quotes cannot be read (',' expected after '\"').",
    ),
    "too few cells": (
        with_line(LINES[0].rpartition(b",")[0] + b"\n"),
        ", line 4: it has 48 cells for 49 columns.",
    ),
    "too many cells": (
        with_line(LINES[0].strip() + b",x\n"),
        ", line 4: it has 50 cells for 49 columns.",
    ),
    "too few cells, below a cell of two lines": (
        with_line(LINES[0].replace(b"Live in", b'"Live\nin"')[:-2] + b"\n", at=3)[:-2] + b",x\n",
        ", line 3: its quotes cannot be read (',' expected after '\"').",
    ),
    "too few cells in the last line": (
        WHOLE[: WHOLE.rindex(b",")] + b"\n",
        ", line 5: it has 48 cells for 49 columns.",
    ),
    "another file's text in the middle": (
        with_line(b"Total,4\n"),
        ", line 4: it has 2 cells for 49 columns.",
    ),
    "a carriage return": (
        with_line(LINES[0].replace(b"Live in", b"Live\rin")),
        ", line 4: it holds a carriage return outside of quotes.",
    ),
    "ends of lines that differ": (
        with_line(LINES[0].strip() + b"\r\n"),
        ", line 4: it does not end as line 1 does (with or without a carriage return).",
    ),
    "an empty key": (with_row({"claim_id": ""}), ", line 4: it has no claim_id."),
    "an empty key in quotes": (
        with_line(LINES[0].replace(b"C1", b'""')),
        ", line 4: it has no claim_id.",
    ),
    "an empty key below a cell of two lines": (
        claim_rows({"claim_id": "C1", "video_title": "two\nlines"}, {"claim_id": ""}, {"claim_id": "C2"}),
        ", line 4: it has no claim_id.",
    ),
    "a key without end": (
        with_row({"claim_id": "C" * 501}),
        ", line 4: its claim_id is longer than 500 bytes.",
    ),
    "an asset without end": (
        with_row({"asset_id": "ä" * 251}),
        ", line 4: its asset_id is longer than 500 bytes.",
    ),
    **{
        f"views of {views!r}": (
            with_row({"views": views}),
            ", line 4: views of C9 is no whole number of up to 12 digits.",
        )
        for views in ("-1", "many", "1.5", "1e3", "0x10", "1,000", " 5", "٣", "1000000000000", "NaN")
    },
}
"""What comes so is turned away at once: another time it would come the same."""


@pytest.mark.parametrize(("body", "sentence"), BROKEN.values(), ids=BROKEN.keys())
def test_what_is_not_whole_is_fetched_again_three_times(days: Days, body: bytes, sentence: str) -> None:
    name, before, alerts = days.publish(body), days.stands(), days.alerts()
    for attempt in range(1, 4):
        run = days.channel.sync()
        again = AGAIN if attempt < 3 else ""
        said = "0 reports fetched" if attempt == 1 else "No new reports"
        assert run.summary == f"{said}. Nothing to process. {name}{sentence}{again}"
        assert (run.state, run.needs_person) == ("succeeded", True)
        assert days.state(name) == ("found" if attempt < 3 else "rejected")
        assert days.stands() == before
    told = days.alerts()[len(alerts) :]
    assert told == [f"Needs a person: The report of {name.split()[3]} cannot be used"]


@pytest.mark.parametrize(("body", "sentence"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_cannot_be_used_is_turned_away_at_once(days: Days, body: bytes, sentence: str) -> None:
    name, before, alerts = days.publish(body), days.stands(), days.alerts()
    run = days.channel.sync()
    fetched, _, rest = run.summary.partition(" fetched. Nothing to process. ")
    assert rest == f"{name}{sentence}"
    assert fetched in {"0 reports", "1 report"}
    assert (run.state, run.needs_person) == ("succeeded", True)
    assert days.state(name) == "rejected"
    assert days.stands() == before
    told = days.alerts()[len(alerts) :]
    assert told == [f"Needs a person: The report of {name.split()[3]} cannot be used"]
    settled(days)


@pytest.mark.parametrize("claims", ["-1", "many", "1.5", "2 000", "1e2", "9999999999999"])
def test_active_claims_that_are_no_number_are_turned_away(days: Days, claims: str) -> None:
    rows = [{"asset_id": "A1"}, {"asset_id": "A2", "active_claims": claims}, {"asset_id": "A3"}]
    name, before = days.publish(asset_rows(*rows), kind=ASSETS), days.stands()
    run = days.channel.sync()
    assert run.summary.endswith(f"{name}, line 3: active_claims of A2 is no whole number of up to 12 digits.")
    assert days.state(name) == "rejected"
    assert days.stands() == before


def settled(days: Days) -> None:
    """Say that nothing is left: no file in the work folder, and a next run has nothing to do."""
    run = days.channel.sync()
    assert (run.summary, run.needs_person) == ("No new reports. Nothing to process.", False)
    assert list((days.channel.system.home / "rights" / "work").iterdir()) == []


FINE: dict[str, Callable[[bytes], bytes]] = {
    "a BOM": lambda body: b"\xef\xbb\xbf" + body,
    "a BOM, packed": lambda body: gzip.compress(b"\xef\xbb\xbf" + body),
    "CR LF": lambda body: body.replace(b"\n", b"\r\n"),
    "CR LF and a BOM": lambda body: b"\xef\xbb\xbf" + body.replace(b"\n", b"\r\n"),
    "two members": lambda body: gzip.compress(body[:999]) + gzip.compress(body[999:]),
    "members of a byte each": lambda body: b"".join(
        gzip.compress(body[at : at + 1]) for at in range(len(body))
    ),
    "padding behind the last member": lambda body: gzip.compress(body) + bytes(512),
    "an empty line": lambda body: body.replace(b"\nC2", b"\n\nC2"),
    "every cell in quotes": lambda body: (
        b"\n".join(b",".join(b'"%b"' % cell for cell in line.split(b",")) for line in body.splitlines())
        + b"\n"
    ),
    "as it is": lambda body: body,
    "packed": gzip.compress,
    "packed hardly at all": lambda body: gzip.compress(body, 0),
}


@pytest.mark.parametrize("dressed", FINE.values(), ids=FINE.keys())
def test_what_reads_the_same_is_the_same(days: Days, dressed: Callable[[bytes], bytes]) -> None:
    before = days.stands()
    name = days.publish(dressed(WHOLE))
    run = days.channel.sync()
    assert run.summary == "1 report fetched. 1 snapshot taken: 0 added, 0 gone, 0 changed.", run.summary
    assert days.state(name) == "taken"
    assert days.stands() == before


def test_cells_of_several_lines_are_read_where_lines_end_with_cr_lf(days: Days) -> None:
    title = "one\ntwo\r\nthree\rfour"
    quoted = '"' + title + '"'
    lines = [
        (line.decode().strip() + "\r\n").replace("Live in Köln", quoted)
        for line in WHOLE.splitlines(keepends=True)
    ]
    days.publish("".join(lines).encode())
    assert days.channel.sync().summary.endswith("0 added, 0 gone, 4 changed.")
    latest = "select after from rights_changes order by day desc, key limit 4"
    assert days.channel.rows(latest) == [([title],)] * 4
    days.publish(WHOLE)
    assert days.channel.sync().summary.endswith("4 changed.")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_report_is_taken_or_turned_away_but_stops_nothing(days: Days, data: st.DataObject) -> None:
    body = bytearray(WHOLE)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.integers(0, 30)))
        body[start:end] = data.draw(
            st.one_of(
                st.binary(max_size=6),
                st.sampled_from([b'"', b'""', b"\n", b"\r\n", b",", b"\0", b"\r", b'\n"', WHOLE]),
            )
        )
    packed = data.draw(st.booleans())
    survives(days, gzip.compress(bytes(body)) if packed else bytes(body))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.binary(max_size=300), st.text(max_size=100).map(lambda text: text.encode(errors="ignore")))
)
def test_any_bytes_are_turned_away_with_a_sentence(days: Days, body: bytes) -> None:
    survives(days, body)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_deflated_bytes_are_turned_away_with_a_sentence(days: Days, body: bytes) -> None:
    packer = zlib.compressobj(wbits=31)
    survives(days, packer.compress(body) + packer.flush())


def survives(days: Days, body: bytes) -> None:
    """Say that a run with these bytes ends well, and that only a report that was taken leaves a trace."""
    name, before = days.publish(body), days.stands()
    run = days.channel.sync()
    assert run.state == "succeeded", run.summary
    state = days.state(name)
    assert state in {"taken", "parked", "rejected", "found"}
    assert state == "taken" or days.stands() == before
    assert run.needs_person == (state != "taken") or parked(days)
    assert state == "taken" or name.split()[1] in run.summary


def parked(days: Days) -> bool:
    return bool(days.channel.rows("select 1 from rights_reports where state = 'parked'"))


SPECIAL = st.sampled_from(
    ['"', '""', '","', "\n", "\r\n", "\r", ",", "\\", "\\N", "\\.", "{}", "NULL", SEPARATOR, "\x1e", "\ufeff", "🎬", "\u2028", "\x85", "'", ";--", "%s", ":x", "é", "e\u0301"]
)  # fmt: skip
TEXT = st.lists(
    st.one_of(
        SPECIAL, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
    ),
    max_size=6,
).map("".join)
COMPARED = [name for name in CLAIM_COLUMNS if name not in FOLDED and name != "claim_id"]
CLAIM = st.dictionaries(st.sampled_from(COMPARED), TEXT, max_size=8)


@pytest.fixture(scope="module")
def texts(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Days]:
    """A channel whose reports may lose as many rows as they like."""
    home = tmp_path_factory.mktemp("texts")
    with cluster.database("migrated") as made, channel_on(made, home, kinds="claim,asset") as opened:
        opened.control(controls.FEWEST_PERCENT, 0)
        yield Days(opened)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example({"\ufeff": {}}, False)  # noqa: FBT003 - an example has no names
@given(st.dictionaries(TEXT.filter(bool), CLAIM, min_size=1, max_size=4), st.booleans())
def test_any_text_in_cells_comes_through_exactly(
    texts: Days, claims: dict[str, dict[str, str]], is_quoted: bool
) -> None:
    rows = [
        {**dict.fromkeys(CLAIM_COLUMNS, ""), **USUAL, **cells, "claim_id": key}
        for key, cells in claims.items()
    ]
    expected = {
        kept(row["claim_id"]): {name: kept(value) for name, value in row.items() if name not in FOLDED}
        for row in rows
    }
    texts.publish(written(rows, is_quoted=is_quoted))
    run = texts.channel.sync()
    assert "1 snapshot taken" in run.summary, run.summary
    assert standing(texts) == expected
    # With another column, all of it is read from the history and compared: nothing differs. Then back again.
    texts.publish(written([{**row, "mood": "new"} for row in rows], is_quoted=not is_quoted))
    run = texts.channel.sync()
    assert run.summary.endswith("0 added, 0 gone, 0 changed."), run.summary
    texts.publish(written(rows, is_quoted=is_quoted))
    run = texts.channel.sync()
    assert run.summary.endswith("0 added, 0 gone, 0 changed."), run.summary
    assert standing(texts) == expected


def kept(text: str) -> str:
    """Return a text as it is kept: one character has a meaning of its own there."""
    return text.replace(SEPARATOR, INSTEAD)


def written(rows: Sequence[Mapping[str, str]], *, is_quoted: bool) -> bytes:
    """Write a report, every cell in quotes or only those that need them."""
    lines = [",".join(rows[0])]
    lines += [",".join(_cell(value, is_quoted=is_quoted) for value in row.values()) for row in rows]
    return "".join(f"{line}\n" for line in lines).encode()


def _cell(text: str, *, is_quoted: bool) -> str:
    needs = is_quoted or not {'"', ",", "\n", "\r"}.isdisjoint(text)
    return '"' + text.replace('"', '""') + '"' if needs else text


def standing(days: Days) -> dict[str, dict[str, str]]:
    """Return the compared cells of every claim that is there, by name."""
    found = days.channel.rows(
        "select t.key, r.columns, v.cells from rights_things t "
        "join rights_versions v on v.series_id = t.series_id and v.key = t.key and v.since = t.since "
        "join rights_reports r on r.id = v.report_id join rights_series s on s.id = t.series_id "
        "where s.kind = 'claim' and not t.is_gone"
    )
    return {
        key: {
            name: value
            for name, value in zip(columns, cells.split(SEPARATOR), strict=True)
            if name in CLAIM_COLUMNS and name not in FOLDED
        }
        for key, columns, cells in found
    }
