"""What in a PDF acts, fetches or hides: by the shape of a dictionary, wherever it lies.

Names alone do not tell: a glyph may be called A, a picture AA, and a structure element has attributes under the same
key as an annotation has its action. So the value is looked at, too.
"""

from __future__ import annotations

import re
from typing import Any

from pikepdf import Array, Dictionary, Name, Stream, String

from recoup.areas.claims.documents.found import Found

JAVASCRIPT = "JavaScript"
FILES = "links to files"
ATTACHED = "attached files"
MEDIA = "sound, video or 3D"
ACTIONS = "actions that run by themselves"

BAD_ACTIONS = {
    "/JavaScript": JAVASCRIPT,
    "/Launch": "actions that start programs",
    "/SubmitForm": "actions that send the form",
    "/ImportData": FILES,
    "/GoToR": FILES,
    "/GoToE": FILES,
    "/GoToDp": FILES,
    "/Thread": FILES,
    "/Movie": MEDIA,
    "/Sound": MEDIA,
    "/Rendition": MEDIA,
    "/RichMediaExecute": MEDIA,
    "/GoTo3DView": MEDIA,
}
"""Actions, wherever they are, and what is said when they go."""
GOOD_ACTIONS = {"/GoTo", "/Named", "/URI"}
NAMED = {"/NextPage", "/PrevPage", "/FirstPage", "/LastPage"}
BAD_ANNOTATIONS = {
    "/FileAttachment": ATTACHED,
    "/Sound": MEDIA,
    "/Movie": MEDIA,
    "/Screen": MEDIA,
    "/RichMedia": MEDIA,
    "/3D": MEDIA,
    "/Projection": MEDIA,
}
_WEB = re.compile(rb"\s*(?:https?|mailto):", re.IGNORECASE)
_TELLING = (
    "/A", "/AA", "/PA", "/OpenAction", "/Next", "/XFA", "/EF", "/AF", "/RF", "/Filespec", "/FS", "/F", "/UF",
    "/FFilter", "/FDecodeParms", "/Ref", "/OPI", "/Metadata", "/PieceInfo", "/Thumb", "/Sig", "/URI",
    *BAD_ACTIONS, *BAD_ANNOTATIONS,
)  # fmt: skip
TELLS = re.compile(rb'"(?:n:)?(?:%s)"' % b"|".join(name.encode() for name in _TELLING))
"""Found in the JSON of an object that may have something to mend."""


def mend(one: Any, found: Found) -> None:
    """Take out of one dictionary, or a stream's, what acts, fetches or hides."""
    if isinstance(one, Dictionary) and (what := _is_bad(one)):
        found.took(what)
        empty(one)
        return
    _mend_actions(one, found)
    _mend_files(one, found)
    for key, what in _CONTAINERS.items():
        if isinstance(one.get(key), (Array, Dictionary)):
            _drop(one, key, found, what)
    for key, what in _ALWAYS.items():
        _drop(one, key, found, what)
    if isinstance(metadata := one.get("/Metadata"), Stream) and _name(metadata, "/Subtype") == "/XML":
        _drop(one, "/Metadata", found, "XMP data")
    if isinstance(one.get("/Thumb"), Stream) and _name(one, "/Type") == "/Page":
        _drop(one, "/Thumb", found, "")
    if _name(one, "/FT") == "/Sig":
        for key, what in (("/V", "digital signatures"), ("/SV", ""), ("/Lock", "")):
            _drop(one, key, found, what)


_ALWAYS = {"/OpenAction": "", "/XFA": "an XFA form"}
_CONTAINERS = {
    "/EF": ATTACHED,
    "/RF": ATTACHED,
    "/AF": ATTACHED,
    "/FS": FILES,
    "/OPI": FILES,
    "/PieceInfo": "",
}


def _mend_actions(one: Any, found: Found) -> None:
    for key in ("/A", "/PA"):
        action = one.get(key)
        if isinstance(action, Dictionary) and "/S" in action and not _is_good(action):
            _drop(one, key, found, said_of(action))
    if isinstance(events := one.get("/AA"), Dictionary):
        for action in events.values():
            found.took(said_of(action))
        _drop(one, "/AA", found, "")
    if _name(one, "/S") in GOOD_ACTIONS:
        _drop(one, "/Next", found, ACTIONS)


def _mend_files(one: Any, found: Found) -> None:
    """Take out the names of files: data of streams that lie elsewhere, pages of other documents."""
    if isinstance(one, Stream):
        for key in ("/F", "/FFilter", "/FDecodeParms"):
            _drop(one, key, found, FILES)
        if isinstance(one.get("/Ref"), Dictionary):
            _drop(one, "/Ref", found, FILES)
        return
    for key in ("/F", "/UF", "/FS"):
        if isinstance(one.get(key), String):
            _drop(one, key, found, FILES)


def empty(one: Any) -> None:
    """Take everything out of a dictionary."""
    for key in list(one.keys()):
        del one[key]


def said_of(action: Any) -> str:
    """Say what goes with an action."""
    return BAD_ACTIONS.get(_name(action, "/S"), ACTIONS) if isinstance(action, Dictionary) else ACTIONS


def _is_bad(one: Any) -> str | None:
    """Say what goes with a dictionary that goes as a whole, or return None."""
    kind = _name(one, "/S")
    if kind in BAD_ACTIONS:
        return BAD_ACTIONS[kind]
    if kind == "/URI" and not _is_good(one):
        return FILES
    if _name(one, "/Type") in {"/Filespec", "/F"}:
        return FILES
    subtype = _name(one, "/Subtype")
    return BAD_ANNOTATIONS.get(subtype) if "/Rect" in one else None


def _is_good(action: Any) -> bool:
    """Say whether an action only leads elsewhere in the document, or to the web."""
    kind = _name(action, "/S")
    if kind == "/URI":
        target = action.get("/URI")
        return isinstance(target, String) and _WEB.match(bytes(target)) is not None
    return kind == "/GoTo" or (kind == "/Named" and _name(action, "/N") in NAMED)


def _name(one: Any, key: str) -> str:
    value = one.get(key)
    return str(value) if isinstance(value, Name) else ""


def _drop(one: Any, key: str, found: Found, what: str) -> None:
    if key in one:
        del one[key]
        if what:
            found.took(what)
