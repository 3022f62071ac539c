"""Previews: no wider than asked, no taller than bearable, whatever a page says of its size."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest
from pikepdf import Array
from PIL import Image

from recoup.areas.claims.documents.keeper import Keeper
from recoup.areas.claims.documents.kinds import PREVIEW_TYPES, Kind
from support.documents import jpeg, pdf, photo, png


def drawn(keeper: Keeper, folder: Path, body: bytes, kind: str, width: int) -> Image.Image:
    source, into = folder / "source", folder / "into"
    source.write_bytes(body)
    size = keeper.picture(source, kind=kind, page=1, width=width, into=into)
    assert size == into.stat().st_size
    with Image.open(into) as picture:
        picture.load()
        assert Image.MIME[picture.format or ""] == PREVIEW_TYPES[Kind(kind)]
        return picture


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ((612, 792), (600, 777)),
        ((200, 100_000), (5, 2400)),
        ((100_000, 200), (600, 2)),
        ((0.001, 0.001), None),
        ((14_400, 14_400), (600, 600)),
    ],
)
def test_pages(
    keeper: Keeper, tmp_path: Path, box: tuple[float, float], size: tuple[int, int] | None
) -> None:
    def sized(made: pikepdf.Pdf) -> None:
        made.pages[0].MediaBox = Array([0, 0, *box])
        made.pages[0].Contents = made.make_stream(b"0.5 g 0 0 9999 9999 re f")

    found = drawn(keeper, tmp_path, pdf(sized), "pdf", 600).size
    assert found == size if size else max(found) <= 2400


@pytest.mark.parametrize(
    ("body", "kind", "size"),
    [
        (jpeg(photo(2000, 1000)), "jpeg", (300, 150)),
        (jpeg(photo(20, 10)), "jpeg", (20, 10)),
        (png(photo(900, 300)), "png", (300, 100)),
        (png(photo(900, 300).quantize(16), transparency=3), "png", (300, 100)),
        (png(photo(900, 300).convert("1")), "png", (300, 100)),
        (png(photo(30, 9_000)), "png", (4, 1200)),
    ],
)
def test_pictures(keeper: Keeper, tmp_path: Path, body: bytes, kind: str, size: tuple[int, int]) -> None:
    assert drawn(keeper, tmp_path, body, kind, 300).size == size
