"""A second look at a PDF that was written anew, by other means than it was cleaned with: nothing may be left."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import pikepdf
from pikepdf import Stream

from recoup.areas.claims.documents.limits import MEGABYTE
from recoup.areas.claims.documents.pdf.acting import BAD_ACTIONS, BAD_ANNOTATIONS, GOOD_ACTIONS
from recoup.areas.claims.documents.pdf.streams import GENERAL, filters
from recoup.core.errors import Invalid

MOST_UNPACKED = 400 * MEGABYTE
_NEVER = {
    "/AA", "/OpenAction", "/JavaScript", "/JS", "/EmbeddedFiles", "/EF", "/AF", "/XFA", "/Collection", "/Launch",
    "/RichMediaContent", "/RichMediaSettings", "/3DD", "/Renditions", "/PieceInfo", "/FFilter", "/OPI", "/URLS",
}  # fmt: skip
"""Keys that are gone, unless they name a picture or a glyph (whose value is a stream)."""
_REFERENCE = re.compile(r"(\d+) (\d+) R")
_WEB = re.compile(r"[ub]:\s*(?:https?|mailto):", re.IGNORECASE)
_WEB_HEX = re.compile(r"b:(?:68747470|6d61696c746f)", re.IGNORECASE)
_ANEW = "Print it to a new PDF, and send that."


def look_again(written: BinaryIO, name: str) -> int:
    """Return how many pages there are; raise Invalid where something is left that acts, or a stream is no data."""
    with pikepdf.open(written, conversion_mode="explicit") as pdf:
        unpacked = 0
        for one in pdf.objects:
            if one is None:  # PDF's null
                continue
            said = json.loads(one.to_json(dereference=True))
            for inner in _dictionaries(said):
                if what := _left(inner, pdf):
                    raise Invalid(f"{name} holds something that cannot be taken out ({what}).", fix=_ANEW)
            if isinstance(one, Stream):
                unpacked += _unpacked(one, name)
                if unpacked > MOST_UNPACKED:
                    raise too_large(name)
        return len(pdf.pages)


def too_large(name: str) -> Invalid:
    """Return what a PDF is refused with whose streams unpack to more than ``MOST_UNPACKED``."""
    return Invalid(f"{name} is too large when it is unpacked.", fix=_ANEW)


def _unpacked(stream: Any, name: str) -> int:
    if not all(one in GENERAL for one in filters(stream)):
        return 0  # pictures, which nobody here decodes
    try:
        return len(stream.read_bytes())
    except pikepdf.PdfError as error:
        raise Invalid(f"{name} has parts that cannot be unpacked, or are too large.", fix=_ANEW) from error


def _dictionaries(said: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [said]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.values()
        elif isinstance(one, list):
            waiting += one


def _left(one: Mapping[str, Any], pdf: pikepdf.Pdf) -> str | None:
    """Say what in a dictionary should not be there, or return None."""
    for key in _NEVER & one.keys():
        if not _is_stream(one[key], pdf):
            return key
    kind = one.get("/S")
    if kind in BAD_ACTIONS:
        return str(kind)
    if kind == "/URI" and not (_WEB.match(str(one.get("/URI"))) or _WEB_HEX.match(str(one.get("/URI")))):
        return "/URI"
    if kind in GOOD_ACTIONS and "/Next" in one:
        return "/Next"
    if one.get("/Type") == "/Filespec":
        return "/Filespec"
    return str(one["/Subtype"]) if "/Rect" in one and one.get("/Subtype") in BAD_ANNOTATIONS else None


def _is_stream(value: Any, pdf: pikepdf.Pdf) -> bool:
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return found is not None and isinstance(pdf.get_object(int(found[1]), int(found[2])), Stream)
