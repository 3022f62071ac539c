"""Word documents come out of their known parts alone, with their text and pictures (security.md, 46)."""

from __future__ import annotations

import io
import re
import stat
import zipfile
from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.documents.docx import rewriting
from recoup.core.errors import Invalid, RecoupError, Unsupported
from support.documents import (
    MAIN_TYPE,
    MARKER,
    OFFICE,
    R,
    W,
    bomb,
    docx,
    docx_parts,
    jpeg,
    paragraph,
    png,
    relations,
    zipped,
)

from .conftest import Examine

Q = "word/_rels/document.xml.rels"
BLIP = '<w:drawing xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"><a:blip r:embed="{}"/></w:drawing>'


def field(words: str, shown: str = "shown") -> str:
    """Return a field whose words are split into pieces, as Word splits them."""
    split = (escape(piece) for piece in re.findall(".{1,3}", words))
    pieces = "".join(f"<w:r><w:instrText>{piece}</w:instrText></w:r>" for piece in split)
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    return f"<w:p>{mark.format('begin')}{pieces}{mark.format('separate')}<w:r><w:t>{shown}</w:t></w:r>{mark.format('end')}</w:p>"


def parts_of(body: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


CORE = (
    '<cp:coreProperties xmlns:cp="x" xmlns:dcterms="y" xmlns:dc="z"><dc:creator>A. Person</dc:creator>'
    "<dcterms:created>2025-07-20T10:00:00Z</dcterms:created><dcterms:modified>2025-07-21T10:00:00Z</dcterms:modified>"
    "</cp:coreProperties>"
)
APP = "<Properties><Application>Microsoft Word</Application><Pages>3</Pages><Company>Secret Ltd</Company></Properties>"


def test_a_document_keeps_what_it_shows_and_loses_the_rest(examine: Examine) -> None:
    inside = (
        BLIP.format("rId2")
        + BLIP.format("rId3")
        + '<w:hyperlink r:id="rId4"><w:r><w:t>a link</w:t></w:r></w:hyperlink>'
        + '<w:hyperlink r:id="rId5"><w:r><w:t>a file</w:t></w:r></w:hyperlink>'
        + "<!-- "
        + MARKER.decode()
        + " --><?php echo 1 ?>"
        + field(" PAGE ")
    )
    parts = {
        "_rels/.rels": relations(
            ("rId1", "officeDocument", "word/document.xml"),
            ("rId2", "metadata/core-properties", "docProps/core.xml"),
            ("rId3", "extended-properties", "docProps/app.xml"),
            ("rId4", "custom-properties", "docProps/custom.xml"),
            ("rId5", "metadata/thumbnail", "docProps/thumbnail.jpeg"),
        ),
        "docProps/core.xml": CORE,
        "docProps/app.xml": APP,
        "docProps/custom.xml": "<x>secret</x>",
        "docProps/thumbnail.jpeg": jpeg(),
        Q: relations(
            ("rId1", "styles", "styles.xml"),
            ("rId2", "image", "media/a.jpg"),
            ("rId3", "image", "media/b.png"),
            ("rId4", "hyperlink", "https://example.com/?a=1&amp;b=2", "External"),
            ("rId5", "hyperlink", "file:///C:/secret.docx", "External"),
            ("rId6", "header", "header1.xml"),
            ("rId7", "customXml", "../customXml/item1.xml"),
            ("rId8", "printerSettings", "printerSettings1.bin"),
        ),
        "word/styles.xml": f"<w:styles {W}/>",
        "word/header1.xml": f"<w:hdr {W} {R}>{paragraph('the head')}{BLIP.format('rId1')}</w:hdr>",
        "word/_rels/header1.xml.rels": relations(("rId1", "image", "media/a.jpg")),
        "word/media/a.jpg": jpeg(exif=b"Exif\0\0GPS secret", comment=MARKER) + MARKER,
        "word/media/b.png": png() + MARKER,
        "word/printerSettings1.bin": MARKER,
        "customXml/item1.xml": "<x>secret</x>",
        "unreferenced.bin": MARKER,
    }
    found, written = examine(docx(inside, parts), "letter.docx")
    kept = parts_of(written)
    assert sorted(kept) == [
        "[Content_Types].xml",
        "_rels/.rels",
        "word/_rels/document.xml.rels",
        "word/_rels/header4.xml.rels",
        "word/document.xml",
        "word/header4.xml",
        "word/media/image2.jpeg",
        "word/media/image3.png",
        "word/styles1.xml",
    ]
    whole = b"".join(kept.values())
    for trace in (MARKER, b"secret", b"A. Person", b"Secret Ltd", b"Exif", b"php", b"file:"):
        assert trace not in whole
    text = kept["word/document.xml"].decode()
    for words in ("A leak under the sink.", "a link", "a file", " PAGE ".strip(), "shown"):
        assert words in re.sub(r"</w:instrText></w:r><w:r><w:instrText>", "", text)
    assert 'r:id="rId4"' in text
    assert 'r:id="rId5"' not in text
    assert b'Target="https://example.com/?a=1&amp;b=2" TargetMode="External"' in kept[Q]
    assert b"the head" in kept["word/header4.xml"]
    assert found.facts == {
        "made_at": "2025-07-20T10:00:00+00:00",
        "changed_at": "2025-07-21T10:00:00+00:00",
        "software": "Microsoft Word",
        "pages": 3,
    }
    assert set(found.removed) == {
        "document properties",
        "custom properties",
        "the thumbnail",
        "data of other programs",
        "links to files",
    }
    again, rewritten = examine(written, "letter.docx")
    assert (again.removed, parts_of(rewritten)) == ((), kept)


def test_a_template_is_written_as_a_document(examine: Examine) -> None:
    parts = docx_parts(
        main_type=MAIN_TYPE.replace("document", "template", 2).replace("officetemplate", "officedocument")
    )
    assert MAIN_TYPE not in str(parts["[Content_Types].xml"])
    _, written = examine(zipped(parts), "x.docx")
    assert MAIN_TYPE.encode() in parts_of(written)["[Content_Types].xml"]


def test_the_main_part_may_lie_anywhere(examine: Examine) -> None:
    parts = {key.replace("word/document.xml", "x/y.xml"): value for key, value in docx_parts().items()}
    parts = {key: str(value).replace("word/document.xml", "x/y.xml") for key, value in parts.items()}
    _, written = examine(zipped(parts), "x.docx")
    assert b"A leak" in parts_of(written)["word/document.xml"]


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (r'DDEAUTO c:\\windows\\system32\\cmd.exe "/k calc"', "fields that start programs"),
        (r' dde  excel "x" ', "fields that start programs"),
        (r'INCLUDEPICTURE "http://169.254.169.254/x.png" \d', "fields that fetch files"),
        (r'INCLUDETEXT "\\\\host\\share\\x.docx"', "fields that fetch files"),
        (r"LINK Excel.Sheet.8 x.xls", "fields that fetch files"),
        (r'IMPORT "x.png"', "fields that fetch files"),
        (r'HYPERLINK "file:///c:/x"', "links to files"),
        (r'HYPERLINK "\\\\host\\share"', "links to files"),
        (r'HYPERLINK "javascript:x"', "links to files"),
        (r'HYPERLINK "https://example.com"', None),
        (r'HYPERLINK \l "here"', None),
        (r" TOC \o ", None),
        (r" MERGEFIELD Name ", None),
    ],
)
@pytest.mark.parametrize("simple", [False, True])
def test_fields_that_fetch_or_start_lose_their_words(
    examine: Examine, words: str, what: str | None, simple: bool
) -> None:
    tag = f"<w:fldSimple w:instr={quoteattr(words)}>"
    inside = f"{tag}{paragraph('shown')}</w:fldSimple>" if simple else field(words)
    found, written = examine(docx(inside), "x.docx")
    text = parts_of(written)["word/document.xml"].decode()
    joined = (
        re.sub(r"</w:instrText></w:r><w:r><w:instrText>", "", text).replace("&quot;", '"').replace("'", '"')
    )
    assert "shown" in text
    assert found.removed == ((what,) if what else ())
    assert (words in joined) == (what is None)
    if what:
        assert not re.search(r"(?i)DDE|INCLUDE|LINK|IMPORT|169\.254", joined)


def test_a_field_named_by_another_field_is_refused(examine: Examine) -> None:
    mark = '<w:r><w:fldChar w:fldCharType="{}"/></w:r>'
    inner = field(" QUOTE 68 68 69 ")
    with pytest.raises(Invalid, match="put together by another field"):
        examine(docx(f"<w:p>{mark.format('begin')}</w:p>{inner}<w:p>{mark.format('end')}</w:p>"), "x.docx")
    simple = '<w:fldSimple w:instr="QUOTE 68 68 69"/>'
    with pytest.raises(Invalid, match="put together by another field"):
        examine(docx(f"<w:p>{mark.format('begin')}{simple}{mark.format('end')}</w:p>"), "x.docx")


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/x.dotm",
        "HTTPS://example.com/x.dotm",
        "file://host/share/x.dotm",
        "file:////host/share/x.dotm",
        r"\\host\share\x.dotm",
        "//host/share/x.dotm",
        "ftp://host/x",
        r"file:\\host\x",
    ],
)
def test_a_template_of_elsewhere_is_refused(examine: Examine, target: str) -> None:
    parts = settings_with(target)
    with pytest.raises(Invalid, match="a template that would be fetched from elsewhere"):
        examine(docx(parts=parts), "x.docx")


@pytest.mark.parametrize(
    "target", ["file:///C:/Templates/x.dotm", r"C:\Templates\x.dotm", "Normal.dotm", "file:///Users/a/x.dotm"]
)
def test_the_name_of_a_template_on_ones_own_machine_is_left_out(examine: Examine, target: str) -> None:
    found, written = examine(docx(parts=settings_with(target)), "x.docx")
    kept = parts_of(written)
    assert found.removed == ("the name of its template",)
    assert b"attachedTemplate" not in b"".join(kept.values())
    assert b"w:zoom" in kept["word/settings1.xml"]


def settings_with(target: str) -> dict[str, str | bytes]:
    return {
        Q: relations(("rId1", "settings", "settings.xml")),
        "word/settings.xml": f'<w:settings {W} {R}><w:zoom/><w:attachedTemplate r:id="rId9"/></w:settings>',
        "word/_rels/settings.xml.rels": relations(("rId9", "attachedTemplate", target, "External")),
    }


@pytest.mark.parametrize(
    ("inside", "what"),
    [
        ('<v:shape xmlns:v="v" href="file:///x"><w:t>text</w:t></v:shape>', b"file:"),
        ('<v:imagedata xmlns:v="v" src="http://169.254.169.254/x.png"/>', b"169.254"),
        ('<w:mailMerge><w:connectString w:val="DSN=secret"/></w:mailMerge>', b"secret"),
        ('<x:webVideoPr xmlns:x="x" embeddedHtml="&lt;iframe>"/>', b"iframe"),
    ],
)
def test_markup_that_reaches_out_is_left_out(examine: Examine, inside: str, what: bytes) -> None:
    found, written = examine(docx(inside + paragraph("after")), "x.docx")
    text = parts_of(written)["word/document.xml"]
    assert what not in text
    assert b"after" in text
    assert found.removed


def entry(name: str, *, link: bool = False) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    made.compress_type = zipfile.ZIP_DEFLATED
    if link:
        made.external_attr = (stat.S_IFLNK | 0o777) << 16
    return made


def external(word: str) -> bytes:
    return docx('<w:x r:id="rId1"/>', {Q: relations(("rId1", word, "http://169.254.169.254/x", "External"))})


def internal(word: str, part: str = "word/x.bin", body: bytes = b"\xd0\xcf\x11\xe0") -> bytes:
    return docx('<w:x r:id="rId1"/>', {Q: relations(("rId1", word, part.removeprefix("word/"))), part: body})


def with_document(text: str | bytes) -> bytes:
    return docx(parts={"word/document.xml": text})


def wrong_sum() -> bytes:
    body = bytearray(zipped(docx_parts()))
    place = body.index(b"PK\x01\x02")
    for start in (body.index(b"PK\x03\x04", 200) + 14, place + 16):
        body[start : start + 4] = b"\1\2\3\4"
    return bytes(body)


def encrypted() -> bytes:
    body = bytearray(zipped(docx_parts()))
    for found in re.finditer(rb"PK\x01\x02", bytes(body)):
        body[found.start() + 8] |= 1
    return bytes(body)


def lying_size() -> bytes:
    body = bytearray(zipped({**docx_parts(), "word/zeros": b"\0" * 3_000_000}))
    for found in re.finditer(rb"PK\x01\x02", bytes(body)):
        if body[found.start() + 46 : found.start() + 56] == b"word/zeros":
            body[found.start() + 24 : found.start() + 28] = (10).to_bytes(4, "little")
    return bytes(body)


DTD = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>'
EXTERNAL_DTD = '<!DOCTYPE x SYSTEM "http://169.254.169.254/x.dtd">'
ENTITY = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: zipped({**docx_parts(), "word/large": b"\0" * 201_000_000}), "too large when it is unpacked"),
        (lambda: zipped({**docx_parts(), **{f"word/{n}": b"\0" * 3_900_000 for n in range(55)}}), "too large"),
        (lambda: zipped({**docx_parts(), **dict.fromkeys((f"x{n}" for n in range(2100)), b"")}), "more than 2,000 parts"),
        (lambda: docx(parts={"word/nested.zip": zipped({"a": b"b"})}), "other files inside"),
        (lambda: docx(parts={"word/nested.bin": zipped({"a": b"b"})}), "other files inside"),
        (lambda: docx(parts={"word/embeddings/x.docx": docx()}), "other files inside"),
        (lambda: docx(parts={"word/x.rar": b"Rar!\x1a\x07"}), "other files inside"),
        (lambda: docx(parts={"word/vbaProject.bin": b"x"}), "macros"),
        (lambda: docx(parts={"x/VBAPROJECT.BIN": b"x"}), "macros"),
        (lambda: docx(parts={"../x": b"x"}), "outside"),
        (lambda: docx(parts={"word/../../x": b"x"}), "outside"),
        (lambda: docx(parts={"/etc/x": b"x"}), "outside"),
        (lambda: docx(parts={"C:/x": b"x"}), "outside"),
        (lambda: docx(parts={"a\\x": b"x"}), "outside"),
        (lambda: zipped(docx_parts(), (entry("word/link", link=True), b"/etc/passwd")), "link to a file"),
        (lambda: zipped(docx_parts(), (entry("WORD/document.xml"), b"<x/>")), "two parts of the same name"),
        (wrong_sum, "damaged"),
        (encrypted, "protected by a password"),
        (lying_size, "damaged"),
        (lambda: with_document(f"{DTD}<w:document {W}>&b;</w:document>"), "entities of its own"),
        (lambda: with_document(f"{EXTERNAL_DTD}<w:document {W}/>"), "entities of its own"),
        (lambda: with_document(f"{ENTITY}<w:document {W}>&a;</w:document>"), "entities of its own"),
        (lambda: with_document(f"{DTD}<w:document {W}>&b;</w:document>".encode("utf-16")), "entities of its own"),
        (lambda: with_document(f"<w:document {W}><w:p>"), "no XML"),
        (lambda: with_document(b'<?xml version="1.0" encoding="cp1140"?><x/>'), "no XML"),
        (lambda: with_document("<x>" * 3000 + "</x>" * 3000), "deeper"),
        (lambda: docx(parts={Q: f"{DTD}<x/>"}), "entities of its own"),
        (lambda: external("image"), "pictures that would be fetched"),
        (lambda: external("oleObject"), "fetched from elsewhere"),
        (lambda: external("frame"), "fetched from elsewhere"),
        (lambda: external("subDocument"), "fetched from elsewhere"),
        (lambda: external("video"), "fetched from elsewhere"),
        (lambda: external("whatever"), "fetched from elsewhere"),
        (lambda: internal("oleObject"), "embedded files"),
        (lambda: internal("package"), "embedded files"),
        (lambda: internal("control"), "ActiveX"),
        (lambda: internal("aFChunk", "word/x.html", b"<html>"), "another document inside"),
        (lambda: internal("vbaProject"), "macros"),
        (lambda: docx()[:-30], "damaged"),
        (lambda: docx()[:60], "damaged"),
    ],
)  # fmt: skip
def test_what_no_word_processor_writes_is_refused(
    examine: Examine, make: Callable[[], bytes], words: str
) -> None:
    with pytest.raises(Invalid) as error:
        examine(make(), "x.docx")
    assert error.value.detail.startswith("x.docx ")
    assert words in error.value.detail
    assert error.value.fix


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (zipped({"a": b"b"}), Unsupported),
        (zipped({"META-INF/MANIFEST.MF": b"Main-Class: x"}), Unsupported),
        (
            zipped(
                docx_parts(main_type=MAIN_TYPE.replace("wordprocessingml.document", "spreadsheetml.sheet"))
            ),
            Unsupported,
        ),
        (zipped(docx_parts(main_type="application/vnd.ms-word.document.macroEnabled.main+xml")), Invalid),
        (
            zipped(docx_parts(main_type="application/vnd.ms-word.template.macroEnabledTemplate.main+xml")),
            Invalid,
        ),
    ],
)
def test_an_archive_of_another_kind_is_refused(
    examine: Examine, body: bytes, status: type[RecoupError]
) -> None:
    with pytest.raises(status, match=r"^x\.docx "):
        examine(body, "x.docx")


def test_the_workbook_behind_a_chart_goes_and_the_chart_stays(examine: Examine) -> None:
    parts = {
        Q: relations(("rId1", "chart", "charts/chart1.xml")),
        "word/charts/chart1.xml": f'<c:chartSpace xmlns:c="c" {R}><c:v>42</c:v><c:externalData r:id="rId1"/></c:chartSpace>',
        "word/charts/_rels/chart1.xml.rels": relations(("rId1", "package", "../embeddings/book.xlsx")),
        "word/embeddings/book.xlsx": zipped({"a": MARKER}),
    }
    _, written = examine(docx('<c:chart xmlns:c="c" r:id="rId1"/>', parts), "x.docx")
    kept = parts_of(written)
    assert b"42" in kept["word/chart1.xml"]
    assert b"externalData" not in kept["word/chart1.xml"]
    assert [name for name in kept if "xlsx" in name] == []


def test_a_strange_prefix_for_relations_hides_nothing(examine: Examine) -> None:
    inside = f'<w:object xmlns:q="{OFFICE}" q:id="rId1"><w:t>gone</w:t></w:object>'
    parts = {Q: relations(("rId1", "font", "fonts/x.odttf")), "word/fonts/x.odttf": b"x"}
    _, written = examine(docx(inside, parts), "x.docx")
    assert b"gone" not in parts_of(written)["word/document.xml"]


@given(
    st.text(
        st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]) | st.sampled_from("\t\n\r&<>\"'"),
        max_size=80,
    )
)
def test_text_and_attributes_survive(text: str) -> None:
    escaped = text.translate({ord(letter): f"&#{ord(letter)};" for letter in "\t\n\r&<>\"'"})
    body = docx(f'<w:t w:attr="{escaped}">{escaped}</w:t>')
    once, twice = io.BytesIO(), io.BytesIO()
    rewriting.rewrite(io.BytesIO(body), once, name="x.docx")
    rewriting.rewrite(io.BytesIO(once.getvalue()), twice, name="x.docx")
    first, second = (parts_of(one.getvalue())["word/document.xml"].decode() for one in (once, twice))
    assert first == second
    kept = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")
    assert f">{kept}</w:t>" in first


def test_a_bomb_in_one_part_is_refused_before_it_is_unpacked(examine: Examine) -> None:
    packed = bomb(60)
    assert len(packed) < 100_000
    with pytest.raises(Invalid, match="too large when it is unpacked"):
        examine(docx(parts={"word/styles.xml": b"\0" * (60 << 20)}), "x.docx")
