"""PDFs come out without what acts, fetches or hides, looking as they did (security.md, 39, 42, 43)."""

from __future__ import annotations

import io
import json
import os
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import Array, Dictionary, Name, String
from PIL import ImageChops

from recoup.areas.claims.documents.found import Found
from recoup.areas.claims.documents.pdf import cleaning
from recoup.areas.claims.documents.pdf import rewriting as pdf_rewriting
from recoup.core.errors import Invalid, Unsupported
from support.documents import MARKER, bomb, jpeg, pdf, photo, written_pdf

from .conftest import Examine

LETTER = Array([0, 0, 612, 792])
GONE = (
    "/JavaScript", "/JS", "/Launch", "/AA", "/OpenAction", "/EmbeddedFiles", "/EF", "/AF", "/XFA", "/SubmitForm",
    "/ImportData", "/GoToR", "/GoToE", "/Thread", "/RichMedia", "/Movie", "/Sound", "/Rendition", "/Collection",
    "/FileAttachment", "/PieceInfo", "/Metadata", "/Filespec", "/FFilter", "/SpiderInfo", "/Perms",
)  # fmt: skip


def action(kind: str, **more: Any) -> Dictionary:
    return Dictionary(Type=Name.Action, S=Name(f"/{kind}"), **more)


def script(text: str = "app.alert(1)") -> Dictionary:
    return action("JavaScript", JS=String(text))


def annotation(kind: str, **more: Any) -> Dictionary:
    return Dictionary(Type=Name.Annot, Subtype=Name(f"/{kind}"), Rect=Array([10, 10, 90, 90]), **more)


def attached(made: pikepdf.Pdf) -> Dictionary:
    body = made.make_stream(b"MZ an embedded program", Type=Name.EmbeddedFile)
    return Dictionary(Type=Name.Filespec, F=String("evil.exe"), UF=String("evil.exe"), EF=Dictionary(F=body))


def everything_bad(made: pikepdf.Pdf) -> None:
    """Put into a PDF whatever acts, fetches or hides, in the places where it is looked for and in others."""
    root, page = made.Root, made.pages[0].obj
    root.OpenAction = script()
    root.AA = Dictionary(WC=script(), DP=action("Launch", F=String("cmd.exe")))
    root.Names = Dictionary(
        JavaScript=Dictionary(Names=Array([String("a"), script()])),
        EmbeddedFiles=Dictionary(Names=Array([String("evil.exe"), made.make_indirect(attached(made))])),
        Renditions=Dictionary(Names=Array([])),
        Dests=Dictionary(Names=Array([String("here"), Array([page, Name.Fit])])),
    )
    root.AF = Array([attached(made)])
    root.Collection = Dictionary(View=Name.T)
    root.SpiderInfo = Dictionary(V=1)
    root.Perms = Dictionary(DocMDP=Dictionary(Type=Name.Sig))
    root.URI = Dictionary(Base=String("file:///"))
    root.Metadata = made.make_stream(b"<x:xmpmeta>secret</x:xmpmeta>", Type=Name.Metadata, Subtype=Name.XML)
    root.PieceInfo = Dictionary(App=Dictionary(Private=String("secret")))
    page.AA = Dictionary(O=script())
    page.Metadata, page.AF = root.Metadata, root.AF
    page.Thumb = made.make_stream(b"secret")
    page.Annots = Array(
        [
            annotation("Link", A=action("URI", URI=String("https://example.com/")), Contents=String("web")),
            annotation("Link", A=action("URI", URI=String("file:///etc/passwd"))),
            annotation("Link", A=action("URI", URI=String("javascript:alert(1)"))),
            annotation("Link", A=action("URI", URI=String("https://example.com/"), Next=script())),
            annotation("Link", A=action("GoTo", D=Array([page, Name.Fit]), Next=Array([Array([script()])]))),
            annotation("Link", A=action("GoToR", F=String("//host/share/x.pdf"))),
            annotation("Link", A=action("GoToE", F=attached(made))),
            annotation("Link", A=action("Launch", Win=Dictionary(F=String("cmd.exe")))),
            annotation("Link", A=action("Named", N=Name.Print)),
            annotation("Link", PA=action("URI", URI=String("file:///etc/passwd"))),
            annotation("Text", Contents=String("a remark"), AA=Dictionary(E=script())),
            annotation("FileAttachment", FS=made.make_indirect(attached(made))),
            annotation("Movie", Movie=Dictionary(F=String("x.avi")), A=True),
            annotation("Sound", Sound=made.make_stream(b"secret")),
            annotation("Screen", A=action("Rendition", JS=String("alert(1)"))),
            annotation("RichMedia", RichMediaContent=Dictionary(Assets=Dictionary())),
            annotation("3D", Contents=String("3D")),
            annotation("Widget", FT=Name.Btn, A=action("SubmitForm", F=String("http://example.com"))),
            annotation("Widget", FT=Name.Btn, A=action("ImportData", F=String("x.fdf"))),
            annotation("Widget", FT=Name.Sig, V=Dictionary(Type=Name.Sig, Contents=String("signed"))),
        ]
    )
    field = made.make_indirect(
        Dictionary(FT=Name.Tx, T=String("f"), AA=Dictionary(K=script(), F=script()), Kids=Array([]))
    )
    root.AcroForm = Dictionary(
        Fields=Array([field]), XFA=Array([String("template"), made.make_stream(b"<xdp/>")]), CO=Array([field])
    )
    item = made.make_indirect(Dictionary(Title=String("t"), A=action("Thread", F=String("x.pdf"))))
    root.Outlines = Dictionary(First=item, Last=item, Count=1)
    # Where no list of places would look: behind a structure element, in the resources, in a stream's dictionary.
    hidden = made.make_indirect(annotation("FileAttachment", FS=attached(made)))
    root.StructTreeRoot = Dictionary(
        Type=Name.StructTreeRoot, K=Array([Dictionary(S=Name.P, K=Dictionary(Type=Name.OBJR, Obj=hidden))])
    )
    page.Resources = Dictionary(
        Properties=Dictionary(X=Dictionary(Deep=Array([Array([Dictionary(Deeper=script("hidden"))])]))),
        XObject=Dictionary(
            Elsewhere=made.make_stream(
                b"", Type=Name.XObject, Subtype=Name.Form, F=String("x.bin"), FFilter=Name.Fl
            ),
            Other=made.make_stream(
                b"", Type=Name.XObject, Subtype=Name.Form, Ref=Dictionary(F=String("x.pdf"))
            ),
        ),
    )
    made.trailer.Info = made.make_indirect(
        Dictionary(
            Author=String("A. Person"), Producer=String("P"), CreationDate=String("D:20250720183005+02'00'")
        )
    )
    made.trailer["/Odd"] = script("in the trailer")


def texts(body: bytes) -> Iterator[str]:
    """Yield every object of a PDF, and the trailer, as JSON."""
    with pikepdf.open(io.BytesIO(body), conversion_mode="explicit") as made:
        yield made.trailer.to_json().decode()
        for one in made.objects:
            if one is not None:
                yield one.to_json(dereference=True).decode()


def test_nothing_bad_is_left_and_the_rest_is(examine: Examine) -> None:
    found, written = examine(pdf(everything_bad), "claim.pdf", "application/pdf")
    whole = "\n".join(texts(written))
    for word in GONE:
        assert f'"{word}"' not in whole, word
    for word in (
        "file:",
        "javascript:",
        "evil.exe",
        "cmd.exe",
        "A. Person",
        "secret",
        "hidden",
        "x.bin",
        "in the trailer",
    ):
        assert word not in whole, word
    with pikepdf.open(io.BytesIO(written)) as made:
        page = made.pages[0].obj
        kept = [(str(one.Subtype), str(one.get("/Contents", ""))) for one in page.Annots]
        assert kept == [("/Link", "web"), *[("/Link", "")] * 9, ("/Text", "a remark"), *[("/Widget", "")] * 3]
        assert str(page.Annots[0].A.URI) == "https://example.com/"
        assert str(page.Annots[4].A.S) == "/GoTo"
        assert [one for one in page.Annots[5:] if "/A" in one] == []
        assert made.Root.Names.keys() == {"/Dests"}
        assert len(made.Root.AcroForm.Fields) == 1
        assert "/Info" not in made.trailer
    assert found.facts == {"pages": 1, "made_at": "2025-07-20T18:30:05+02:00", "software": "P"}
    assert set(found.removed) >= {
        "JavaScript",
        "attached files",
        "an XFA form",
        "sound, video or 3D",
        "links to files",
        "actions that start programs",
        "actions that send the form",
        "digital signatures",
        "document properties",
        "XMP data",
        "the portfolio",
    }
    assert found.fingerprint is None


def test_names_that_only_look_bad_stay(examine: Examine) -> None:
    def glyphs(made: pikepdf.Pdf) -> None:
        glyph = made.make_stream(b"500 0 d0")
        font = Dictionary(
            Type=Name.Font, Subtype=Name.Type3, FontBBox=LETTER, FontMatrix=Array([0.001, 0, 0, 0.001, 0, 0]),
            CharProcs=Dictionary(A=glyph, AA=glyph, AF=glyph, F=glyph, JS=glyph, S=glyph), FirstChar=65, LastChar=65,
            Encoding=Dictionary(Differences=Array([65, Name.A])), Widths=Array([500]),
        )  # fmt: skip
        made.pages[0].Resources = Dictionary(Font=Dictionary(F=font, OpenType=font))
        made.Root.StructTreeRoot = Dictionary(
            Type=Name.StructTreeRoot,
            K=Dictionary(S=Name.P, A=Dictionary(O=Name.Layout, Placement=Name.Block)),
        )

    _, written = examine(pdf(glyphs), "x.pdf")
    with pikepdf.open(io.BytesIO(written)) as made:
        font = made.pages[0].Resources.Font.F
        assert font.CharProcs.keys() == {"/A", "/AA", "/AF", "/F", "/JS", "/S"}
        assert made.Root.StructTreeRoot.K.A.Placement == Name.Block


def test_a_name_in_disguise_is_the_same_name(examine: Examine) -> None:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/#41#41<</O<</#53/Java#53cript/#4a#53(app.alert\\(1\\))>>>>>>"
    body = written_pdf(
        b"<</Type/Catalog/Pages 2 0 R/Open#41ction<</S/JavaScript/JS(a)>>>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        page,
    )
    found, written = examine(body, "x.pdf")
    assert "app.alert" not in "".join(texts(written))
    assert "JavaScript" in found.removed


def test_what_cleaning_overlooked_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second look is one of its own: with cleaning off, each bad thing alone is found by it."""
    monkeypatch.setattr(pdf_rewriting, "clean", lambda *_: None)

    def with_root(key: str, value: Any) -> Callable[[pikepdf.Pdf], None]:
        return lambda made: made.Root.__setitem__(key, value)

    cases: list[tuple[str, Any]] = [
        ("/OpenAction", script()),
        ("/AA", Dictionary(WC=action("GoTo", D=String("x")))),
        ("/X", Array([Array([script()])])),
        ("/X", action("Launch", F=String("x"))),
        ("/X", action("URI", URI=String("file:///x"))),
        ("/X", action("GoTo", D=String("x"), Next=action("GoTo", D=String("x")))),
        ("/X", Dictionary(Type=Name.Filespec, F=String("x"))),
        ("/X", annotation("RichMedia")),
        ("/AcroForm", Dictionary(XFA=String("x"))),
        ("/Collection", Dictionary()),
    ]
    for key, value in cases:
        into = io.BytesIO()
        with pytest.raises(Invalid, match="cannot be taken out"):
            pdf_rewriting.rewrite(io.BytesIO(pdf(with_root(key, value))), into, name="x.pdf")
    into = io.BytesIO()
    pdf_rewriting.rewrite(io.BytesIO(pdf()), into, name="x.pdf")


@pytest.mark.parametrize(
    "body",
    [
        pdf() + b"\n" + MARKER,
        b"\n\n" + pdf() + b"PK\x03\x04" + MARKER,
        pdf().replace(b"\n1 0 obj", b"\n%" + MARKER + b"\n1 0 obj", 1),
        pdf(lambda made: made.Root.__setitem__("/Junk", made.make_stream(MARKER))),
        pdf(lambda made: made.pages[0].__setattr__("Contents", made.make_stream(b"% " + MARKER + b"\n"))),
    ],
    ids=["behind", "zip behind", "comment", "unused", "in a page"],
)
def test_a_polyglot_loses_what_is_foreign(examine: Examine, body: bytes) -> None:
    assert MARKER in body or b"/Junk" in body or b"FlateDecode" in body
    found, written = examine(body, "x.pdf")
    assert MARKER not in written
    assert written.startswith(b"%PDF-1.")
    assert written.rstrip().endswith(b"%%EOF")
    assert b"PK\x03\x04" not in written
    assert found.size == len(written)


def test_markup_before_a_pdf_is_refused(examine: Examine) -> None:
    with pytest.raises(Unsupported):
        examine(b"<html>" + MARKER + pdf(), "x.pdf")


def images(made: pikepdf.Pdf) -> None:
    """Put a photo with EXIF, one packed twice, a scan and an odd stream on a page."""
    body = jpeg(photo(64, 48), exif=b"Exif\0\0" + MARKER, comment=MARKER) + MARKER

    def picture(data: bytes, filters: Any, **more: Any) -> Any:
        made_stream = made.make_stream(
            b"", Type=Name.XObject, Subtype=Name.Image, Width=64, Height=48, **more
        )
        made_stream.write(data, filter=filters)
        return made_stream

    colours = {"ColorSpace": Name.DeviceRGB, "BitsPerComponent": 8}
    stored = zlib.compressobj(0)
    packed = stored.compress(body) + stored.flush()
    made.pages[0].Resources = Dictionary(
        XObject=Dictionary(
            A=picture(body, Name.DCTDecode, **colours),
            B=picture(packed, Array([Name.FlateDecode, Name.DCTDecode]), **colours),
            C=picture(MARKER * 9, Name.CCITTFaxDecode, ColorSpace=Name.DeviceGray, BitsPerComponent=1),
            D=picture(MARKER, Name.DCTDecode, **colours),
        )
    )
    made.pages[0].Contents = made.make_stream(
        b"q 400 0 0 300 50 400 cm /A Do Q q 200 0 0 100 50 100 cm /B Do Q"
    )


def test_pictures_in_a_pdf_lose_what_they_say(examine: Examine) -> None:
    body = pdf(images)
    found, written = examine(body, "x.pdf")
    assert MARKER in body
    assert MARKER not in written
    assert b"Exif" not in written
    assert "metadata of pictures" in found.removed
    assert ImageChops.difference(drawn(body), drawn(written)).getbbox() is None
    assert len(drawn(written).getcolors(1 << 20) or []) > 1000


def drawn(body: bytes) -> Any:
    with pypdfium2.PdfDocument(body) as document:
        return document[0].render().to_pil().convert("RGB")


def test_the_same_document_comes_out_the_same(examine: Examine) -> None:
    body = pdf(images)
    assert examine(body, "x.pdf")[0].sha256 == examine(body, "y.pdf")[0].sha256


def test_a_password_is_asked_for_and_restrictions_alone_are_not(examine: Examine) -> None:
    def protected(**words: str) -> bytes:
        with pikepdf.open(io.BytesIO(pdf())) as made:
            body = io.BytesIO()
            made.save(body, encryption=pikepdf.Encryption(**words, R=6))
            return body.getvalue()

    with pytest.raises(Invalid, match="is protected by a password"):
        examine(protected(owner="o", user="u"), "x.pdf")
    found, written = examine(protected(owner="o", user=""), "x.pdf")
    assert found.removed == ("restrictions on printing and copying",)
    with pikepdf.open(io.BytesIO(written)) as made:
        assert not made.is_encrypted


def test_a_form_that_only_its_xfa_can_show_is_refused(examine: Examine) -> None:
    def dynamic(made: pikepdf.Pdf) -> None:
        made.Root.NeedsRendering = True
        made.Root.AcroForm = Dictionary(Fields=Array([]), XFA=made.make_stream(b"<xdp/>"))

    with pytest.raises(Invalid, match=r"only some programs can show \(XFA\)"):
        examine(pdf(dynamic), "x.pdf")


def many_objects(made: pikepdf.Pdf) -> None:
    made.pages[0].Resources = Dictionary(
        X=Array([made.make_indirect(Dictionary(A=number)) for number in range(100_000)])
    )


def many_bombs(made: pikepdf.Pdf) -> None:
    body = bomb(95)
    streams = []
    for _ in range(60):
        streams.append(made.make_stream(b""))
        streams[-1].write(body, filter=Name.FlateDecode)
    made.pages[0].Contents = Array(streams)


def one_bomb(made: pikepdf.Pdf) -> None:
    made.pages[0].Contents = made.make_stream(b"")
    made.pages[0].Contents.write(zlib.compress(bomb(300)), filter=Array([Name.FlateDecode, Name.FlateDecode]))


def object_stream_bomb() -> bytes:
    """Return a PDF whose objects lie in a stream that unpacks to 300 MB."""
    packed = bomb(300)
    body = b"%PDF-1.5\n"
    stream = len(body)
    body += b"5 0 obj\n<</Type/ObjStm/N 1/First 5/Filter/FlateDecode/Length %d>>\nstream\n" % len(packed)
    body += packed + b"\nendstream\nendobj\n"
    table = len(body)
    rows = [(0, 0, 65535), (2, 5, 0), (2, 5, 1), (2, 5, 2), (0, 0, 0), (1, stream, 0), (1, table, 0)]
    listed = zlib.compress(b"".join(struct.pack(">BIH", *row) for row in rows))
    body += b"6 0 obj\n<</Type/XRef/Size 7/W[1 4 2]/Root 1 0 R/Filter/FlateDecode/Length %d>>\n" % len(listed)
    return body + b"stream\n" + listed + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % table


CATALOG, PAGES = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
DEEP = b"[" * 1_000_000 + b"]" * 1_000_000
DOUBLED = [b"<</Type/Pages/Kids[%d 0 R %d 0 R]/Count 2>>" % (n, n) for n in range(3, 31)]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"%PDF-1.7", "damaged"),
        (lambda: b"%PDF-1.7\n" + os.urandom(5000), "damaged"),
        (lambda: pdf(images)[:3000], ""),
        (lambda: pdf(pages=0), "no PDF with pages"),
        (lambda: written_pdf(CATALOG, b"<</Type/Pages/Kids[3 0 R 2 0 R]/Count 2>>", b"<</Type/Page/Parent 2 0 R>>"), "damaged"),
        (lambda: written_pdf(CATALOG, *DOUBLED, b"<</Type/Page/MediaBox[0 0 9 9]>>"), "damaged"),
        (lambda: written_pdf(CATALOG, PAGES, b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Annots %s>>" % DEEP), "damaged"),
        (lambda: written_pdf(CATALOG[:-2] + b"/X " + DEEP + b">>", PAGES, b"<</Type/Page/Parent 2 0 R>>"), "damaged"),
        (lambda: pdf(many_objects), "more than 50,000 parts"),
        (lambda: pdf(pages=501), "501 pages; 500 are taken"),
        (lambda: pdf(one_bomb), "too large"),
        (lambda: pdf(many_bombs), "too large when it is unpacked"),
        (object_stream_bomb, "damaged"),
    ],
    ids=["head", "noise", "cut", "empty", "loop", "doubled", "deep page", "deep root", "objects", "pages", "bomb", "bombs",
         "object stream"],
)  # fmt: skip
def test_what_would_exhaust_a_reader_ends_in_a_sentence_within_seconds(
    examine: Examine, make: Callable[[], bytes], words: str
) -> None:
    body = make()
    assert len(body) <= 10 * 1024 * 1024
    begun = time.monotonic()
    with pytest.raises(Invalid) as error:
        examine(body, "x.pdf")
    assert time.monotonic() - begun < 10
    assert words in error.value.detail
    assert error.value.fix


def test_a_document_of_500_pages_is_taken(examine: Examine) -> None:
    assert examine(pdf(pages=500), "x.pdf")[0].facts["pages"] == 500


def test_a_broken_table_is_mended(examine: Examine) -> None:
    body = pdf(images)
    place = body.rindex(b"startxref")
    found, written = examine(body[:place] + b"startxref\n99999999\n%%EOF", "x.pdf")
    assert found.facts["pages"] == 1
    assert ImageChops.difference(drawn(body), drawn(written)).getbbox() is None


def test_dates_of_xmp_are_told_where_nothing_else_tells(examine: Examine) -> None:
    xmp = b'<rdf:Description xmp:CreateDate="2025-07-20T10:00:00Z" xmp:CreatorTool="Scanner 5"/>'

    def said(made: pikepdf.Pdf) -> None:
        made.Root.Metadata = made.make_stream(xmp, Type=Name.Metadata, Subtype=Name.XML)

    found, _ = examine(pdf(said), "x.pdf")
    assert found.facts == {"pages": 1, "made_at": "2025-07-20T10:00:00+00:00", "software": "Scanner 5"}


def test_cleaning_twice_finds_nothing_more(examine: Examine) -> None:
    _, written = examine(pdf(everything_bad), "x.pdf")
    with pikepdf.open(io.BytesIO(written), conversion_mode="explicit") as made:
        found = Found()
        cleaning.clean(made, found)
        assert json.dumps(found.removed) == "[]"
    again, rewritten = examine(written, "x.pdf")
    assert again.removed == ()
    assert "".join(texts(rewritten)) == "".join(texts(written))
