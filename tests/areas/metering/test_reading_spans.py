"""Spans: the records behind a figure are found to the byte, and their sum is the figure."""

from __future__ import annotations

import json
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recoup.areas.metering.reading.results import Limits
from recoup.areas.metering.reading.spans import Span, find_records
from recoup.core.errors import Changed
from support.usage_texts import STYLES, TextStore, extras, read_all, records, written, zipped

places = st.integers(min_value=1, max_value=3)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(records(), places), max_size=12),
    st.sampled_from(STYLES),
    extras,
    st.booleans(),
    st.integers(min_value=1, max_value=300),
)
def test_counted_records_add_up_to_the_parts_and_stand_where_it_says(
    placed: list[tuple[dict[str, str], int]], style: str, extra: str, fold: bool, chunk: int
) -> None:
    files: dict[str, list[dict[str, str]]] = {}
    for record, place in placed:
        files.setdefault(f"k{place}", []).append(record)
    texts = {key: written(some, style=style, extra=extra) for key, some in files.items()}
    store: Any = TextStore({key: zipped(text) if key == "k2" else text for key, text in texts.items()})
    limits = Limits(chunk=chunk)
    refs = {ref.key: ref for ref in store.refs()}
    for reading in read_all(store, fold=fold, limits=limits):
        for contract, dimension in {(part.contract, part.dimension) for part in reading.parts}:
            unit = [refs[key] for key in reversed(reading.unit)]
            spans = list(
                find_records(store, unit, contract=contract, dimension=dimension, fold=fold, limits=Limits())
            )
            assert [(span.key, span.index) for span in spans] == sorted(
                (span.key, span.index) for span in spans
            )
            for span in spans:
                _stands_there(span, texts[span.key], files[span.key][span.index])
            own = [span for span in spans if span.key == reading.key]
            for part in reading.parts:
                if (part.contract, part.dimension) == (contract, dimension):
                    _adds_up(part, [span for span in own if span.subscription == part.subscription])


def _stands_there(span: Span, text: bytes, record: dict[str, str]) -> None:
    assert text[span.start : span.end].decode() == span.text
    assert text[: span.start].count(b"\n") + 1 == span.line
    assert json.loads(span.text)["dimension"] == json.loads(record["dimension"])
    assert Fraction(span.value) == Fraction(
        json.loads(record["value"], parse_float=Fraction, parse_int=Fraction)
    )


def _adds_up(part: Any, spans: list[Span]) -> None:
    counted = [span for span in spans if span.counted]
    folded = [span for span in spans if not span.counted]
    assert sum(Fraction(span.value) for span in counted) == part.quantity
    assert len(counted) == part.records
    assert sum(Fraction(span.value) for span in folded) == part.folded_quantity
    assert len(folded) == part.folded_records
    priced = [Fraction(span.value) * Fraction(span.price) for span in counted if span.price is not None]
    assert sum(priced) == part.amount
    assert sum(Fraction(span.value) for span in counted if span.price is None) == part.unpriced


def test_a_file_that_is_no_longer_what_was_read_is_not_explained() -> None:
    record = {"externalPayerId": '"c"', "dimension": '"d"', "value": "1"}
    store: Any = TextStore({"k": written([record])})
    refs = store.refs()
    assert [span.value for span in find_records(store, refs, contract="c", dimension="d")] == [1]
    store.objects["k"] = written([record, record])
    with pytest.raises(Changed):
        list(find_records(store, refs, contract="c", dimension="d"))


def test_of_equal_repeats_the_first_counts() -> None:
    record = {"externalPayerId": '"c"', "dimension": '"d"', "value": "1"}
    store: Any = TextStore({"b": written([record]), "a": written([record, record])})
    spans = list(find_records(store, store.refs(), contract="c", dimension="d"))
    assert [(span.key, span.index, span.counted) for span in spans] == [
        ("a", 0, True),
        ("a", 1, False),
        ("b", 0, False),
    ]
