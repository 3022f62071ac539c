"""A PDF written anew: read strictly, made harmless, saved without what was around it, and looked at again."""

from __future__ import annotations

import io
import re
from typing import Any, BinaryIO

import pikepdf
import pypdfium2
from pikepdf import Dictionary, ObjectStreamMode, StreamDecodeLevel, String
from pikepdf.settings import set_qpdf_limits

from recoup.areas.claims.documents.found import Found, moment
from recoup.areas.claims.documents.limits import MEGABYTE
from recoup.areas.claims.documents.pdf.cleaning import clean
from recoup.areas.claims.documents.pdf.looking import MOST_UNPACKED, look_again, too_large
from recoup.areas.claims.documents.pdf.streams import repack, unpacks_to_more
from recoup.core.errors import Invalid

MOST_PAGES = 500
MOST_OBJECTS = 50_000
_MOST_WARNINGS = 200
_LARGEST_STREAM = 100 * MEGABYTE
_TIGHTEST = 1_000
"""A deflated byte comes to no more than some thousand: a small file need not be unpacked to know that it is small."""
_MOST_ITEMS = 100_000
_XMP_HEAD = 200_000
_XMP = re.compile(rb"(CreateDate|ModifyDate|CreatorTool)(?:>|\s*=\s*[\"'])([^<\"']{1,100})")
_ANEW = "Print it to a new PDF, and send that."


def bound() -> None:
    """Bound what qpdf unpacks and how deep it reads; for the whole process."""
    set_qpdf_limits(
        doc_max_warnings=_MOST_WARNINGS,
        parser_max_nesting=100,
        parser_max_container_size=_MOST_ITEMS,
        flate_max_memory=_LARGEST_STREAM,
        png_max_memory=_LARGEST_STREAM,
        tiff_max_memory=_LARGEST_STREAM,
        run_length_max_memory=_LARGEST_STREAM,
    )


def rewrite(source: BinaryIO, into: BinaryIO, *, name: str) -> Found:
    """Write a PDF anew; raise Invalid for one that is damaged, protected, too large, or would lose what it shows."""
    body = source.read()
    try:
        with pikepdf.open(io.BytesIO(body), conversion_mode="explicit") as pdf:
            if len(body) * _TIGHTEST > MOST_UNPACKED and unpacks_to_more(pdf, MOST_UNPACKED):
                raise too_large(name)
            found = _rewritten(pdf, into, name)
    except pikepdf.PasswordError as error:
        raise Invalid(
            f"{name} is protected by a password.", fix="Save or print it without the password, and send that."
        ) from error
    except pikepdf.PdfError as error:
        raise Invalid(f"{name} is damaged, or no PDF with pages that can be read.", fix=_ANEW) from error
    into.flush()
    into.seek(0)
    pages = look_again(into, name)
    into.seek(0)
    _drawable(into, pages, name)
    return found


def _rewritten(pdf: pikepdf.Pdf, into: BinaryIO, name: str) -> Found:
    found = Found()
    if len(pdf.objects) > MOST_OBJECTS:
        raise Invalid(f"{name} is made of more than {MOST_OBJECTS:,} parts.", fix=_ANEW)
    pages = len(pdf.pages)
    if pages > MOST_PAGES:
        raise Invalid(f"{name} has {pages:,} pages; {MOST_PAGES} are taken.", fix="Send it in several parts.")
    _shows_without_xfa(pdf.Root, name)
    found.said(pages=pages)
    _ask_metadata(pdf, found)
    if pdf.is_encrypted:
        found.took("restrictions on printing and copying")
    clean(pdf, found)
    repack(pdf, found)
    pdf.save(
        into,
        object_stream_mode=ObjectStreamMode.generate,
        stream_decode_level=StreamDecodeLevel.generalized,
        compress_streams=True,
        recompress_flate=True,
        encryption=False,
        fix_metadata_version=False,
        preserve_pdfa=False,
        deterministic_id=True,
    )
    return found


def _shows_without_xfa(root: Any, name: str) -> None:
    """Refuse a form whose pages are made by its XFA: without it, it would show a request to wait."""
    form, rendering = root.get("/AcroForm"), root.get("/NeedsRendering")
    if isinstance(form, Dictionary) and "/XFA" in form and rendering is not None and str(rendering) == "True":
        raise Invalid(f"{name} is a form that only some programs can show (XFA).", fix=_ANEW)


def _ask_metadata(pdf: pikepdf.Pdf, found: Found) -> None:
    """Note what the document says of its making, which goes afterwards."""
    info = pdf.trailer.get("/Info")
    if isinstance(info, Dictionary):
        found.took("document properties")
        said = {key: str(value) for key, value in info.items() if isinstance(value, String)}
        found.said(
            made_at=moment(said.get("/CreationDate", "")),
            changed_at=moment(said.get("/ModDate", "")),
            software=said.get("/Producer") or said.get("/Creator"),
        )
    metadata = pdf.Root.get("/Metadata")
    if not isinstance(metadata, pikepdf.Stream):
        return
    said = {}
    for key, value in _XMP.findall(metadata.read_bytes()[:_XMP_HEAD]):
        said.setdefault(key.decode(), value.decode("utf-8", "replace"))
    found.said(
        made_at=moment(said.get("CreateDate", "")),
        changed_at=moment(said.get("ModifyDate", "")),
        software=said.get("CreatorTool"),
    )


def _drawable(written: BinaryIO, pages: int, name: str) -> None:
    """Make sure that another reader finds the same pages."""
    try:
        with pypdfium2.PdfDocument(written) as document:
            found = len(document)
    except pypdfium2.PdfiumError:
        found = 0
    if not found or found != pages:
        raise Invalid(f"{name} is damaged: not all of its pages can be shown.", fix=_ANEW)
