"""Reading reports: unpacked portion by portion, cut into rows, compared the same way however that is done."""

from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recoup.areas.rights.reading import engine, picking, statements, trouble, unpacking
from recoup.areas.rights.reading.comparing import Found, Row, compared, fingerprints_path
from recoup.areas.rights.reading.engine import Bounds
from recoup.areas.rights.reading.picking import picked
from recoup.areas.rights.reading.terms import Kept, Terms, Told
from recoup.areas.rights.reading.unpacking import BrokenFile, Plain, unpack
from recoup.areas.rights.rules import layouts
from recoup.areas.rights.rules.layouts import ASSETS, CLAIMS, FOLDED, LAYOUTS
from recoup.core.errors import Invalid, RecoupError, Unavailable

COLUMNS = ("claim_id", "claim_status", "asset_id", "video_id", "video_title", "views")
HEADER = ",".join(COLUMNS)
NAME = "report 1 of 2025-07-20"
SMALL = Bounds(memory=100, threads=2)
ANY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Values:
    """What a comparison found, as values."""

    differing: list[Row]
    gone: list[str]
    moved: list[tuple[str, int]]
    counts: tuple[int, int, int]

    @classmethod
    def of(cls, found: Found) -> Values:
        return cls(
            [row for rows in found.differing() for row in rows],
            [key for keys in found.gone() for key in keys],
            sorted(moved for some in found.moved() for moved in some),
            (found.rows, found.things, found.views),
        )


def unpacked(folder: Path, body: bytes, *, kind: str = "claim") -> Plain:
    folder.mkdir(exist_ok=True)
    packed = folder / "packed"
    packed.write_bytes(body)
    return unpack(packed, folder / "plain.csv", LAYOUTS[kind], name=NAME)


def report(rows: Sequence[Mapping[str, str]], columns: Sequence[str] = COLUMNS) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([row.get(name, "") for name in columns] for row in rows)
    return text.getvalue().encode()


def compare(
    folder: Path,
    body: bytes,
    before: Kept | Told | None,
    *,
    keep: Path | None = None,
    terms: Terms | None = None,
    bounds: Bounds = SMALL,
) -> Values:
    plain = unpacked(folder, body)
    how = terms or Terms()
    with compared(plain, CLAIMS, before, terms=how, work=folder, bounds=bounds, name_told=NAME) as found:
        told = Values.of(found)
        if keep is not None:
            found.keep_fingerprints(keep)
        return told


def told_by_hand(path: Path, columns: Sequence[str], rows: Sequence[Row], *, digits: int = 1) -> Told:
    """Write a snapshot as the history tells it."""
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
        for row in rows:
            writer.writerow([0, row.key, layouts.rounded(row.count, digits), layouts.joined(row.cells)])
    return Told(path, (tuple(sorted(columns)),))


# Unpacking


@pytest.mark.parametrize("portion", [1, 2, 3, 7, 64, 1 << 20])
def test_however_small_the_portions_are_the_text_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    body = report([{"claim_id": f"C{number}", "video_title": "東京, Köln\n🎬"} for number in range(5)])
    monkeypatch.setattr(unpacking, "PORTION", portion)
    for number, packed in enumerate(
        [body, gzip.compress(body), gzip.compress(body[:50]) + gzip.compress(body[50:]) + bytes(9)]
    ):
        plain = unpacked(tmp_path / str(number), packed)
        assert plain.path.read_bytes() == body
        assert (plain.columns, plain.size, plain.lines) == (COLUMNS, len(body), 11)


@pytest.mark.parametrize("portion", [1, 2, 5, 50, 1 << 20])
@pytest.mark.parametrize(
    ("flaw", "sentence"),
    [
        (b"\0", "it holds a NUL byte, so it is no text"),
        (b"\xc3(", "its text is not UTF-8"),
        (b"\xff", "its text is not UTF-8"),
    ],
)
def test_the_line_is_named_however_small_the_portions_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int, flaw: bytes, sentence: str
) -> None:
    monkeypatch.setattr(unpacking, "PORTION", portion)
    body = f"{HEADER}\nC1,A,B,V,é,5\nC2,A,B,V,".encode() + flaw + b",5\nC3,A,B,V,t,5\n"
    for packed in (body, gzip.compress(body)):
        with pytest.raises(Invalid, match=f"^{NAME}, line 3: {sentence}\\.$"):
            unpacked(tmp_path, packed)


@pytest.mark.parametrize("portion", [10, 100, 149])  # a portion is always shorter than the longest line
def test_a_line_is_too_long_wherever_portions_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, portion: int
) -> None:
    monkeypatch.setattr(unpacking, "PORTION", portion)
    monkeypatch.setattr(unpacking, "LONGEST_LINE", 150)
    longest = "C1,A,B,V," + "x" * 139 + ",5"
    body = f"{HEADER}\nC0,A,B,V,t,5\n{longest}\nC2,A,B,V,t,5\n"
    assert len(longest) == 150
    assert unpacking.PORTION < 150
    unpacked(tmp_path, body.encode())
    with pytest.raises(Invalid, match="line 3: it is longer than 150 characters"):
        unpacked(tmp_path, body.replace("xxx", "xxxx", 1).encode())


def test_what_would_fill_the_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "MOST_BYTES", 1_000_000)
    bomb = gzip.compress(f"{HEADER}\n".encode() + b"C1,A,B,V,t,5\n" * 200_000)
    assert len(bomb) < 20_000
    with pytest.raises(Invalid, match="is larger than 1,000,000 bytes when it is unpacked"):
        unpacked(tmp_path, bomb)
    assert (tmp_path / "plain.csv").stat().st_size < 3_000_000


@given(st.integers(0, 10_000), st.integers(0, 200))
@ANY
def test_a_gzip_file_that_lacks_anything_is_never_whole(tmp_path: Path, seed: int, cut: int) -> None:
    texts = random.Random(seed)
    rows = [{"claim_id": f"C{number}", "video_title": str(texts.random())} for number in range(20)]
    packed = gzip.compress(report(rows))
    assert unpacked(tmp_path, packed).lines == 21
    with pytest.raises(BrokenFile):
        unpacked(tmp_path, packed[: -1 - min(cut, len(packed) - 3)])


# Rows

PIECES = st.sampled_from(
    [
        *["C1,A,B,V\n", 'C2,"A\n,""\n",B,\n', 'C3,x"y,"",V\n', '"C4","","\r\n",V\n', "C5,A,,\n", "\n"] * 3,
        *['C6, "A,B",C\n', "a,", '"', '",', '""', ",", "\n", "\r\n", "\r", '"q",', ",,\n", '"a\r\nb",'],
    ]
)


@given(st.lists(PIECES, min_size=1, max_size=10).map("".join), st.booleans(), st.sampled_from([1, 7, 64]))
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_two_readers_read_the_same_or_the_file_is_refused(
    tmp_path: Path, text: str, has_returns: bool, block: int
) -> None:
    """Whatever is taken is what Python's own reader reads; nothing is passed over without a word."""
    text = f"claim_id,claim_status,asset_id,video_id\n{text}\n".replace("\n\n", "\n")
    text = text.replace("\n", "\r\n") if has_returns else text
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picking, "BLOCK", block)
        try:
            told = compare(tmp_path, text.encode(), None)
        except RecoupError as error:
            assert error.detail.startswith(NAME)  # noqa: PT017 - any other failure is one
            return
    truth = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row][1:]
    assert told.counts[0] == len(truth)
    assert {row.key for row in told.differing} == {row[0] for row in truth}
    for row in told.differing:
        assert dict(zip(sorted(CLAIMS.required), row.cells, strict=True)) in [
            dict(zip(("claim_id", "claim_status", "asset_id", "video_id"), cells, strict=True))
            for cells in truth
            if cells[0] == row.key
        ]


@given(
    st.lists(
        st.sampled_from(["plain", "", 'with "quotes"', "two\nlines", "\n\n", '"\n"', 'a,"\n,b']), min_size=1
    ),
    st.data(),
)
@ANY
def test_rows_are_cut_out_wherever_blocks_end(tmp_path: Path, titles: list[str], data: st.DataObject) -> None:
    rows = [{"claim_id": f"C{number}", "video_title": title} for number, title in enumerate(titles)]
    plain = unpacked(tmp_path, report(rows))
    wanted = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1))))
    is_by_line = plain.lines == len(rows) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(picking, "BLOCK", data.draw(st.integers(1, 200)))
        for by_line in {False, is_by_line}:
            found = list(picked(plain, wanted, by_line=by_line))
            assert [cells[0] for cells in found] == [f"C{number}" for number in wanted]
            assert [cells[4] for cells in found] == [titles[number] for number in wanted]


def test_rows_stay_whole_when_the_engine_reads_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With lines of at most 2,000 characters the engine's portions are small, and end within rows and quotes."""
    monkeypatch.setattr(engine, "LONGEST_LINE", 2_000)
    texts = random.Random(7)
    rows = [
        {
            "claim_id": f"C{number}",
            "video_title": texts.choice(["x" * 400, "a\nb" * 90, 'quote " and, comma\n' * 20, ""]),
            "views": str(number),
        }
        for number in range(3_000)
    ]
    told = compare(tmp_path, report(rows), None)
    assert told.counts == (3_000, 3_000, sum(range(3_000)))
    title = sorted(COLUMNS).index("video_title")
    assert [(row.key, row.cells[title]) for row in told.differing] == [
        (row["claim_id"], row["video_title"]) for row in rows
    ]


def test_the_line_of_a_flaw_is_named_below_cells_of_several_lines(tmp_path: Path) -> None:
    body = f'{HEADER}\nC1,A,B,V,"one\ntwo\n\nfour",5\n\nC2,A,B,V,t,many\n'
    with pytest.raises(
        Invalid, match=f"^{NAME}, line 7: views of C2 is no whole number of up to 12 digits\\.$"
    ):
        compare(tmp_path, body.encode(), None)
    plain = unpacked(tmp_path, body.encode())
    assert [trouble.line_of(plain.path, place) for place in range(2)] == [2, 7]


def test_quotes_that_only_the_engine_minds_are_named_by_their_line(tmp_path: Path) -> None:
    body = f'{HEADER}\nC1,A,B,V,"one\ntwo",5\nC2,A,B,V, "t,5\n'
    with pytest.raises(Invalid, match=f"^{NAME}, line 4: its quotes cannot be read"):
        compare(tmp_path, body.encode(), None)


def test_a_whole_report_has_no_problem(tmp_path: Path) -> None:
    plain = unpacked(tmp_path, report([{"claim_id": "C1", "video_title": "a\nb"}, {"claim_id": "C2"}]))
    assert trouble.first_problem(plain.path, CLAIMS, name=NAME) is None


@pytest.mark.parametrize(
    "names",
    [
        "key,print,exact,tie,misfit,rank0,rank1,place,whole,cells,counted,told,now",
        'a b,"c""d",e.f,%s,Ü,select',
    ],
)
def test_columns_may_be_called_as_they_like(tmp_path: Path, names: str) -> None:
    columns = (*COLUMNS, *next(csv.reader([names])))
    rows = [{name: f"{name} {number}" for name in columns} | {"views": "7"} for number in range(3)]
    first = compare(tmp_path / "first", report(rows, columns), None)
    assert [dict(zip(sorted(columns), row.cells, strict=True)) for row in first.differing] == rows
    told = told_by_hand(tmp_path / "told.csv", columns, first.differing)
    again = compare(tmp_path / "again", report(rows, columns), told)
    assert (again.differing, again.gone, again.moved) == ([], [], [])


# Comparing

CELLS = st.fixed_dictionaries(
    {},
    optional={
        "claim_status": st.sampled_from(["ACTIVE", "INACTIVE"]),
        "video_title": st.sampled_from(["", "a,b", 'q"q', "two\nlines", "\\N", "é"]),
        "views": st.integers(0, 300).map(str),
        "longest_match": st.integers(0, 3).map(str),
        "reference_id": st.sampled_from(["r1", "r2"]),
    },
)
WIDE = (*COLUMNS, "longest_match", "reference_id")
REPORT = st.lists(
    st.tuples(st.sampled_from([f"C{number}" for number in range(6)]), CELLS), min_size=1, max_size=9
)


def rows_of(pairs: Sequence[tuple[str, Mapping[str, str]]]) -> list[dict[str, str]]:
    return [{**cells, "claim_id": key} for key, cells in pairs]


@given(REPORT, REPORT, st.integers(1, 3))
@ANY
def test_fingerprints_and_history_find_the_same(
    tmp_path: Path,
    first: list[tuple[str, dict[str, str]]],
    second: list[tuple[str, dict[str, str]]],
    digits: int,
) -> None:
    terms = Terms(digits=digits)
    kept = tmp_path / "prints" / "one.parquet"
    before = compare(tmp_path, report(rows_of(first), WIDE), None, keep=kept, terms=terms)
    told = told_by_hand(tmp_path / "told.csv", WIDE, before.differing, digits=digits)
    body = report(rows_of(second), WIDE)
    by_prints = compare(tmp_path, body, Kept(kept), terms=terms)
    by_history = compare(tmp_path, body, told, terms=terms)
    assert by_prints == by_history
    # And both find what is found by hand.
    was = {row.key: row for row in before.differing}
    now = {row.key: row for row in compare(tmp_path, body, None).differing}
    assert by_prints.gone == sorted(was.keys() - now.keys())
    places = [place for place, name in enumerate(sorted(WIDE)) if name not in FOLDED]
    differs = {
        key
        for key, row in now.items()
        if key not in was or any(row.cells[place] != was[key].cells[place] for place in places)
    }
    assert {row.key for row in by_prints.differing} == differs
    assert by_prints.moved == sorted(
        (key, layouts.rounded(row.count, digits))
        for key, row in now.items()
        if key not in differs
        and layouts.rounded(row.count, digits) != layouts.rounded(was[key].count, digits)
    )


@given(REPORT, st.sets(st.sampled_from(["video_title", "reference_id", "longest_match"])), st.booleans())
@ANY
def test_columns_that_come_or_go_are_told_apart_from_cells_that_differ(
    tmp_path: Path, pairs: list[tuple[str, dict[str, str]]], without: set[str], comes: bool
) -> None:
    few, many = tuple(name for name in WIDE if name not in without), WIDE
    columns, others = (few, many) if comes else (many, few)
    rows = list({row["claim_id"]: row for row in rows_of(pairs)}.values())
    before = compare(tmp_path, report(rows, columns), None)
    told = told_by_hand(tmp_path / "told.csv", columns, before.differing)
    after = compare(tmp_path, report(rows, others), told)
    assert all(row.is_recast and not row.is_new for row in after.differing)
    assert {row.key for row in after.differing} == {
        row["claim_id"] for row in rows if any(row.get(name) for name in without)
    }
    assert after.gone == []


def test_after_columns_came_no_fingerprints_are_kept(tmp_path: Path) -> None:
    rows = [{"claim_id": "C1", "video_title": "t"}]
    before = compare(tmp_path, report(rows), None)
    told = told_by_hand(tmp_path / "told.csv", COLUMNS, before.differing)
    compare(tmp_path, report(rows, WIDE), told, keep=tmp_path / "prints" / "one.parquet")
    assert not (tmp_path / "prints").exists()
    compare(tmp_path, report(rows), told, keep=tmp_path / "prints" / "one.parquet")
    assert [path.name for path in (tmp_path / "prints").iterdir()] == ["one.parquet"]


def test_fingerprints_are_not_used_for_what_they_do_not_fit(tmp_path: Path) -> None:
    def path(columns: Sequence[str], terms: Terms) -> Path:
        return fingerprints_path(tmp_path, "r", columns, terms)

    usual = path(COLUMNS, Terms())
    assert usual == path(tuple(reversed(COLUMNS)), Terms())
    assert usual == path((*COLUMNS, "engaged_views"), Terms())  # not compared
    others = [path(WIDE, Terms()), path(COLUMNS, Terms(digits=2)), path(COLUMNS, Terms(folded=()))]
    assert len({usual, *others}) == 4


@given(REPORT, st.integers(0, 100))
@ANY
def test_the_order_of_rows_and_columns_makes_no_difference(
    tmp_path: Path, pairs: list[tuple[str, dict[str, str]]], seed: int
) -> None:
    # Rows that differ in nothing that decides between them are left out: any of them may stand.
    rows = list(
        {
            (row["claim_id"], row.get("longest_match"), row.get("reference_id")): row
            for row in rows_of(pairs)
        }.values()
    )
    shuffled, columns = [*rows], [*WIDE]
    random.Random(seed).shuffle(shuffled)
    random.Random(seed).shuffle(columns)
    first = compare(tmp_path, report(rows, WIDE), None, keep=tmp_path / "prints" / "one.parquet")
    second = compare(tmp_path, report(shuffled, columns), Kept(tmp_path / "prints" / "one.parquet"))
    assert (second.differing, second.gone, second.moved) == ([], [], [])
    assert second.counts == first.counts


def test_the_engine_rounds_as_we_do() -> None:
    counts = {0, 1, 5, 9, 57_312}
    counts |= {max(10**size + step, 0) for size in range(18) for step in (-1, 0, 1)}
    counts |= {random.Random(size).randrange(10**size) for size in range(1, 18)}
    with duckdb.connect(":memory:") as connection:
        connection.execute("create table counts (exact bigint)")
        connection.executemany("insert into counts values (?)", [[count] for count in sorted(counts)])
        for digits in range(1, 19):
            found = connection.execute(
                f"select exact, {statements.rounded('exact', digits)} from counts"
            ).fetchall()
            assert found == [(count, layouts.rounded(count, digits)) for count, _ in found]
            assert len(found) == len(counts)


@pytest.fixture(scope="module")
def two_days() -> tuple[bytes, bytes]:
    """Return two reports of a quarter of a million claims."""

    def day(number: int) -> Iterator[str]:
        yield f"{HEADER}\n"
        for claim in range(number * 1_000, 250_000 + number * 1_000):
            status = "INACTIVE" if number and claim % 500 == 0 else "ACTIVE"
            yield f"C{claim * 7_919 % 1_000_003:08d},{status},A{claim // 6},V{claim},title,{claim * (1 + number)}\n"

    return "".join(day(0)).encode(), "".join(day(1)).encode()


def test_little_memory_finds_the_same_as_much(tmp_path: Path, two_days: tuple[bytes, bytes]) -> None:
    first, second = two_days
    found = []
    for bounds in (Bounds(memory=2_000, threads=2), Bounds(memory=100, threads=1)):
        kept = tmp_path / f"prints-{bounds.memory}" / "one.parquet"
        compare(tmp_path, first, None, keep=kept, bounds=bounds)
        found.append(compare(tmp_path, second, Kept(kept), bounds=bounds))
    assert found[0] == found[1]
    assert len(found[0].gone) == 1_000
    assert len(found[0].differing) == 1_000 + 498
    assert not (tmp_path / "spill").exists() or not list((tmp_path / "spill").iterdir())


def test_without_enough_memory_or_disk_a_sentence_says_what_to_do(
    tmp_path: Path, two_days: tuple[bytes, bytes]
) -> None:
    with pytest.raises(Unavailable, match="There is not enough memory or disk") as raised:
        compare(tmp_path, two_days[0], None, bounds=Bounds(memory=10, threads=1))
    assert raised.value.fix == "Set rights.memory_mb higher."


@pytest.mark.parametrize("layout", [CLAIMS, ASSETS])
def test_a_count_is_a_whole_number_or_nothing(tmp_path: Path, layout: layouts.Layout) -> None:
    columns = [*layout.required, *({layout.counter} - set(layout.required))]
    for text, expected in {"": 0, "0": 0, "007": 7, "999999999999": 999_999_999_999}.items():
        row = {**dict.fromkeys(columns, "x"), layout.counter: text}
        if "active_claims" in columns:
            row["active_claims"] = text
        plain = unpacked(tmp_path, report([row], columns), kind=layout.kind)
        with compared(
            plain, layout, None, terms=Terms(), work=tmp_path, bounds=SMALL, name_told=NAME
        ) as found:
            assert found.views == expected
