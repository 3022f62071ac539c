"""What the reading process can do with a document, and a first try of each while everything can still be loaded."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, BinaryIO

import pikepdf
from PIL import Image

from recoup.areas.claims.documents import doc, drawing, pictures
from recoup.areas.claims.documents.docx import rewriting as docx
from recoup.areas.claims.documents.found import Found
from recoup.areas.claims.documents.kinds import Kind
from recoup.areas.claims.documents.pdf import rewriting as pdf


def examine(source: BinaryIO, into: BinaryIO, args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Read a document of ``args["kind"]``, write it anew, and return what was found, as JSON has it."""
    kind, name = Kind(args["kind"]), args["name"]
    found = _rewritten(source, into, kind, name)
    return {"facts": found.facts, "removed": found.removed, "fingerprint": found.fingerprint}


def picture(source: BinaryIO, into: BinaryIO, args: Mapping[str, Any]) -> Mapping[str, Any]:
    """Draw a page of a document."""
    drawing.draw(
        source, into, kind=Kind(args["kind"]), page=args["page"], width=args["width"], name=args["name"]
    )
    return {}


TASKS = {"examine": examine, "picture": picture}


def _rewritten(source: BinaryIO, into: BinaryIO, kind: Kind, name: str) -> Found:
    match kind:
        case Kind.PDF:
            return pdf.rewrite(source, into, name=name)
        case Kind.JPEG | Kind.PNG:
            return pictures.rewrite(source, into, kind=kind, name=name)
        case Kind.DOCX:
            return docx.rewrite(source, into, name=name)
        case Kind.DOC:
            return doc.keep(source, into, name=name)


def try_each() -> None:
    """Read one small document of each kind that we can make: what is loaded lazily is loaded by it."""
    pdf.bound()
    exif = Image.Exif()
    exif[0x010F] = "Recoup"
    samples: dict[Kind, io.BytesIO] = {
        Kind.JPEG: io.BytesIO(),
        Kind.PNG: io.BytesIO(),
        Kind.PDF: io.BytesIO(),
    }
    Image.new("RGB", (200, 200)).save(samples[Kind.JPEG], "JPEG", exif=exif)
    Image.new("RGBA", (200, 200)).save(samples[Kind.PNG], "PNG", exif=exif)
    with pikepdf.new() as blank:
        blank.add_blank_page()
        blank.save(
            samples[Kind.PDF], encryption=pikepdf.Encryption(owner="Recoup")
        )  # ciphers open a device once
    for kind, sample in samples.items():
        sample.seek(0)
        written = io.BytesIO()
        examine(sample, written, {"kind": kind, "name": "A sample"})
        written.seek(0)
        picture(written, io.BytesIO(), {"kind": kind, "name": "A sample", "page": 1, "width": 100})
    samples[Kind.DOCX] = docx.sample()
    examine(samples[Kind.DOCX], io.BytesIO(), {"kind": Kind.DOCX, "name": "A sample"})
