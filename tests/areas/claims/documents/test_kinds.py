"""Extension, declared type and first bytes must agree; the sentence says which of them does not (security.md, 37 to 40)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.documents import kinds
from recoup.areas.claims.documents.kinds import Kind
from recoup.core.errors import Unsupported
from support.documents import doc, docx, jpeg, pdf, png

GOOD = {Kind.PDF: pdf(), Kind.JPEG: jpeg(), Kind.PNG: png(), Kind.DOC: doc(), Kind.DOCX: docx()}
EXTENSIONS = {
    "pdf": Kind.PDF,
    "jpg": Kind.JPEG,
    "jpeg": Kind.JPEG,
    "png": Kind.PNG,
    "doc": Kind.DOC,
    "docx": Kind.DOCX,
}


def refused(name: str, declared: str, head: bytes) -> str:
    with pytest.raises(Unsupported) as error:
        kinds.check(kinds.clean(name), declared, head)
    assert error.value.status == 415
    assert ".pdf, .jpg, .jpeg, .png, .doc, .docx" in (error.value.fix or "") or "one extension" in (
        error.value.fix or ""
    )
    return error.value.detail


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("spelled", [str.lower, str.upper, str.title])
@pytest.mark.parametrize("declared", ["", "application/octet-stream", "right"])
def test_what_agrees_is_taken(extension: str, spelled: type[str], declared: str) -> None:
    kind = EXTENSIONS[extension]
    sent_as = f"{kinds.MEDIA_TYPES[kind]}; charset=binary" if declared == "right" else declared
    name = f"A receipt, 3. of July.{spelled(extension)}"
    assert kinds.check(kinds.clean(name), sent_as, GOOD[kind][: kinds.HEAD]) is kind
    assert kinds.clean(name) == name


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("inside", Kind)
def test_content_of_another_kind_is_refused(extension: str, inside: Kind) -> None:
    if EXTENSIONS[extension] is not inside:
        said = refused(f"x.{extension}", "", GOOD[inside][: kinds.HEAD])
        assert said.startswith(f"x.{extension} does not hold what its name says: it is ")


@pytest.mark.parametrize(
    ("name", "because"),
    [
        ("x", "no extension"),
        (".pdf", "no extension"),
        ("pdf", "no extension"),
        ("", "no extension"),
        ("x.pdf.exe", ".exe"),
        ("x.pdf%00.exe", ".exe"),
        ("x.pdf\0.exe", ".exe"),
        ("x.pdf\n.exe", ".exe"),
        ("x\u202efdp.exe", ".exe"),
        ("x.exe.pdf", "second extension, .exe"),
        ("x.php.jpg", "second extension, .php"),
        (".htaccess", "no extension"),
        ("x.svg", ".svg"),
        ("x.html", ".html"),
        ("x.docm", ".docm"),
        ("x.gif", ".gif"),
        ("x.pdf/", "no extension"),
        ("x.pdf ", ""),
    ],
)
def test_names(name: str, because: str) -> None:
    if because:
        assert because in refused(name, "", GOOD[Kind.PDF])
    else:
        assert kinds.check(kinds.clean(name), "", GOOD[Kind.PDF]) is Kind.PDF


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("../../x.pdf", "x.pdf"),
        ("..\\x.pdf", "x.pdf"),
        ("CON.pdf", "CON.pdf"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("a\tb\x00.pdf", "a b.pdf"),
        ("\N{GRINNING FACE}.pdf", "\N{GRINNING FACE}.pdf"),
        ("booking.com.pdf", "booking.com.pdf"),
        ("x.pdf.", "x.pdf"),
    ],
)
def test_names_are_cleaned_and_keep_their_extension(name: str, clean: str) -> None:
    assert kinds.clean(name) == clean
    assert kinds.check(clean, "", GOOD[Kind.PDF]) is Kind.PDF


@pytest.mark.parametrize(
    ("extension", "declared"),
    [
        ("pdf", "text/html"),
        ("pdf", "image/png"),
        ("jpg", "image/gif"),
        ("png", "image/svg+xml"),
        ("docx", "text/plain"),
    ],
)
def test_a_declared_type_that_says_otherwise_is_refused(extension: str, declared: str) -> None:
    assert declared.split("/")[1] in refused(f"x.{extension}", declared, GOOD[EXTENSIONS[extension]])


@pytest.mark.parametrize(
    ("head", "what"),
    [
        (b"MZ\x90\0", "a program"),
        (b"\x7fELF\x02", "a program"),
        (b"#!/bin/sh\n", "a script"),
        (b"Rar!\x1a\x07", "a RAR archive"),
        (b"GIF89a", "a GIF picture"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
        (b"{\\rtf1", "a rich text file"),
        (b"<svg xmlns='x'>", "a web page or other markup"),
        (b"\xef\xbb\xbf<!DOCTYPE html>", "a web page or other markup"),
        (b"<html>%PDF-1.4", "a web page or other markup"),
        (b"\0\0\0\x18ftypheic", "an HEIC or AVIF picture"),
        (b"CWS\x09", "something else"),
        (b"[InternetShortcut]\r\nURL=x", "something else"),
        (b"L\0\0\0\x01\x14\x02\0", "something else"),
        (b"", "empty"),
    ],
)
def test_strangers_are_refused_by_name_under_every_extension(head: bytes, what: str) -> None:
    for extension in EXTENSIONS:
        assert refused(f"x.{extension}", "", head).endswith(f"it is {what}.")


@pytest.mark.parametrize(
    ("before", "is_taken"),
    [
        (b"\xef\xbb\xbf", True),
        (b"\x1b%-12345X@PJL JOB\r\n", True),
        (b"%%DEBUT\r\n", True),
        (b"\0" * 1024, True),
        (b"\0" * 1025, False),
        (b"<html><body>", False),
        (b"hello <?php phpinfo() ?>", False),
        (b"<\0h\0t\0m\0l\0", False),
        (b"MZ\x90\0", False),
        (b"\x7fELF", False),
        (b"GIF89a/*", False),
        (b"\xff\xd8\xff\xe0", False),
        (b"PK\x03\x04", False),
    ],
)
def test_what_may_stand_before_a_pdf(before: bytes, is_taken: bool) -> None:
    head = (before + GOOD[Kind.PDF])[: kinds.HEAD]
    if is_taken:
        assert kinds.check("x.pdf", "", head) is Kind.PDF
    else:
        refused("x.pdf", "", head)


def checked(name: str, declared: str, head: bytes) -> Kind | Unsupported:
    try:
        return kinds.check(name, declared, head)
    except Unsupported as error:
        return error


@given(name=st.text(max_size=60), declared=st.text(max_size=40), head=st.binary(max_size=64))
def test_anything_is_taken_or_refused_with_a_sentence(name: str, declared: str, head: bytes) -> None:
    clean = kinds.clean(name)
    came = checked(clean, declared, head)
    if isinstance(came, Kind):
        assert EXTENSIONS[kinds.extension(clean)] is came
    else:
        assert came.detail.startswith(clean)
        assert came.detail.isprintable()


@given(
    stem=st.text(min_size=1, max_size=80).filter(lambda stem: kinds.clean(f"{stem}.x") == f"{stem}.x"),
    extension=st.sampled_from(sorted(EXTENSIONS)),
    inside=st.sampled_from(Kind),
    declared=st.sampled_from(Kind),
)
def test_only_what_agrees_in_all_three_is_taken(
    stem: str, extension: str, inside: Kind, declared: Kind
) -> None:
    kind = EXTENSIONS[extension]
    came = checked(f"{stem}.{extension}", kinds.MEDIA_TYPES[declared], GOOD[inside][: kinds.HEAD])
    if isinstance(came, Kind):
        assert came is kind is inside is declared
    else:
        assert (inside, declared) != (kind, kind) or "." in stem
