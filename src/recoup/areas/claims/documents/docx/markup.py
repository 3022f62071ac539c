"""XML parts of a Word document, read without DTDs and written anew: elements, attributes and text, nothing else.

Comments and instructions to programs go, and so do elements that refer to what is left out.
"""

from __future__ import annotations

import io
import re
from collections.abc import Collection, Mapping
from typing import Any
from xml.sax import SAXParseException
from xml.sax.handler import ContentHandler, feature_external_ges, feature_external_pes
from xml.sax.saxutils import escape, quoteattr

from defusedxml.common import DefusedXmlException
from defusedxml.sax import make_parser

from recoup.areas.claims.documents.docx.fields import Fields
from recoup.core.errors import Invalid

DEEPEST = 500
"""Word documents nest some dozens of elements."""
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_LEFT_OUT = {"mailMerge": "the source of a serial letter", "webVideoPr": "videos from the web"}
_TEXTS = str.maketrans({"\r": "&#13;"})
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]*):")
WEB = ("http", "https", "mailto")


def is_web(target: str) -> bool:
    """Say whether a link leads to the web or to a mail address, or to a place in the document itself."""
    scheme = _SCHEME.match(target)
    return scheme[1].lower() in WEB if scheme else target.startswith("#")


def parse(body: bytes, handler: ContentHandler, *, name: str) -> None:
    """Parse XML into a handler; raise Invalid for a DTD, an entity, another encoding than UTF-8 or -16, or damage."""
    parser = make_parser()
    parser.forbid_dtd = True
    for feature in (feature_external_ges, feature_external_pes):
        parser.setFeature(feature, False)  # noqa: FBT003 - the library's form
    parser.setContentHandler(handler)
    try:
        parser.parse(io.BytesIO(body))
    except DefusedXmlException as error:
        raise Invalid(
            f"{name} defines entities of its own (a DTD), which no Word document does.",
            fix="Save it again with Word.",
        ) from error
    except (
        SAXParseException,
        LookupError,
        ValueError,
        OSError,
    ) as error:  # OSError: no codec of that name is loaded
        raise Invalid(
            f"{name} is damaged: a part of it is no XML.", fix="Save it again, or as a PDF."
        ) from error


class Rewriter(ContentHandler):
    """Writes a part anew. ``dropped`` are the ids of relations that are left out; ``removed`` collects what went."""

    def __init__(self, *, dropped: Collection[str], name: str) -> None:
        super().__init__()
        self._dropped = frozenset(dropped)
        self._out = [_HEAD]
        self._skipping = 0
        self._open: list[str] = []
        self._fields = Fields(name=name)
        self._name = name
        self.removed: list[str] = []

    def written(self) -> bytes:
        """Return the part."""
        self.removed += self._fields.blank(self._out)
        return "".join(self._out).encode()

    def startElement(self, name: str, attrs: Any) -> None:  # noqa: N802 - SAX's name
        """Write a tag, or begin to leave an element out."""
        local = name.rpartition(":")[2]
        if self._skipping or local in _LEFT_OUT or (local != "hyperlink" and self._refers(attrs)):
            if local in _LEFT_OUT:
                self.removed.append(_LEFT_OUT[local])
            self._skipping += 1
            return
        self._open.append(name)
        if len(self._open) > DEEPEST:
            raise Invalid(f"{self._name} nests its parts deeper than documents do.", fix="Save it as a PDF.")
        kept = {key: value for key, value in attrs.items() if self._keeps(key, value)}
        self._fields.start(local, kept)
        said = "".join(f" {key}={quoteattr(value)}" for key, value in kept.items())
        self._out.append(f"<{name}{said}>")

    def endElement(self, name: str) -> None:  # noqa: N802 - SAX's name
        """Close a tag."""
        if self._skipping:
            self._skipping -= 1
            return
        self._open.pop()
        self._fields.end(name.rpartition(":")[2])
        self._out.append(f"</{name}>")

    def characters(self, content: str) -> None:
        """Write text."""
        if not self._skipping:
            self._fields.text(content, len(self._out))
            self._out.append(escape(content).translate(_TEXTS))

    def _refers(self, attrs: Mapping[str, str]) -> bool:
        return any(value in self._dropped for key, value in attrs.items() if ":" in key)

    def _keeps(self, key: str, value: str) -> bool:
        """Say whether an attribute stays: old drawings name pictures and links by address."""
        local = key.rpartition(":")[2]
        if local == "src" or (local == "href" and not is_web(value)):
            self.removed.append("links to files")
            return False
        return ":" not in key or value not in self._dropped
