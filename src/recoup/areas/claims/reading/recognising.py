"""Words of a picture, by a recogniser that works offline (extra ``ocr``); its libraries load only where it is used.

Its models come with its wheel. A line is recognised as a whole: its words share its width by their letters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from importlib.util import find_spec
from statistics import fmean, median
from typing import Any

from PIL import Image

from recoup.areas.claims.reading.words import WHOLE, Box, Page, Word

ENGINE = "rapidocr"
PARTS = ("rapidocr", "onnxruntime", "cv2")
MOST_PIXELS = 3_000_000
"""An A4 page at 175 dpi, a receipt at 300. More takes more memory and time, and finds no more."""
THREADS = 1
"""More would be faster only where nobody else waits, and wait for each other at full load."""
_READ_WELL = 0.85
"""Lines that stand the right way are read with more than this, upside down with less."""
_TALL = 1.5
_LONG = 6
"""Letters of a line that shows which way it runs."""
_TURNS = {
    1: Image.Transpose.ROTATE_270,
    2: Image.Transpose.ROTATE_180,
    3: Image.Transpose.ROTATE_90,
}
"""Quarter turns clockwise, as Pillow names them."""

_Line = tuple[list[tuple[float, float]], str, float]
"""Corners in pixels, text, and how sure it is, from 0 to 1."""


def is_installed() -> bool:
    """Tell whether the extra ``ocr`` is here, without loading it."""
    return all(find_spec(part) for part in PARTS)


def engine() -> str:
    """Return its name with its version."""
    return f"{ENGINE} {version(ENGINE)}"


class Recogniser:
    """A loaded recogniser; loading takes about half a second."""

    def __init__(self) -> None:
        rapidocr: Any = import_module("rapidocr")
        self._recognise: Any = rapidocr.RapidOCR(
            params={
                "Global.log_level": "critical",
                "Global.max_side_len": 100_000,  # we have bounded the picture
                "Global.use_cls": False,  # it turns good lines over; whole pictures are turned here
                "EngineConfig.onnxruntime.intra_op_num_threads": THREADS,
                "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            }
        )

    def page_of(self, picture: Image.Image, number: int) -> Page:
        """Return the words of a picture that is the page of the given number, whichever way it lies."""
        picture = _bounded(picture)
        lines = self._lines(picture)
        turn = _needed_turn(lines)
        if turn:
            turned = picture.transpose(_TURNS[turn])
            again = self._lines(turned)
            if _sureness(again) > _sureness(lines) or turn != 2:  # noqa: PLR2004 - half a turn
                picture, lines = turned, again
            else:
                turn = 0
        size = (picture.width, picture.height)
        lean = _lean(lines) * picture.width / picture.height
        words = [
            replace(word, lean=lean)
            for corners, text, sure in lines
            for word in _split(text, number, _box(corners, size), round(WHOLE * sure))
        ]
        return Page(tuple(words), turn)

    def _lines(self, picture: Image.Image) -> list[_Line]:
        numpy: Any = import_module("numpy")
        found = self._recognise(numpy.asarray(picture)[:, :, ::-1])
        if found.boxes is None or found.txts is None or found.scores is None:
            return []
        lines = zip(found.boxes, found.txts, found.scores, strict=True)
        return [
            ([(float(x), float(y)) for x, y in corners], str(text), float(sure))
            for corners, text, sure in lines
        ]


def _bounded(picture: Image.Image) -> Image.Image:
    """Return a picture in colour of at most so many pixels as are looked at."""
    picture = picture.convert("RGB")
    share = math.sqrt(MOST_PIXELS / (picture.width * picture.height))
    if share >= 1:
        return picture
    size = (max(1, int(picture.width * share)), max(1, int(picture.height * share)))
    return picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3)


def _needed_turn(lines: Sequence[_Line]) -> int:
    """Tell from its lines how a picture must be turned to stand upright, in quarter turns clockwise.

    The recogniser turns a line that stands on end to the left before it reads it: read well, it was right to.
    """
    if not lines:
        return 0
    on_end = [line for line in lines if _is_tall(line[0])]
    is_sideways = 2 * sum(len(line[1]) for line in on_end) > sum(len(line[1]) for line in lines)
    is_read_well = _sureness(on_end if is_sideways else lines) > _READ_WELL
    if is_sideways:
        return 3 if is_read_well else 1
    return 0 if is_read_well else 2


def _is_tall(corners: Sequence[tuple[float, float]]) -> bool:
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return max(ys) - min(ys) > _TALL * (max(xs) - min(xs))


def _sureness(lines: Sequence[_Line]) -> float:
    """Return how sure lines are together: the mean, with longer ones counting for more."""
    return fmean([sure for _, _, sure in lines], [len(text) for _, text, _ in lines]) if lines else 0.0


def _lean(lines: Sequence[_Line]) -> float:
    """Return how far a picture's lines fall over its width, in thousandths of its width: that of the middle line."""
    long = [corners for corners, text, _ in lines if len(text) >= _LONG]
    falls = [(right[1] - left[1]) / max(1.0, right[0] - left[0]) for left, right, *_ in long]
    return WHOLE * median(falls) if falls else 0.0


def _box(corners: Sequence[tuple[float, float]], size: tuple[int, int]) -> Box:
    xs = [min(WHOLE, max(0, round(WHOLE * x / size[0]))) for x, _ in corners]
    ys = [min(WHOLE, max(0, round(WHOLE * y / size[1]))) for _, y in corners]
    return min(xs), min(ys), max(xs), max(ys)


def _split(text: str, number: int, box: Box, sure: int) -> list[Word]:
    """Cut a recognised line into its words, each with its share of the width."""
    width = (box[2] - box[0]) / max(1, len(text))
    words = []
    at = 0
    for part in text.split(" "):
        if part.strip():
            left = round(box[0] + at * width)
            right = round(box[0] + (at + len(part)) * width)
            words.append(Word(part, number, (left, box[1], right, box[3]), sure))
        at += len(part) + 1
    return words
