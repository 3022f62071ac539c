"""The words of a document's first pages: from its text where it has some, else from what it looks like."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pypdfium2
from PIL import Image, ImageOps
from pypdfium2 import raw

from recoup.areas.claims.reading import recognising, text_layer
from recoup.areas.claims.reading.fields import is_enough
from recoup.areas.claims.reading.results import MOST_PAGES
from recoup.areas.claims.reading.words import WHOLE, Box, Page, Word
from recoup.core.errors import Invalid, Misconfigured

MOST_OPENED = 60_000_000
"""Pixels of a picture that is opened at all."""
INSTALL = "Install it with: pip install 'recoup[ocr]'"
_FINE = 200 / 72
"""Pixels per point: 200 dpi."""
_LEAST_PICTURE = (50, 12)
"""Width and height in thousandths of the page: what is smaller is a line or an ornament."""
_MOST_OBJECTS = 2_000

_Recognise = Callable[[Image.Image, int], Page]


@dataclass(frozen=True, slots=True)
class Read:
    """The pages that were read, from the first, and the engines that read them."""

    pages: tuple[Page, ...]
    engine: str


def read_picture(source: Path) -> Read:
    """Recognise a JPEG or PNG; raise Invalid where it is none."""
    try:
        with Image.open(source, formats=("JPEG", "PNG")) as opened:
            if opened.width * opened.height > MOST_OPENED:
                raise Invalid("The picture has too many pixels to be read.")
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise Invalid("The picture cannot be opened.") from error
    return Read((_recogniser()(picture, 1),), recognising.engine())


def read_pdf(source: Path, *, can_recognise: bool) -> Read:
    """Read the first pages of a PDF.

    Raise Invalid where it is none, Misconfigured where none of them has text and nothing can recognise it.
    """
    try:
        document = text_layer.opened(source)
        texts = [document[index] for index in range(min(MOST_PAGES, len(document)))]
    except pypdfium2.PdfiumError as error:
        raise Invalid("The PDF cannot be opened.") from error
    pages = [text_layer.page_of(page, number) for number, page in enumerate(texts, 1)]
    little = [number for number, page in enumerate(pages) if text_layer.is_little(page.words)]
    engines = [text_layer.engine()] if len(little) < len(pages) else []
    if not can_recognise:
        if pages and not engines:
            raise Misconfigured(
                "The PDF holds pictures of its pages, and no text recogniser is installed.", fix=INSTALL
            )
        return Read(tuple(pages), " + ".join(engines) or text_layer.engine())
    for number in little:
        pages[number] = _recogniser()(_drawn(texts[number], turn=0), number + 1)
    if 0 not in little and pages and not is_enough([word for page in pages for word in page.words]):
        seen = _in_pictures(texts[0], pages[0])
        pages[0] = Page((*pages[0].words, *seen), pages[0].turn)
        little = [0] if seen else little
    if little:
        engines.append(recognising.engine())
    return Read(tuple(pages), " + ".join(engines) or text_layer.engine())


@cache
def _recogniser() -> _Recognise:
    return recognising.Recogniser().page_of


def _drawn(page: pypdfium2.PdfPage, *, turn: int) -> Image.Image:
    """Draw a page as it is shown, or turned clockwise, no larger than the recogniser looks at."""
    width, height = page.get_size()
    scale = min(_FINE, math.sqrt(recognising.MOST_PIXELS / max(1.0, width * height)))
    picture: Image.Image = page.render(scale=scale, rotation=90 * turn).to_pil()
    return picture


def _in_pictures(page: pypdfium2.PdfPage, read: Page) -> list[Word]:
    """Recognise what stands in a page's pictures, such as a letterhead: its text says nothing of it."""
    places = _pictures(page, read.turn)
    if not places:
        return []
    recognised = _recogniser()(_only(places, _drawn(page, turn=read.turn)), 1)
    if recognised.turn:
        return []
    return [
        word
        for word in recognised.words
        if any(_is_within(word.box, place) for place in places)
        and not any(
            _is_within(word.box, other.box) or _is_within(other.box, word.box) for other in read.words
        )
    ]


def _only(places: Sequence[Box], drawn: Image.Image) -> Image.Image:
    """Leave only some places of a page: the rest is known, and recognising it takes most of the time."""
    kept = Image.new("RGB", drawn.size, "white")
    for left, top, right, bottom in places:
        part = (
            left * drawn.width // WHOLE,
            top * drawn.height // WHOLE,
            right * drawn.width // WHOLE,
            bottom * drawn.height // WHOLE,
        )
        kept.paste(drawn.crop(part), part[:2])
    return kept


def _pictures(page: pypdfium2.PdfPage, turn: int) -> Sequence[Box]:
    found = []
    for number, item in enumerate(page.get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE])):
        if number == _MOST_OBJECTS:
            break
        left, bottom, right, top = item.get_bounds()
        x, y = ctypes.c_int(), ctypes.c_int()
        corners = []
        for across, up in ((left, top), (right, bottom)):
            raw.FPDF_PageToDevice(page, 0, 0, WHOLE, WHOLE, turn, across, up, x, y)
            corners.append((x.value, y.value))
        xs, ys = sorted(corner[0] for corner in corners), sorted(corner[1] for corner in corners)
        if xs[1] - xs[0] >= _LEAST_PICTURE[0] and ys[1] - ys[0] >= _LEAST_PICTURE[1]:
            found.append((xs[0], ys[0], xs[1], ys[1]))
    return found


def _is_within(box: Box, place: Box) -> bool:
    """Tell whether the middle of a box lies in a place."""
    across, down = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    return place[0] <= across <= place[2] and place[1] <= down <= place[3]
