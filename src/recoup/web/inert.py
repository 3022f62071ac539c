"""HTML of a mail, shown as it looks and unable to do anything: no script, no form, no way out, nothing from elsewhere.

The document is written anew from tags and attributes that are allowed. What a mail says in ``style`` attributes becomes
rules of one style sheet under a nonce, because the pages' security policy allows no style attribute.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from html.parser import HTMLParser

from fastapi.responses import HTMLResponse

MOST_TAGS = 20_000
MOST_LINKS = 50

_KEPT = """
a abbr b big blockquote br caption center cite code col colgroup dd del div dl dt em figcaption figure font footer
h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q s samp section small span strike strong sub sup
table tbody td tfoot th thead time tr tt u ul var
"""
_SWALLOWED = """
applet audio button canvas datalist embed frameset iframe math noembed noframes noscript object option script select
svg template textarea title video xmp
"""
_ATTRIBUTES = """
align alt bgcolor border cellpadding cellspacing color colspan dir face height lang role rowspan size start title type
valign width
"""
TAGS = frozenset(_KEPT.split())
"""What is kept. Of any other tag the text within is."""
VOID = frozenset({"br", "col", "hr", "img"})
SWALLOWED = frozenset(_SWALLOWED.split())
"""What goes with everything in it."""
ATTRIBUTES = frozenset(_ATTRIBUTES.split())

_CLASS = re.compile(r"[A-Za-z][\w-]*")
_PROPERTY = re.compile(r"-{0,2}[a-z][a-z-]*")
_IMAGE = re.compile(r"data:image/(?:png|gif|jpeg|webp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_URL = re.compile(r"url\s*\([^)]*\)?", re.IGNORECASE)
_IMPORT = re.compile(r"@(?:import|charset|namespace|font-face)[^;{]*(?:;|\{[^}]*\})?", re.IGNORECASE)
_UNSAFE_VALUE = re.compile(r"[<>{}@\\]|/\*|expression|javascript:|-moz-binding|behavior", re.IGNORECASE)
_WEB = re.compile(r"(?:https?://|mailto:|tel:)[!-~]+", re.IGNORECASE)

_BASE = "a{color:LinkText;text-decoration:underline}"
"""A link leads nowhere here, and still looks like one."""


@dataclass(frozen=True, slots=True)
class Look:
    """A document that does nothing, where its links would have led, and what was left out of it."""

    document: str
    links: Sequence[str]
    left_out: Sequence[str]


def look(html: str, *, nonce: str) -> Look:
    """Write ``html`` anew, inert; its style sheets stand under ``nonce``."""
    writer = _Writer()
    writer.feed(html)
    writer.close()
    rules = "".join(f":is(.{name},#x#x){{{style}}}" for style, name in writer.styles.items())
    sheet = f"{_BASE}{''.join(writer.sheets)}{rules}"
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<style nonce="{nonce}">{sheet}</style></head><body{writer.body}>{"".join(writer.out)}</body></html>'
    )
    return Look(document, list(writer.links), sorted(writer.left_out))


def framed(html: str) -> HTMLResponse:
    """Answer with ``html`` for a frame of our own pages; everything but its looks is switched off twice."""
    nonce = secrets.token_urlsafe(18)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; sandbox; frame-ancestors 'self'"
    headers = {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"}
    return HTMLResponse(look(html, nonce=nonce).document, headers=headers)


class _Writer(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.body = ""
        self.sheets: list[str] = []
        self.styles: dict[str, str] = {}
        self.links: dict[str, None] = {}
        self.left_out: set[str] = set()
        self._swallowing: list[str] = []
        self._in_style = False
        self._tags = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write a tag that is allowed, with the attributes that are."""
        self._tags += 1
        if self._tags > MOST_TAGS:
            self.left_out.add("what comes after very many tags")
            return
        if self._swallowing or tag in SWALLOWED:
            if tag in SWALLOWED:
                self._swallowing.append(tag)
                if tag != "title":  # which nobody sees
                    self._note(tag)
            return
        if tag == "style":
            self._in_style = True
        elif tag == "body":
            self.body = self._attributes(tag, attrs)
        elif tag in TAGS:
            self.out.append(f"<{tag}{self._attributes(tag, attrs)}>")
        elif tag not in {"html", "head", "meta"} or self._refreshes(attrs):
            self._note(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take ``<br/>`` for what it is; of a tag that browsers do not close so, take its opening."""
        if (
            tag in SWALLOWED
        ):  # <script/> opens a script, as browsers read it; <svg/> does not, and holds nothing
            self._note(tag)
            if tag in {"script", "title", "textarea", "iframe", "noscript", "xmp"}:
                self._swallowing.append(tag)
            return
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close what is open."""
        if self._swallowing:
            if tag in self._swallowing:
                while self._swallowing.pop() != tag:
                    pass
            return
        if tag == "style":
            self._in_style = False
        elif tag in TAGS and tag not in VOID and self._tags <= MOST_TAGS:
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        """Write text as text, and keep a style sheet."""
        if self._swallowing:
            return
        if self._in_style:
            self.sheets.append(self._sheet(data))
        elif self._tags <= MOST_TAGS:
            self.out.append(escape(data, quote=False))

    def _attributes(self, tag: str, attrs: list[tuple[str, str | None]]) -> str:
        kept: dict[str, str] = {}
        names: list[str] = []
        for name, given in attrs:
            value = given or ""
            if name == "class":
                names = [one for one in value.split() if _CLASS.fullmatch(one)] + names
            elif name == "style":
                names += self._styled(value)
            elif name == "href" and tag == "a":
                kept["title"] = self._led(value)
            elif name == "src" and tag == "img":
                kept |= self._pictured(value)
            elif name in ATTRIBUTES:
                kept.setdefault(name, value)
            elif name not in {"id", "target", "rel", "name"}:
                self._note(f"{name} of {tag}")
        if names:
            kept["class"] = " ".join(names)
        return "".join(f' {name}="{escape(value)}"' for name, value in kept.items())

    def _styled(self, style: str) -> list[str]:
        """Return the class that stands for a style attribute."""
        written = ";".join(filter(None, (self._declaration(one) for one in _split(style))))
        if not written:
            return []
        return [self.styles.setdefault(written, f"look{len(self.styles)}")]

    def _declaration(self, text: str) -> str:
        name, _, value = text.partition(":")
        name, value = name.strip().lower(), self._local(value.strip())
        if not _PROPERTY.fullmatch(name) or not value:
            return ""
        if _UNSAFE_VALUE.search(f"{name}:{value}") or value.count("(") != value.count(")"):
            self._note("a part of a style")
            return ""
        return f"{name}:{value}" if _quotes_close(value) else ""

    def _sheet(self, text: str) -> str:
        if _IMPORT.search(text):
            self._note("a style sheet from elsewhere")
        return self._local(_IMPORT.sub("", text)).replace("<", "").replace("\\", "")

    def _local(self, css: str) -> str:
        """Keep pictures that stand in the mail itself; no other is asked for."""

        def kept(found: re.Match[str]) -> str:
            inside = found[0].partition("(")[2].rstrip(")").strip().strip("'\"")
            if _IMAGE.fullmatch(inside):
                return found[0] if found[0].endswith(")") else f"{found[0]})"
            self._note("a picture from elsewhere")
            return "none"

        return _URL.sub(kept, css)

    def _led(self, href: str) -> str:
        href = href.strip()
        if not _WEB.fullmatch(href):
            self._note("a link that is no web address")
            return "Leads nowhere"
        if len(self.links) < MOST_LINKS:
            self.links[href] = None
        return f"Leads to {href}"

    def _pictured(self, src: str) -> dict[str, str]:
        if _IMAGE.fullmatch(src.strip()):
            return {"src": src.strip()}
        self._note("a picture from elsewhere")
        return {}

    def _refreshes(self, attrs: list[tuple[str, str | None]]) -> bool:
        return any(
            name == "http-equiv" and (value or "").strip().lower() == "refresh" for name, value in attrs
        )

    def _note(self, what: str) -> None:
        if len(self.left_out) < MOST_LINKS:
            self.left_out.add(what)


def _split(style: str) -> list[str]:
    """Split a style attribute at the semicolons that are neither quoted nor in brackets."""
    parts, quote, depth, start = [], "", 0, 0
    for at, char in enumerate(style):
        if quote:
            quote = "" if char == quote else quote
        elif char in "\"'":
            quote = char
        elif char in "()":
            depth = max(depth + (1 if char == "(" else -1), 0)
        elif char == ";" and not depth:
            parts.append(style[start:at])
            start = at + 1
    return [*parts, style[start:]]


def _quotes_close(value: str) -> bool:
    return re.fullmatch(r"""(?:[^'"\n]|'[^'\n]*'|"[^"\n]*")*""", value) is not None
