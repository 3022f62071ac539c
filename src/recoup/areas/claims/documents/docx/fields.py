"""Fields of Word documents: which of them would fetch a file, or start a program, when Word brings them up to date."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from recoup.core.errors import Invalid

_FETCH = {"INCLUDE", "INCLUDEPICTURE", "INCLUDETEXT", "LINK", "IMPORT", "RD", "DATABASE"}
_START = {"DDE", "DDEAUTO", "PRINT", "HTMLCONTROL", "CONTROL"}
_WORD = re.compile(r"\s*([A-Za-z]+)")
_TARGET = re.compile(r'\s*HYPERLINK\s+"?\s*(?:(\\\\|//)|([A-Za-z][A-Za-z0-9+.-]*):)', re.IGNORECASE)
_WEB = {"http", "https", "mailto"}


@dataclass(slots=True)
class _Field:
    words: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    """Where its words stand in what is written."""
    is_shown: bool = False
    """Its words are over, and what it shows begins."""


class Fields:
    """Follows fields through a part as it is written, and blanks the words of those that fetch or start."""

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._open: list[_Field] = []
        self._done: list[_Field] = []
        self._in_words = 0
        self._removed: list[str] = []

    def start(self, local: str, attrs: dict[str, str]) -> None:
        """Note a tag; the words of a simple field, which stand in its tag, are blanked at once."""
        if local in {"instrText", "delInstrText"}:
            self._in_words += 1
        elif local == "fldSimple":
            self._begin()
            for key, said in list(attrs.items()):
                if key.rpartition(":")[2] == "instr" and (what := _acts(said)):
                    attrs[key] = ""
                    self._removed.append(what)
        elif local == "fldChar":
            self._mark(
                next((said for key, said in attrs.items() if key.rpartition(":")[2] == "fldCharType"), "")
            )

    def end(self, local: str) -> None:
        """Note the end of a tag."""
        if local in {"instrText", "delInstrText"}:
            self._in_words -= 1

    def text(self, content: str, place: int) -> None:
        """Note text, which will be written at ``place``."""
        if self._in_words and self._open and not self._open[-1].is_shown:
            self._open[-1].words.append(content)
            self._open[-1].places.append(place)

    def blank(self, out: list[str]) -> list[str]:
        """Blank the words of the fields that fetch or start something, in what was written; say what went."""
        for one in (*self._done, *self._open):
            if what := _acts("".join(one.words)):
                self._removed.append(what)
                for place in one.places:
                    out[place] = ""
        return self._removed

    def _begin(self) -> None:
        """Refuse a field at whose beginning another stands: its name is then whatever that one comes to."""
        outer = self._open[-1] if self._open else None
        if outer is not None and not outer.is_shown and not "".join(outer.words).strip():
            raise Invalid(
                f"{self._name} has a field whose command is put together by another field.",
                fix="Save it as a PDF, and send that.",
            )

    def _mark(self, what: str) -> None:
        if what == "begin":
            self._begin()
            self._open.append(_Field())
        elif what == "separate" and self._open:
            self._open[-1].is_shown = True
        elif what == "end" and self._open:
            self._done.append(self._open.pop())


def _acts(words: str) -> str | None:
    word = _WORD.match(words)
    name = word[1].upper() if word else ""
    if name in _START:
        return "fields that start programs"
    if name in _FETCH:
        return "fields that fetch files"
    target = _TARGET.match(words)
    if target and (target[1] or target[2].lower() not in _WEB):
        return "links to files"
    return None
