"""Real documents: what people send is taken, what is not allowed is refused, what is hostile is refused or harmless.

The files lie beside the checkout (see ``support.shared_data``).
"""

from __future__ import annotations

import io
import resource
import time
import zipfile
from pathlib import Path

import olefile
import pikepdf
import pypdfium2
import pytest
from PIL import Image, ImageChops

from recoup.areas.claims.documents.keeper import Examined, Keeper
from recoup.areas.claims.documents.kinds import Kind
from recoup.core.errors import Invalid, RecoupError, Unsupported
from support.shared_data import shared_data

from .conftest import Attempt, Examine

SECONDS = 6.0
FLAT = 24 * 1024 * 1024
EXTENSIONS = ("pdf", "jpg", "png", "doc", "docx")
# Found by this one's names in other fixtures: a drawing that only ever was a program's, a remark's own sound.
LOOKS_OTHERWISE = {"testFlashInPDF.pdf", "testPDFFileEmbInAnnotation.pdf"}
BAD = (
    "/JavaScript",
    "/JS",
    "/Launch",
    "/EmbeddedFiles",
    "/EF",
    "/XFA",
    "/RichMediaContent",
    "/AA",
    "/OpenAction",
)


def files(*folders: str) -> list[Path]:
    """Return the documents in folders of the shared data, without what describes them."""
    found = [path for folder in folders for path in sorted(shared_data(f"documents/{folder}").rglob("*"))]
    return [path for path in found if path.is_file() and path.suffix not in {".md", ".json"}]


def name_of(path: Path) -> str:
    """Return a file's name without what its collection added to it."""
    return path.name.removesuffix(".cfb").removesuffix(".bin")


def parses(found: Examined, written: bytes) -> None:
    """Make sure that what was written is a document of its kind, and that nothing acts in it."""
    assert len(written) == found.size > 0
    match found.kind:
        case Kind.PDF:
            with pikepdf.open(io.BytesIO(written)) as made, pypdfium2.PdfDocument(written) as drawn:
                assert len(made.pages) == len(drawn) == found.facts["pages"]
                assert not made.get_warnings()
                whole = b"".join(one.to_json(dereference=True) for one in made.objects if one is not None)
            assert not [word for word in BAD if f'"{word}"'.encode() in whole]
        case Kind.JPEG | Kind.PNG:
            with Image.open(io.BytesIO(written)) as picture:
                picture.load()
                assert picture.size == (found.facts["width"], found.facts["height"])
                assert set(picture.info) <= {
                    "jfif",
                    "jfif_version",
                    "jfif_unit",
                    "jfif_density",
                    "transparency",
                }
        case Kind.DOCX:
            with zipfile.ZipFile(io.BytesIO(written)) as archive:
                assert archive.testzip() is None
                assert "word/document.xml" in archive.namelist()
                assert not [
                    name for name in archive.namelist() if "embeddings" in name or name.endswith(".bin")
                ]
                links = b"".join(archive.read(name) for name in archive.namelist() if name.endswith(".rels"))
            assert links.count(b"External") == links.count(b'/hyperlink" Target="http') + links.count(
                b'Target="mailto'
            )
        case Kind.DOC:
            with olefile.OleFileIO(io.BytesIO(written)) as ole:
                assert ole.exists("WordDocument")
            assert found.facts["download_only"] is True


def test_every_document_that_people_send_is_taken(examine: Examine) -> None:
    paths = files("valid", "invoices", "receipts")
    assert len(paths) > 100
    for path in paths:
        begun = time.monotonic()
        found, written = examine(path.read_bytes(), name_of(path))
        assert time.monotonic() - begun < SECONDS, path
        assert found.name == name_of(path)
        parses(found, written)


def test_everything_that_is_not_allowed_is_refused(examine: Examine) -> None:
    paths = files("not-allowed")
    assert len(paths) > 15
    for path in paths:
        with pytest.raises((Unsupported, Invalid)) as error:
            examine(path.read_bytes(), name_of(path))
        assert type(error.value) is (Invalid if path.suffix == ".png" else Unsupported), path


def test_another_name_lets_nothing_in_that_acts(attempt: Attempt) -> None:
    """Under each allowed extension, one that is not allowed is refused, or is the harmless part of itself."""
    taken = set()
    for path in files("not-allowed", "hostile"):
        for extension in EXTENSIONS:
            came = attempt(path.read_bytes(), f"x.{extension}")
            if isinstance(came, RecoupError):
                assert came.status in {415, 422}
                continue
            parses(*came)
            if "not-allowed" in str(path):
                taken.add((path.name, extension))
    # A template is a document once its type says so, and of moving pictures the first one stays.
    assert taken == {("fixture.dotx", "docx"), ("fixture.apng", "png")}


def test_everything_hostile_is_refused_or_comes_out_harmless(attempt: Attempt) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused = 0
    for path in files("hostile"):
        begun = time.monotonic()
        came = attempt(path.read_bytes(), name_of(path))
        if isinstance(came, RecoupError):
            assert came.status in {415, 422}
            assert came.detail.startswith(name_of(path))
            refused += 1
        else:
            parses(*came)
        assert time.monotonic() - begun < SECONDS, path
    assert refused >= 40
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < FLAT


@pytest.mark.filterwarnings("ignore:init_forms")
def test_a_document_looks_as_it_did_and_can_be_drawn(keeper: Keeper, tmp_path: Path) -> None:
    for path in [path for path in files("valid", "invoices", "hostile") if path.suffix == ".pdf"]:
        into, preview = tmp_path / "into", tmp_path / "preview"
        try:
            keeper.examine(path, name=path.name, declared="application/pdf", into=into)
        except RecoupError:
            continue
        was, now = drawn(path), drawn(into)
        if path.name not in LOOKS_OTHERWISE:
            assert was.size == now.size
            assert ImageChops.difference(was, now).getbbox() is None, path
        size = keeper.picture(into, kind="pdf", page=1, width=800, into=preview)
        assert size == preview.stat().st_size
        with Image.open(preview) as picture:
            assert (picture.format, picture.width) == ("JPEG", 800)


def drawn(path: Path) -> Image.Image:
    """Draw the first page of a PDF."""
    with pypdfium2.PdfDocument(path) as document:
        document.init_forms()
        picture: Image.Image = document[0].render().to_pil().convert("RGB")
    return picture


def test_receipts_are_known_again_when_they_are_sent_smaller(keeper: Keeper, tmp_path: Path) -> None:
    prints: dict[str, int] = {}
    for path in files("receipts/A"):
        with Image.open(path) as photo:
            photo.resize((photo.width // 2, photo.height // 2)).save(tmp_path / "small.png")
        pair = [
            keeper.examine(one, name=one.name, declared="", into=tmp_path / f"{one.name}.out").fingerprint
            for one in (path, tmp_path / "small.png")
        ]
        assert pair[0] is not None
        assert pair[1] is not None
        assert apart(pair[0], pair[1]) <= 6
        prints[path.name] = pair[0]
    others = [apart(one, other) for one in prints.values() for other in prints.values() if one != other]
    assert min(others) > 6


def apart(one: int, other: int) -> int:
    """Return in how many bits two fingerprints differ."""
    return ((one ^ other) & (2**64 - 1)).bit_count()
