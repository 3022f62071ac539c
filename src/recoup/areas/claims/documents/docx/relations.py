"""How the parts of a Word document refer to each other and to the outside, and what becomes of each reference."""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote
from xml.sax.handler import ContentHandler
from xml.sax.saxutils import quoteattr

from recoup.areas.claims.documents.docx.markup import is_web, parse
from recoup.core.errors import Invalid

_WORDPROCESSING = "application/vnd.openxmlformats-officedocument.wordprocessingml."
_DRAWING = "application/vnd.openxmlformats-officedocument."

KEPT = {
    "officeDocument": f"{_WORDPROCESSING}document.main+xml",
    "styles": f"{_WORDPROCESSING}styles+xml",
    "stylesWithEffects": "application/vnd.ms-word.stylesWithEffects+xml",
    "settings": f"{_WORDPROCESSING}settings+xml",
    "webSettings": f"{_WORDPROCESSING}webSettings+xml",
    "fontTable": f"{_WORDPROCESSING}fontTable+xml",
    "numbering": f"{_WORDPROCESSING}numbering+xml",
    "header": f"{_WORDPROCESSING}header+xml",
    "footer": f"{_WORDPROCESSING}footer+xml",
    "footnotes": f"{_WORDPROCESSING}footnotes+xml",
    "endnotes": f"{_WORDPROCESSING}endnotes+xml",
    "comments": f"{_WORDPROCESSING}comments+xml",
    "commentsExtended": f"{_WORDPROCESSING}commentsExtended+xml",
    "commentsIds": f"{_WORDPROCESSING}commentsIds+xml",
    "commentsExtensible": f"{_WORDPROCESSING}commentsExtensible+xml",
    "people": f"{_WORDPROCESSING}people+xml",
    "theme": f"{_DRAWING}theme+xml",
    "themeOverride": f"{_DRAWING}themeOverride+xml",
    "chart": f"{_DRAWING}drawingml.chart+xml",
    "chartUserShapes": f"{_DRAWING}drawingml.chartshapes+xml",
    "chartStyle": "application/vnd.ms-office.chartstyle+xml",
    "chartColorStyle": "application/vnd.ms-office.chartcolorstyle+xml",
    "diagramData": f"{_DRAWING}drawingml.diagramData+xml",
    "diagramLayout": f"{_DRAWING}drawingml.diagramLayout+xml",
    "diagramQuickStyle": f"{_DRAWING}drawingml.diagramStyle+xml",
    "diagramColors": f"{_DRAWING}drawingml.diagramColors+xml",
    "diagramDrawing": "application/vnd.ms-office.drawingml.diagramDrawing+xml",
}
"""The content type of each part that is kept, by the last word of its relation's type."""
PICTURE, LINK = "image", "hyperlink"
MAIN_TYPE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"

_REFUSED = {
    "vbaProject": "macros",
    "wordVbaData": "macros",
    "oleObject": "embedded files",
    "package": "embedded files",
    "control": "controls (ActiveX)",
    "activeXControlBinary": "controls (ActiveX)",
    "aFChunk": "another document inside it",
    "subDocument": "parts that are other documents",
    "frame": "frames that show other documents",
}
_GOES = {
    "thumbnail": "the thumbnail",
    "custom-properties": "custom properties",
    "customXml": "data of other programs",
    "origin": "the digital signature",
    "glossaryDocument": "building blocks",
    "font": "embedded fonts",
    "core-properties": "",
    "extended-properties": "",
}
"""What is left out, in words; of other things that nobody needs nothing is said."""
_ELSEWHERE = re.compile(r"(?!file:)[a-z][a-z0-9+.-]+:|(?:file:)?//(?!/)|(?:file:)?/{4}", re.IGNORECASE)
"""An address, or a path of another machine; ``C:/x``, ``x`` and ``file:///x`` are of this one."""


@dataclass(frozen=True, slots=True)
class Relation:
    """From one part to another (``target`` is its name in the archive) or, ``is_external``, to an address."""

    id: str
    word: str
    """The last word of its type, such as ``image``."""
    type: str
    target: str
    is_external: bool


def read(body: bytes, *, of: str, name: str) -> list[Relation]:
    """Return the relations in a part ``….rels`` that belongs to the part ``of`` (empty: the whole document)."""
    reader = _Reader(of, name)
    parse(body, reader, name=name)
    return reader.found


def becomes(relation: Relation, *, of: str, name: str) -> str | None:
    """Return None for a relation that is kept, else what is left out with it (empty where nobody need know).

    Raise Invalid with a sentence for what may not be in a document; ``of`` is the word of the part that has it.
    """
    if relation.is_external:
        return _outside(relation, name)
    if relation.word == "package" and of == "chart":
        return ""
    if relation.word in _REFUSED:
        raise Invalid(
            f"{name} has {_REFUSED[relation.word]}.", fix="Save it as a PDF; send what is inside on its own."
        )
    if relation.word in KEPT or relation.word == PICTURE:
        return None
    return _GOES.get(relation.word, "")


def _outside(relation: Relation, name: str) -> str | None:
    if relation.word == LINK:
        return None if is_web(relation.target) else "links to files"
    if relation.word == "attachedTemplate" and not _ELSEWHERE.match(
        relation.target.strip().replace("\\", "/")
    ):
        return "the name of its template"
    what = {"attachedTemplate": "a template", PICTURE: "pictures"}.get(relation.word, "parts")
    raise Invalid(
        f"{name} has {what} that would be fetched from elsewhere when it is opened.",
        fix="Save it as a PDF, and send that.",
    )


def written(relations: list[Relation]) -> bytes:
    """Write a part ``….rels``."""
    lines = []
    for one in relations:
        mode = ' TargetMode="External"' if one.is_external else ""
        said = f"Id={quoteattr(one.id)} Type={quoteattr(one.type)} Target={quoteattr(one.target)}"
        lines.append(f"<Relationship {said}{mode}/>")
    return (
        '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        f"{''.join(lines)}</Relationships>"
    ).encode()


def rels_of(part: str) -> str:
    """Return the name of the part that holds a part's relations."""
    folder, _, last = part.rpartition("/")
    return f"{folder}/_rels/{last}.rels".lstrip("/")


class _Reader(ContentHandler):
    def __init__(self, of: str, name: str) -> None:
        super().__init__()
        self._folder = posixpath.dirname(of)
        self._name = name
        self.found: list[Relation] = []

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - SAX's name
        if name.rpartition(":")[2] != "Relationship":
            return
        kind, target = attrs.get("Type", ""), attrs.get("Target", "")
        is_external = attrs.get("TargetMode", "").strip().lower() == "external"
        if not is_external:
            target = posixpath.normpath(
                posixpath.join("/", self._folder, unquote(target.partition("#")[0]))
            ).lstrip("/")
        self.found.append(
            Relation(attrs.get("Id", ""), kind.rstrip("/").rpartition("/")[2], kind, target, is_external)
        )
