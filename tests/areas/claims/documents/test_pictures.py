"""Pictures come out as pixels alone, turned as they are seen, with what they said kept as facts (security.md, 39, 44, 45)."""

from __future__ import annotations

import io
import zlib

import pytest
from PIL import ExifTags, Image, ImageChops, PngImagePlugin

from recoup.areas.claims.documents import markers
from recoup.areas.claims.documents.pictures import difference_hash
from recoup.core.errors import Invalid
from support.documents import MARKER, bomb, chunk, declared_png, jpeg, photo, png

from .conftest import Examine


def exif(orientation: int = 1) -> Image.Exif:
    said = Image.Exif()
    base, inner, place = ExifTags.Base, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo
    said[base.Make], said[base.Model], said[base.Software] = "Recoup", "Camera 3", "Editor 2"
    said[base.DateTime], said[base.Orientation] = "2025:07:21 08:00:00", orientation
    said.get_ifd(inner).update(
        {base.DateTimeOriginal: "2025:07:20 18:30:05", base.OffsetTimeOriginal: "+02:00"}
    )
    said.get_ifd(place).update({1: "N", 2: (52.0, 31.0, 12.0), 3: "E", 4: (13.0, 24.0, 18.0)})
    return said


def differ(one: int, other: int) -> int:
    return ((one ^ other) & (2**64 - 1)).bit_count()


def seen(body: bytes) -> Image.Image:
    with Image.open(io.BytesIO(body)) as picture:
        picture.load()
        assert not picture.getexif()
        return picture.convert("RGB")


def test_what_a_photo_says_becomes_facts_and_nothing_of_it_is_written(examine: Examine) -> None:
    found, written = examine(
        jpeg(exif=exif(), comment=MARKER, icc_profile=b"profile" * 10), "leak.jpg", "image/jpeg"
    )
    assert found.facts == {
        "has_location": True,
        "made_at": "2025-07-20T18:30:05+02:00",
        "changed_at": "2025-07-21T08:00:00",
        "camera": "Recoup Camera 3",
        "software": "Editor 2",
        "width": 320,
        "height": 240,
    }
    assert set(found.removed) == {"EXIF data", "comments", "the colour profile"}
    assert (found.kind, found.media_type, found.name) == ("jpeg", "image/jpeg", "leak.jpg")
    for trace in (b"Exif", b"Camera 3", b"2025:07", MARKER, b"profile"):
        assert trace not in written
    assert markers.plain_jpeg(written) == written
    difference = ImageChops.difference(seen(written), photo())
    assert all(high < 24 for _, high in difference.getextrema())


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_is_stored_as_it_is_seen(examine: Examine, orientation: int) -> None:
    upright = photo(160, 80)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    lying = upright.transpose(turns[orientation]) if orientation in turns else upright
    found, written = examine(jpeg(lying, quality=95, exif=exif(orientation)), "x.jpeg")
    picture = seen(written)
    assert picture.size == (160, 80) == (found.facts["width"], found.facts["height"])
    assert found.fingerprint is not None
    expected = difference_hash(upright)
    assert expected is not None
    assert differ(found.fingerprint, expected) <= 3


def test_copies_of_a_picture_have_near_fingerprints_and_others_do_not(examine: Examine) -> None:
    whole = photo(640, 480)
    first = examine(jpeg(whole), "a.jpg")[0].fingerprint
    copies = [
        jpeg(whole, quality=40),
        jpeg(whole.resize((320, 240))),
        png(whole),
        jpeg(whole.point(lambda value: min(255, value + 6))),
    ]
    names = ["b.jpg", "b.jpg", "b.png", "b.jpg"]
    assert first is not None
    for body, name in zip(copies, names, strict=True):
        copy = examine(body, name)[0].fingerprint
        assert copy is not None
        assert -(2**63) <= copy < 2**63
        assert differ(first, copy) <= 6
    other = examine(jpeg(photo(640, 480, seed=4)), "c.jpg")[0].fingerprint
    assert other is not None
    assert differ(first, other) > 12


def test_a_picture_of_nothing_has_no_fingerprint(examine: Examine) -> None:
    assert examine(jpeg(Image.new("RGB", (300, 300), "white")), "a.jpg")[0].fingerprint is None


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_mode_of_png_keeps_its_pixels(examine: Examine, mode: str) -> None:
    picture = photo(64, 48).convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        picture = Image.frombytes(
            "I;16", picture.size, b"".join(bytes((7, grey)) for grey in picture.tobytes())
        )
    if mode in {"LA", "RGBA"}:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
    found, written = examine(png(picture), "x.png", "image/png")
    with Image.open(io.BytesIO(written)) as again:
        assert (again.mode, again.tobytes()) == (picture.mode, picture.tobytes())
    assert markers.plain_png(written, strictly=True) == written
    assert found.fingerprint is not None


def test_a_png_keeps_a_colour_that_is_see_through_and_loses_its_texts(examine: Examine) -> None:
    said = PngImagePlugin.PngInfo()
    said.add_text("Comment", MARKER.decode())
    said.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta/>")
    body = png(photo(40, 30).quantize(8), transparency=3, pnginfo=said, dpi=(300, 300))
    found, written = examine(body, "x.png")
    with Image.open(io.BytesIO(written)) as again:
        assert again.info == {"transparency": 3}
    assert "comments" in found.removed
    assert MARKER not in written


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_every_mode_of_jpeg_is_taken(examine: Examine, mode: str) -> None:
    _, written = examine(jpeg(photo().convert(mode), progressive=True), "x.jpg")
    with Image.open(io.BytesIO(written)) as again:
        assert again.mode == ("L" if mode == "L" else "RGB")


def test_a_coarse_photo_does_not_grow(examine: Examine) -> None:
    body = jpeg(photo(1200, 900), quality=60)
    found, _ = examine(body, "x.jpg")
    assert found.size <= len(body) * 1.05


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("behind.jpg", jpeg() + MARKER),
        ("zip.png", png() + b"PK\x03\x04" + MARKER + b"PK\x05\x06" + b"\0" * 18),
        ("behind.png", png() + MARKER),
        ("php.jpg", jpeg(comment=b"<?php " + MARKER)),
        ("pdf.jpg", jpeg(comment=b"%PDF-1.4 " + MARKER)),
        ("chunk.png", png()[:-12] + chunk(b"teXt", MARKER) + png()[-12:]),
        (
            "segment.jpg",
            jpeg()[:2] + b"\xff\xe5" + (len(MARKER) + 2).to_bytes(2, "big") + MARKER + jpeg()[2:],
        ),
    ],
)
def test_of_a_polyglot_the_picture_is_left(examine: Examine, name: str, body: bytes) -> None:
    assert MARKER in body
    found, written = examine(body, name)
    assert MARKER not in written
    assert b"PK\x03\x04" not in written
    assert found.original_size == len(body)
    assert seen(written).size == (320, 240)


def test_of_an_animated_png_the_first_picture_is_left(examine: Examine) -> None:
    body = io.BytesIO()
    photo().save(body, "PNG", save_all=True, append_images=[photo(seed=2), photo(seed=3)])
    found, written = examine(body.getvalue(), "x.png")
    assert "further pictures in the same file" in found.removed
    assert ImageChops.difference(seen(written), photo()).getbbox() is None
    assert b"acTL" not in written


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("large.png", declared_png(60_000, 60_000), "million pixels"),
        ("long.png", declared_png(30_001, 1), "side of more than 30,000"),
        ("bomb.png", declared_png(6_400, 6_400, bomb(125)), "40 million pixels"),
        ("cut.jpg", jpeg()[:4000], "cut off"),
        ("cut.png", png()[:4000], "cut off"),
        ("head.png", png()[:20], "beginning is damaged"),
        ("head.jpg", jpeg()[:12], "beginning is damaged"),
        ("sum.png", png()[:-20] + b"\0\0\0\0" + png()[-16:], "cut off"),
        ("text.png", png()[:-12] + chunk(b"zTXt", b"k\0\0" + bomb(200)) + png()[-12:], "damaged"),
        ("wrong.png", declared_png(10, 10, zlib.compress(b"\0" * 40)), "cut off"),
    ],
)
def test_what_is_no_whole_picture_of_a_sound_size_is_refused(
    examine: Examine, name: str, body: bytes, words: str
) -> None:
    with pytest.raises(Invalid) as error:
        examine(body, name)
    assert name in error.value.detail
    assert words in error.value.detail
    assert error.value.fix
