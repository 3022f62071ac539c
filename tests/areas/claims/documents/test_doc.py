"""Old Word documents are kept as they came, for download only, and refused where they hold what acts."""

from __future__ import annotations

import pytest

from recoup.core.errors import Invalid, RecoupError, Unsupported
from support.documents import MARKER, doc, word_text

from .conftest import Examine

TEXT = ("WordDocument", word_text())


def test_a_sound_one_is_kept_as_it_came(examine: Examine) -> None:
    body = doc([TEXT, ("1Table", b"x"), ("Data", b"x" * 9000), ("ObjectPool/Equation Native", b"x")])
    found, written = examine(body, "letter.doc", "application/msword")
    assert written == body
    assert found.facts == {"download_only": True}
    assert (found.sha256, found.size) == (found.original_sha256, found.original_size)
    assert (found.removed, found.fingerprint, found.media_type) == ((), None, "application/msword")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (doc([TEXT, ("Macros/PROJECT", b"x")]), Invalid, "macros"),
        (doc([TEXT, ("ObjectPool/_VBA_PROJECT", b"x")]), Invalid, "macros"),
        (doc([("WordDocument", word_text(flags=0x0100))]), Invalid, "password"),
        (doc([TEXT, ("EncryptedPackage", b"x")]), Invalid, "password"),
        (doc([TEXT, ("ENCRYPTIONINFO", b"x")]), Invalid, "password"),
        (doc([TEXT, ("\x06DataSpaces/x", b"x")]), Invalid, "protected"),
        (doc([TEXT, ("ObjectPool/\x01Ole10Native", b"MZ")]), Invalid, "embedded"),
        (doc([TEXT, ("ObjectPool/Package", b"PK")]), Invalid, "embedded"),
        (doc([("WordDocument", word_text(text=b"\x13 DDEAUTO c:\\\\cmd.exe \x14x\x15"))]), Invalid, "DDE"),
        (
            doc([("WordDocument", word_text(text="\x13 dde excel \x14x\x15".encode("utf-16-le")))]),
            Invalid,
            "DDE",
        ),
        (doc([("Workbook", b"x")]), Unsupported, "no Word document"),
        (doc([("WordDocument", b"\xff" * 600)]), Unsupported, "older"),
        (doc([("WordDocument", b"")]), Invalid, "damaged"),
        (doc(tail=MARKER), Invalid, "behind its end"),
        (doc(tail=b"PK\x03\x04" + MARKER), Invalid, "behind its end"),
        (doc()[:600], Invalid, "damaged"),
        (doc()[:1536] + b"\xff" * 4000, Unsupported, "no Word document"),
    ],
)
def test_what_acts_or_hides_is_refused(
    examine: Examine, body: bytes, status: type[RecoupError], words: str
) -> None:
    with pytest.raises(status) as error:
        examine(body, "x.doc")
    assert type(error.value) is status
    assert error.value.detail.startswith("x.doc ")
    assert words in error.value.detail


def test_a_word_that_begins_like_a_command_is_none(examine: Examine) -> None:
    body = doc(
        [
            (
                "WordDocument",
                word_text(text=b'\x13 HYPERLINK "http://x" \x14x\x15 DDE in a text, \x13 DDEX \x15'),
            )
        ]
    )
    assert examine(body, "x.doc")[1] == body
