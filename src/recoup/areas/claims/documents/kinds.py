"""Which files are taken as documents, and whether one is what its name and its sender say.

Extension, declared media type and the first bytes must agree (contracts/claims.md, 4.4). This is a gate only: what
is kept afterwards is what a strict reader could read and write anew.
"""

from __future__ import annotations

import re
from enum import StrEnum

from recoup.core.errors import Unsupported
from recoup.office.files.rules import clean_name

LARGEST = 10 * 1024 * 1024
"""Bytes of one document, as it is sent."""
HEAD = 1024 + 16
"""How many of its first bytes tell what a file is: a PDF may begin with up to 1,024 others."""
ALLOWED = "Send a PDF, a JPEG or PNG picture, or a Word document (.pdf, .jpg, .jpeg, .png, .doc, .docx) up to 10 MB."


class Kind(StrEnum):
    """What a document is."""

    PDF = "pdf"
    JPEG = "jpeg"
    PNG = "png"
    DOC = "doc"
    DOCX = "docx"


MEDIA_TYPES = {
    Kind.PDF: "application/pdf",
    Kind.JPEG: "image/jpeg",
    Kind.PNG: "image/png",
    Kind.DOC: "application/msword",
    Kind.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
}
"""What a document is served as."""
PREVIEW_TYPES = {Kind.PDF: "image/jpeg", Kind.JPEG: "image/jpeg", Kind.PNG: "image/png"}
"""What a picture of a document is; there is none of the others."""

_EXTENSIONS = {
    "pdf": Kind.PDF,
    "jpg": Kind.JPEG,
    "jpeg": Kind.JPEG,
    "png": Kind.PNG,
    "doc": Kind.DOC,
    "docx": Kind.DOCX,
}
_SAYS_NOTHING = {"", "application/octet-stream", "binary/octet-stream"}
_ALSO_DECLARED = {
    Kind.PDF: {"application/x-pdf"},
    Kind.JPEG: {"image/jpg", "image/pjpeg"},
    Kind.PNG: {"image/x-png"},
    Kind.DOC: {"application/vnd.ms-word", "application/x-msword"},
    Kind.DOCX: set[str](),
}
_PROGRAMS = {
    "asp", "aspx", "bat", "cmd", "exe", "hta", "jar", "jsp", "lnk", "msi", "php", "phtml", "ps1", "scr", "vbs", "wsf",
}  # fmt: skip
"""Extensions that nobody gives a document; ``com``, ``pl`` and the like also end the names of sites."""

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PDF = b"%PDF-"
_SIGNATURES = {
    Kind.JPEG: b"\xff\xd8\xff",
    Kind.PNG: b"\x89PNG\r\n\x1a\n",
    Kind.DOC: _OLE,
    Kind.DOCX: b"PK\x03\x04",
}
_STRANGERS = (
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"#!", "a script"),
    (_OLE, "an old or a protected Office file"),
    (b"PK", "a ZIP archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"\x89PNG", "a PNG picture"),
    (b"GIF8", "a GIF picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"BM", "a bitmap"),
    (b"RIFF", "a WebP picture or a video"),
    (b"{\\rtf", "a rich text file"),
    (b"%!PS", "a PostScript file"),
)
_HEIC = re.compile(rb"....ftyp(?:hei[cfmsx]|mif1|avif)", re.DOTALL)
_MARKUP = re.compile(rb"<\0?[!?/A-Za-z]")


def clean(name: str) -> str:
    """Return a document's name as it is shown and saved under; its extension stays when it is cut."""
    return clean_name(name)


def extension(name: str) -> str:
    """Return what stands behind the last dot of a name, in lower case; empty where there is none."""
    stem, _, last = name.rpartition(".")
    return last.lower() if stem else ""


def check(name: str, declared: str, head: bytes) -> Kind:
    """Return what a document is: by its clean name, by the media type it was sent with, and by its first bytes.

    ``head`` is the first ``HEAD`` bytes. Raise Unsupported where one of them is not taken or they contradict each
    other. A media type that is empty or says only "bytes" contradicts nothing.
    """
    kind = _named(name)
    sent_as = declared.partition(";")[0].strip().lower()
    if sent_as not in _SAYS_NOTHING | {MEDIA_TYPES[kind]} | _ALSO_DECLARED[kind]:
        raise Unsupported(f"{name} was sent as {clean(sent_as)}, which its name denies.", fix=ALLOWED)
    if not _begins_like(kind, head):
        raise Unsupported(f"{name} does not hold what its name says: it is {_looks_like(head)}.", fix=ALLOWED)
    return kind


def _named(name: str) -> Kind:
    last = extension(name)
    if not last:
        raise Unsupported(f"{name} has no extension that says what it is.", fix=ALLOWED)
    kind = _EXTENSIONS.get(last)
    if kind is None:
        raise Unsupported(f"{name} is of a kind that is not taken: .{last}.", fix=ALLOWED)
    inner = name.lower().split(".")[1:-1]
    if program := next((part for part in inner if part in _PROGRAMS), None):
        raise Unsupported(
            f"{name} has a second extension, .{program}, as programs have.",
            fix="Give it a name with one extension.",
        )
    return kind


def _begins_like(kind: Kind, head: bytes) -> bool:
    if kind is not Kind.PDF:
        return head.startswith(_SIGNATURES[kind])
    place = head.find(_PDF)
    if place <= 0:
        return place == 0
    # What some programs and printers put before a PDF is taken; what a browser or a system would run is not.
    before = head[:place]
    return place <= HEAD - 16 and not _MARKUP.search(before) and not _known(before)


def _known(head: bytes) -> str | None:
    return next((what for signature, what in _STRANGERS if head.startswith(signature)), None)


def _looks_like(head: bytes) -> str:
    if known := _known(head):
        return known
    if _HEIC.match(head):
        return "an HEIC or AVIF picture"
    if _MARKUP.match(head.removeprefix(b"\xef\xbb\xbf").removeprefix(b"\xff\xfe").lstrip()):
        return "a web page or other markup"
    if _PDF in head:
        return "a PDF behind something else"
    return "something else" if head else "empty"
