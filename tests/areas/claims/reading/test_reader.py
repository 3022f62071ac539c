from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from recoup.areas.claims import confined
from recoup.areas.claims.documents.limits import MEGABYTE, Limits
from recoup.areas.claims.reading import reader, recognising
from recoup.areas.claims.reading.results import Field, Proposed, Reading
from recoup.areas.claims.reading.words import Box, as_shown
from recoup.core.errors import Invalid, Misconfigured, RecoupError, Unavailable, Unsupported
from support.invoices import LAYOUTS, TONGUES, Invoice, scanned_pdf, with_letterhead

needs_recogniser = pytest.mark.skipif(not reader.available(), reason="the extra ocr is not installed")
DAY, DUE, ORDERED = date(2024, 3, 5), date(2024, 4, 4), date(2024, 2, 20)


def invoice(tongue: str, layout: str = "beside") -> Invoice:
    return Invoice(TONGUES[tongue], layout, DAY, DUE, ORDERED, (Decimal("1234.50"), Decimal("89.90")))


def best(reading: Reading, field: Field) -> Proposed:
    return next(one for one in reading.proposals if one.field is field)


def assert_understood(reading: Reading, made: Invoice) -> None:
    assert best(reading, Field.DATE).value == made.day.isoformat()
    assert Decimal(best(reading, Field.AMOUNT).value) == made.total
    assert best(reading, Field.CURRENCY).value == made.tongue.code
    assert best(reading, Field.SUPPLIER).value.strip(".") == made.tongue.supplier.strip(".")


def middle(box: Box) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


@pytest.mark.parametrize(("tongue", "layout"), list(zip(["de", "fr", "es"], LAYOUTS, strict=True)))
def test_a_pdf_with_text_is_read_by_its_text(tmp_path: Path, tongue: str, layout: str) -> None:
    made = invoice(tongue, layout)
    source = tmp_path / "invoice.pdf"
    source.write_bytes(made.pdf())
    reading = reader.propose(source, kind="pdf")
    assert_understood(reading, made)
    assert reading.engine.startswith("text layer pypdfium2 ")
    assert reading.pages == 1


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_page_that_is_shown_turned_is_read_and_its_boxes_are_where_it_shows_them(
    tmp_path: Path, turn: int
) -> None:
    made = invoice("de")
    upright, turned = tmp_path / "upright.pdf", tmp_path / "turned.pdf"
    upright.write_bytes(made.pdf())
    turned.write_bytes(made.pdf(turn=turn))
    before, after = reader.propose(upright, kind="pdf"), reader.propose(turned, kind="pdf")
    assert [one.value for one in after.proposals] == [one.value for one in before.proposals]
    for one, other in zip(before.proposals, after.proposals, strict=True):
        # A page that is shown turned to the right has to be turned on to be upright again.
        shown = as_shown(one.box, 4 - turn // 90)
        assert middle(other.box) == pytest.approx(middle(shown), abs=3)


@needs_recogniser
def test_a_scanned_pdf_that_lies_askew_is_recognised_line_by_line(tmp_path: Path) -> None:
    made = invoice("en")
    source = tmp_path / "scan.pdf"
    askew = made.picture(per_point=1.6).rotate(1.2, expand=True, fillcolor="white")
    source.write_bytes(scanned_pdf(askew))
    reading = reader.propose(source, kind="pdf")
    assert_understood(reading, made)
    assert reading.engine.startswith("rapidocr ")
    total = next(word.box for word in made.words() if word.text == "£1,589.28")
    assert middle(best(reading, Field.AMOUNT).box) == pytest.approx(middle(total), abs=40)


@needs_recogniser
def test_a_picture_that_lies_on_its_side_is_turned_first(tmp_path: Path) -> None:
    made = invoice("nl")
    source = tmp_path / "photo.png"
    made.picture(per_point=1.3).transpose(Image.Transpose.ROTATE_90).save(source)
    reading = reader.propose(source, kind="png")
    assert_understood(reading, made)
    total = next(word.box for word in made.words() if word.text == "1.589,28")
    assert middle(best(reading, Field.AMOUNT).box) == pytest.approx(middle(as_shown(total, 1)), abs=25)


@pytest.mark.parametrize(("wide", "sure", "turn"), [(9, 0.98, 0), (9, 0.7, 2), (1, 0.98, 3), (1, 0.7, 1)])
def test_which_way_a_picture_lies_is_told_from_its_lines(wide: int, sure: float, turn: int) -> None:
    corners = [(0.0, 0.0), (10.0 * wide, 0.0), (10.0 * wide, 40.0), (0.0, 40.0)]
    assert recognising._needed_turn([(corners, "Total due", sure)] * 5) == turn
    assert recognising._needed_turn([]) == 0


@needs_recogniser
def test_a_letterhead_that_is_a_picture_is_recognised_beside_the_text(tmp_path: Path) -> None:
    named = invoice("de")
    nameless = replace(named, tongue=replace(named.tongue, supplier="", official=""))
    source = tmp_path / "invoice.pdf"
    source.write_bytes(with_letterhead(nameless.pdf(), "Optik Kranich GmbH"))
    reading = reader.propose(source, kind="pdf")
    assert best(reading, Field.SUPPLIER).value == "Optik Kranich GmbH"
    assert Decimal(best(reading, Field.AMOUNT).value) == named.total
    assert reading.engine.startswith("text layer pypdfium2 ")
    assert " + rapidocr " in reading.engine
    left, top, right, bottom = best(reading, Field.SUPPLIER).box
    assert 60 < left < right < 660
    assert top < bottom < 110


class TestWithoutRecogniser:
    @pytest.fixture(autouse=True)
    def _without(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(recognising, "is_installed", lambda: False)

    def test_a_picture_says_what_to_install(self, tmp_path: Path) -> None:
        assert not reader.available()
        with pytest.raises(Misconfigured) as refused:
            reader.propose(tmp_path / "any.png", kind="png")
        assert "pip install 'recoup[ocr]'" in refused.value.sentence()

    def test_a_scanned_pdf_says_what_to_install(self, tmp_path: Path) -> None:
        source = tmp_path / "scan.pdf"
        source.write_bytes(scanned_pdf(Image.new("RGB", (300, 400), "white")))
        with pytest.raises(Misconfigured) as refused:
            reader.propose(source, kind="pdf")
        assert "pip install 'recoup[ocr]'" in refused.value.sentence()

    def test_a_pdf_with_text_is_read_all_the_same(self, tmp_path: Path) -> None:
        source = tmp_path / "invoice.pdf"
        source.write_bytes(invoice("de").pdf())
        assert_understood(reader.propose(source, kind="pdf"), invoice("de"))


def test_word_documents_are_not_read(tmp_path: Path) -> None:
    with pytest.raises(Unsupported, match="docx"):
        reader.propose(tmp_path / "letter.docx", kind="docx")


@pytest.mark.parametrize("kind", ["pdf", pytest.param("png", marks=needs_recogniser)])
def test_what_is_none_of_its_kind_is_refused_with_a_sentence(tmp_path: Path, kind: str) -> None:
    source = tmp_path / "noise"
    source.write_bytes(b"\x00noise" * 1000)
    with pytest.raises(Invalid, match="cannot be opened"):
        reader.propose(source, kind=kind)


@needs_recogniser
@pytest.mark.parametrize(
    "limits",
    [
        Limits(memory=reader.LIMITS.memory, processor=180, clock=0.5),
        Limits(memory=300 * MEGABYTE, processor=180, clock=60.0),
    ],
    ids=["clock", "memory"],
)
def test_a_document_that_needs_more_than_its_limits_ends_in_a_sentence(
    tmp_path: Path, limits: Limits
) -> None:
    source = tmp_path / "scan.png"
    invoice("en").picture().save(source)
    with pytest.raises(RecoupError, match="Reading the document") as ended:
        reader.propose(source, kind="png", limits=limits)
    assert isinstance(ended.value, Invalid | Unavailable)


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"engine": "x", "pages": 99, "proposals": []},
        {"engine": "x", "pages": 1, "proposals": "none"},
        {
            "engine": "x",
            "pages": 1,
            "proposals": [{"field": "iban", "value": "", "page": 1, "box": [0] * 4, "confidence": 1}],
        },
        {
            "engine": "x",
            "pages": 1,
            "proposals": [{"field": "date", "value": "", "page": 9, "box": [0] * 4, "confidence": 1}],
        },
        {
            "engine": "x",
            "pages": 1,
            "proposals": [{"field": "date", "value": "", "page": 1, "box": [0], "confidence": 1}],
        },
    ],
)
def test_what_a_child_says_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: dict[str, Any]
) -> None:
    monkeypatch.setattr(confined, "ask", lambda *_, **__: said)
    with pytest.raises(Unavailable):
        reader.propose(tmp_path / "any.pdf", kind="pdf")
