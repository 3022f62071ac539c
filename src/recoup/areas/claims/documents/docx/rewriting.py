"""A Word document written anew: from its main part along its relations, as far as they are known to be harmless."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import Any, BinaryIO
from xml.sax.handler import ContentHandler

from recoup.areas.claims.documents import markers
from recoup.areas.claims.documents.docx import archive, relations
from recoup.areas.claims.documents.docx.archive import Archive
from recoup.areas.claims.documents.docx.markup import Rewriter, parse
from recoup.areas.claims.documents.docx.relations import KEPT, PICTURE, Relation, rels_of
from recoup.areas.claims.documents.found import Found, moment
from recoup.areas.claims.documents.kinds import ALLOWED
from recoup.core.errors import Invalid, Unsupported

CONTENT_TYPES = "[Content_Types].xml"
MAIN = "word/document.xml"
LONGEST_TEXT = 1_000
_PROPERTIES = {"core-properties", "extended-properties"}
_MAIN_TYPES = re.compile(
    r"application/vnd\.openxmlformats-officedocument\.wordprocessingml\.(?:document|template)\.main\+xml"
)
_MACROS = re.compile(r"application/vnd\.ms-word\.(?:document|template)\.macroEnabled", re.IGNORECASE)
_PICTURES = (
    (markers.JPEG, "jpeg", "image/jpeg"),
    (markers.PNG, "png", "image/png"),
    (b"GIF8", "gif", "image/gif"),
    (b"BM", "bmp", "image/bmp"),
    (b"II*\0", "tiff", "image/tiff"),
    (b"MM\0*", "tiff", "image/tiff"),
    (b"\x01\0\0\0", "emf", "image/x-emf"),
    (b"\xd7\xcd\xc6\x9a", "wmf", "image/x-wmf"),
    (b"\x01\0\x09\0", "wmf", "image/x-wmf"),
)


def rewrite(source: BinaryIO, into: BinaryIO, *, name: str) -> Found:
    """Write a document anew; raise Unsupported where it is none, Invalid for what is damaged or may not be kept."""
    rewriting = _Rewriting(Archive(source, name=name), name)
    rewriting.run()
    archive.written(rewriting.parts(), into)
    return rewriting.found


class _Rewriting:
    """Follows relations from part to part. Parts get names of ours, and content types by how they are referred to."""

    def __init__(self, whole: Archive, name: str) -> None:
        self._whole = whole
        self._name = name
        self.found = Found()
        self._written: dict[str, bytes] = {}
        self._types: dict[str, str] = {}
        self._named: dict[str, tuple[str, str]] = {}
        self._waiting: list[tuple[str, str, str]] = []

    def run(self) -> None:
        """Write every part that can be reached."""
        main = self._main()
        self._named[main] = (MAIN, "officeDocument")
        self._waiting.append((main, MAIN, "officeDocument"))
        while self._waiting:
            self._part(*self._waiting.pop())

    def parts(self) -> dict[str, bytes]:
        """Return all parts of the new document by name, those that describe the others first."""
        kinds = {extension: media for _, extension, media in _PICTURES}
        lines = [
            f'<Default Extension="{extension}" ContentType="{media}"/>'
            for extension, media in {
                "rels": "application/vnd.openxmlformats-package.relationships+xml",
                "xml": "application/xml",
                **kinds,
            }.items()
        ] + [f'<Override PartName="/{part}" ContentType="{media}"/>' for part, media in self._types.items()]
        types = (
            '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
            f'<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{"".join(lines)}</Types>'
        )
        root = relations.written(
            [Relation("rId1", "officeDocument", relations.MAIN_TYPE, MAIN, is_external=False)]
        )
        return {CONTENT_TYPES: types.encode(), "_rels/.rels": root, **self._written}

    def _main(self) -> str:
        """Return the name of the main part; note what the properties say, and that they go."""
        whole, name = self._whole, self._name
        if CONTENT_TYPES not in whole or rels_of("") not in whole:
            raise Unsupported(f"{name} does not hold what its name says: it is a ZIP archive.", fix=ALLOWED)
        main = None
        for one in relations.read(whole.read(rels_of("")), of="", name=name):
            if one.word == "officeDocument" and main is None and not one.is_external:
                main = one.target
            elif gone := relations.becomes(one, of="", name=name):
                self.found.took(gone)
            if one.word in _PROPERTIES and one.target in whole:
                self._ask_properties(one.target)
        media = _content_types(whole.read(CONTENT_TYPES), name).get(main or "")
        if _MACROS.match(media or ""):
            raise Invalid(f"{name} has macros.", fix="Save it without macros, or as a PDF.")
        if main is None or main not in whole or not _MAIN_TYPES.fullmatch(media or ""):
            raise Unsupported(
                f"{name} does not hold what its name says: it is no Word document.", fix=ALLOWED
            )
        return main

    def _part(self, old: str, new: str, word: str) -> None:
        """Write one part and its relations, and have those parts written that it refers to."""
        kept, dropped = [], set()
        if rels_of(old) in self._whole:
            for one in relations.read(self._whole.read(rels_of(old)), of=old, name=self._name):
                gone = relations.becomes(one, of=word, name=self._name)
                target = self._target(one) if gone is None else None
                if target is None:
                    dropped.add(one.id)
                    if gone:
                        self.found.took(gone)
                else:
                    kept.append(replace(one, target=target))
        rewriter = Rewriter(dropped=dropped, name=self._name)
        parse(self._whole.read(old), rewriter, name=self._name)
        self._written[new] = rewriter.written()
        self._types[new] = KEPT[word]
        for what in rewriter.removed:
            self.found.took(what)
        if kept:
            self._written[rels_of(new)] = relations.written(kept)

    def _target(self, one: Relation) -> str | None:
        """Return what a kept relation points at in the new document; None where there is nothing to point at."""
        if one.is_external:
            return one.target
        if one.target not in self._whole:
            return None
        if one.target not in self._named:
            new = self._picture(one) if one.word == PICTURE else f"word/{one.word}{len(self._named)}.xml"
            if new is None:
                self.found.took("pictures of an unusual kind")
                return None
            self._named[one.target] = (new, one.word)
            if one.word != PICTURE:
                self._waiting.append((one.target, new, one.word))
        new, word = self._named[one.target]
        return new.removeprefix("word/") if word == one.word else None

    def _picture(self, one: Relation) -> str | None:
        """Write a picture as its pixels alone, where we know how, and return its new name; None for other kinds."""
        body: bytes | None = self._whole.read(one.target)
        kind = next((extension for start, extension, _ in _PICTURES if (body or b"").startswith(start)), None)
        if kind == "jpeg":
            body = markers.plain_jpeg(body or b"")
        elif kind == "png":
            body = markers.plain_png(body or b"")
        if kind is None or body is None:
            return None
        new = f"word/media/image{len(self._named)}.{kind}"
        self._written[new] = body
        return new

    def _ask_properties(self, part: str) -> None:
        said = _Texts()
        parse(self._whole.read(part), said, name=self._name)
        pages = said.found.get("Pages", "")
        self.found.took("document properties")
        self.found.said(
            made_at=moment(said.found.get("created", "")),
            changed_at=moment(said.found.get("modified", "")),
            software=said.found.get("Application"),
            pages=int(pages) if re.fullmatch(r"[0-9]{1,6}", pages) else None,
        )


class _Texts(ContentHandler):
    """The text of each element, by its name without a prefix."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self._name = ""

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: ARG002, N802 - SAX's name
        self._name = name.rpartition(":")[2]

    def characters(self, content: str) -> None:
        if content.strip():
            self.found[self._name] = (self.found.get(self._name, "") + content)[:LONGEST_TEXT]


class _Types(ContentHandler):
    """The content types of the parts that have one of their own, and of all others by extension."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: dict[str, str] = {}
        self.extensions: dict[str, str] = {}

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - SAX's name
        media = attrs.get("ContentType", "")
        if name.endswith("Override") and "PartName" in attrs:
            self.parts[attrs["PartName"].lstrip("/").lower()] = media
        elif name.endswith("Default") and "Extension" in attrs:
            self.extensions[attrs["Extension"].lower()] = media

    def get(self, part: str) -> str | None:
        """Return the content type of a part."""
        return self.parts.get(part.lower()) or self.extensions.get(part.rpartition(".")[2].lower())


def _content_types(body: bytes, name: str) -> _Types:
    types = _Types()
    parse(body, types, name=name)
    return types


def sample() -> io.BytesIO:
    """Return the smallest document, to try reading with."""
    body = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body/></w:document>'
    root = relations.written(
        [Relation("rId1", "officeDocument", relations.MAIN_TYPE, MAIN, is_external=False)]
    )
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f'<Override PartName="/{MAIN}" ContentType="{KEPT["officeDocument"]}"/></Types>'
    )
    made = io.BytesIO()
    archive.written({CONTENT_TYPES: types.encode(), "_rels/.rels": root, MAIN: body.encode()}, made)
    made.seek(0)
    return made
