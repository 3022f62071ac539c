"""A PDF made harmless in memory: only what is known may stay at its root and on its pages, then everything is swept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream
from pikepdf.sanitize import Sanitizer

from recoup.areas.claims.documents.found import Found
from recoup.areas.claims.documents.pdf.acting import (
    ATTACHED,
    BAD_ANNOTATIONS,
    JAVASCRIPT,
    MEDIA,
    TELLS,
    mend,
    said_of,
)

_ROOT = {
    "/Type", "/Version", "/Pages", "/PageLabels", "/Names", "/Dests", "/Outlines", "/AcroForm", "/StructTreeRoot",
    "/MarkInfo", "/Lang", "/OCProperties", "/OutputIntents", "/PageLayout", "/PageMode",
}  # fmt: skip
_ROOT_GOES = {
    "/AF": ATTACHED, "/Collection": "the portfolio", "/Perms": "digital signatures",
    "/Metadata": "XMP data",
}  # fmt: skip
_NAMES_GO = {"/JavaScript": JAVASCRIPT, "/EmbeddedFiles": ATTACHED, "/Renditions": MEDIA}
_MODES = {"/UseNone", "/UseOutlines", "/UseThumbs", "/UseOC"}
_PAGE = {
    "/Type", "/Parent", "/Resources", "/MediaBox", "/CropBox", "/BleedBox", "/TrimBox", "/ArtBox", "/Contents",
    "/Rotate", "/Group", "/Annots", "/Tabs", "/StructParents", "/UserUnit",
}  # fmt: skip
_ANNOTATIONS = {
    "/Link", "/Text", "/FreeText", "/Line", "/Square", "/Circle", "/Polygon", "/PolyLine", "/Highlight", "/Underline",
    "/Squiggly", "/StrikeOut", "/Stamp", "/Caret", "/Ink", "/Popup", "/Widget", "/Watermark", "/Redact",
}  # fmt: skip
_FORM = {"/Fields", "/DR", "/DA", "/Q", "/NeedAppearances"}
_TRAILER = {"/Root", "/Size", "/ID", "/Encrypt"}
_KNOWN = (
    Sanitizer()
    .remove_javascript()
    .remove_attachments()
    .remove_multimedia()
    .remove_thumbnails()
    .remove_search_index()
    .remove_web_capture()
    .remove_private_app_data()
    .remove_collection()
)


def clean(pdf: pikepdf.Pdf, found: Found) -> None:
    """Take out whatever acts, fetches or hides, and note it. ``pdf`` was opened in explicit conversion mode."""
    _root(pdf.Root, found)
    for page in pdf.pages:
        _page(page.obj, found)
    _form(pdf.Root, found)
    for one in _telling(pdf):
        mend(one, found)
    _KNOWN.apply(pdf)
    for key in set(pdf.trailer.keys()) - _TRAILER:
        del pdf.trailer[key]


def _root(root: Any, found: Found) -> None:
    names = root.get("/Names")
    if isinstance(names, Dictionary):
        _keep_only(names, {"/Dests"}, _NAMES_GO, found)
    elif names is not None:
        del root["/Names"]
    if isinstance(root.get("/AcroForm"), Dictionary) is False and "/AcroForm" in root:
        del root["/AcroForm"]
    mode = root.get("/PageMode")
    if mode is not None and str(mode) not in _MODES:
        del root["/PageMode"]
    _note_actions(root, found)
    _keep_only(root, _ROOT, _ROOT_GOES, found)


def _note_actions(one: Any, found: Found) -> None:
    """Note what would run by itself; where a document opens at a page, which is no action, nobody need know."""
    if isinstance(opening := one.get("/OpenAction"), Dictionary) and opening.get("/S") != Name.GoTo:
        found.took(said_of(opening))
    if isinstance(events := one.get("/AA"), Dictionary):
        for action in events.values():
            found.took(said_of(action))


def _page(page: Any, found: Found) -> None:
    _note_actions(page, found)
    _keep_only(page, _PAGE, {"/AF": ATTACHED}, found)
    annotations = page.get("/Annots")
    if annotations is None:
        return
    kept = Array()
    for one in annotations if isinstance(annotations, Array) else ():
        subtype = one.get("/Subtype") if isinstance(one, Dictionary) else None
        word = str(subtype) if isinstance(subtype, Name) else ""
        if word in _ANNOTATIONS:
            kept.append(one)
        elif word in BAD_ANNOTATIONS:
            found.took(BAD_ANNOTATIONS[word])
    if len(kept):
        page["/Annots"] = kept
    else:
        del page["/Annots"]


def _form(root: Any, found: Found) -> None:
    form = root.get("/AcroForm")
    if form is not None:
        _keep_only(form, _FORM, {"/XFA": "an XFA form"}, found)


def _keep_only(one: Any, keys: set[str], goes: dict[str, str], found: Found) -> None:
    for key in set(one.keys()) - keys:
        del one[key]
        if what := goes.get(key):
            found.took(what)


def _telling(pdf: pikepdf.Pdf) -> Iterator[Any]:
    """Yield every dictionary and stream that may have something to mend, those inside of others included."""
    for whole in pdf.objects:
        if whole is None or not TELLS.search(whole.to_json(dereference=True)):
            continue
        waiting = [whole]
        while waiting:
            one = waiting.pop()
            if isinstance(one, (Dictionary, Stream)):
                yield one
                inside = [value for _, value in one.items()]
            else:
                inside = list(one) if isinstance(one, Array) else []
            waiting += [
                value for value in inside if isinstance(value, (Array, Dictionary)) and not value.is_indirect
            ]
