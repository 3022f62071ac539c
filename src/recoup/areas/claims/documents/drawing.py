"""Pages and pictures drawn for the screen, no wider than asked."""

from __future__ import annotations

from typing import BinaryIO

import pypdfium2
from PIL import Image

from recoup.areas.claims.documents import pictures
from recoup.areas.claims.documents.kinds import Kind
from recoup.core.errors import Invalid, NotFound

QUALITY = 85
TALLEST = 4
"""A page is drawn at most this many times as high as it may be wide."""
_ROUNDING = 1e-6
"""Sizes are rounded up: a hair less, so that none is a pixel too wide."""


def draw(source: BinaryIO, into: BinaryIO, *, kind: Kind, page: int, width: int, name: str) -> None:
    """Draw a page of a PDF, or a picture, as JPEG; a PNG stays one."""
    if kind is Kind.PDF:
        drawn = _page(source, page, width, name)
    elif page > 1:
        raise NotFound(f"There is no page {page}: it is a picture.")
    else:
        drawn = _scaled(source, kind, width, name)
    if kind is Kind.PNG:
        drawn.save(into, "PNG")
    else:
        drawn.save(into, "JPEG", quality=QUALITY, subsampling=0)


def _page(source: BinaryIO, number: int, width: int, name: str) -> Image.Image:
    try:
        with pypdfium2.PdfDocument(source) as document:
            if number > len(document):
                raise NotFound(f"There is no page {number}: the document has {len(document)}.")
            document.init_forms()  # what was filled in is drawn, too
            page = document[number - 1]
            across, up = page.get_size()
            scale = min(width / max(across, 1), TALLEST * width / max(up, 1)) * (1 - _ROUNDING)
            picture: Image.Image = page.render(scale=scale).to_pil()
            return picture.convert("RGB")
    except pypdfium2.PdfiumError as error:
        raise Invalid(f"{name} cannot be drawn.") from error


def _scaled(source: BinaryIO, kind: Kind, width: int, name: str) -> Image.Image:
    picture = pictures.opened(source, kind=kind, name=name)
    if picture.mode == "P":
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    picture.info = {}
    picture.thumbnail((width, TALLEST * width), reducing_gap=2.0)
    return picture
