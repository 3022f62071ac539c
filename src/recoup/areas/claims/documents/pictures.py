"""JPEG and PNG pictures: decoded, and written anew as pixels alone, turned as they are meant to be seen."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, BinaryIO

from PIL import ExifTags, Image, JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin

from recoup.areas.claims.documents import markers
from recoup.areas.claims.documents.found import Found, moment
from recoup.areas.claims.documents.kinds import Kind
from recoup.core.errors import Invalid

MOST_PIXELS = 40_000_000
LARGEST_SIDE = 30_000
QUALITY = 90
"""What a JPEG is written with, or with its own tables where those are coarser."""
QUICK_FROM = 4_000_000
"""Pixels from which a PNG is packed quickly rather than well."""

PLUGINS = (JpegImagePlugin, MpoImagePlugin, PngImagePlugin, TiffImagePlugin)
"""Loaded ahead: a JPEG of several pictures, and EXIF, are read by others than JPEG's own."""
_WORDS = {Kind.JPEG: "JPEG", Kind.PNG: "PNG"}
_PNG_MODES = {"1", "L", "LA", "P", "RGB", "RGBA", "I;16"}
_FINEST_TABLE = 740
"""What the 64 steps of brightness add up to at ``QUALITY``; larger steps are coarser."""
_LARGEST_STEP = 255
_ENOUGH = (144, 128)
"""Places that are enough to see what is see-through."""
_PLACES = 8
_SOMETHING = 8
"""Of 256 greys, what lies between the darkest and the brightest place at least."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF's orientation."""
_GOES = {"exif": "EXIF data", "xmp": "XMP data", "photoshop": "data of Photoshop", "comment": "comments",
         "icc_profile": "the colour profile"}  # fmt: skip
_AGAIN = "Take the picture again, or save it anew as JPEG or PNG, and send that."


def rewrite(source: BinaryIO, into: BinaryIO, *, kind: Kind, name: str) -> Found:
    """Write a picture anew; raise Invalid where it is damaged, cut off or too large."""
    found = Found()
    picture = opened(source, kind=kind, name=name)
    packing = _as_coarse(picture) if kind is Kind.JPEG else {}
    turn = _TURNS.get(_ask_metadata(picture, found))
    upright = picture if turn is None else picture.transpose(turn)
    found.said(width=upright.width, height=upright.height)
    found.fingerprint = difference_hash(upright)
    clean = _plain(upright, kind)
    if kind is Kind.PNG:
        packing["compress_level"] = 1 if clean.width * clean.height > QUICK_FROM else 6
    clean.save(into, _WORDS[kind], **packing)
    into.flush()
    _look_again(into, kind)
    return found


def opened(source: BinaryIO, *, kind: Kind, name: str) -> Image.Image:
    """Return a picture, decoded whole: its size is looked at before."""
    word = _WORDS[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            picture = Image.open(source, formats=(word,))
        except Image.DecompressionBombError:
            raise _too_large(name) from None
        except MemoryError:
            raise
        except Exception as error:  # Pillow's plugins raise what struct, zlib and they themselves raise
            raise Invalid(
                f"{name} is no {word} picture that can be read: its beginning is damaged.", fix=_AGAIN
            ) from error
        if picture.width * picture.height > MOST_PIXELS or max(picture.size) > LARGEST_SIDE:
            raise _too_large(name)
        try:
            picture.load()
        except MemoryError:
            raise
        except Exception as error:  # as above
            raise Invalid(
                f"{name} is damaged or was cut off: not all of the picture is there.", fix=_AGAIN
            ) from error
    return picture


def _too_large(name: str) -> Invalid:
    return Invalid(
        f"{name} has more than {MOST_PIXELS // 1_000_000} million pixels, or a side of more than {LARGEST_SIDE:,}.",
        fix="Make it smaller.",
    )


def difference_hash(picture: Image.Image) -> int | None:
    """Return 64 bits, signed: whether each of 8 by 8 places is brighter than the one to its right (dHash).

    Scaled, recompressed or slightly brighter copies of a picture differ in few of them. None for a picture in which
    there is next to nothing to see: all of those would be alike.
    """
    grey = _grey(picture).resize((_PLACES + 1, _PLACES), Image.Resampling.BOX).tobytes()
    if max(grey) - min(grey) < _SOMETHING:
        return None
    bits = 0
    for row in range(_PLACES):
        for place in range(row * (_PLACES + 1), row * (_PLACES + 1) + _PLACES):
            bits = bits << 1 | (grey[place] > grey[place + 1])
    return bits - (1 << 64) if bits >> 63 else bits


def _grey(picture: Image.Image) -> Image.Image:
    """Return a picture in 256 greys, on white where it is transparent."""
    if picture.mode == "I;16":
        return Image.frombytes("L", picture.size, picture.tobytes()[1::2])  # the higher bytes
    if picture.has_transparency_data:
        seen = picture if picture.mode == "RGBA" else picture.convert("RGBA")
        seen = seen.resize(_ENOUGH, Image.Resampling.BOX)
        picture = Image.alpha_composite(Image.new("RGBA", seen.size, "white"), seen)
    return picture.convert("L")


def _ask_metadata(picture: Image.Image, found: Found) -> int:
    """Note what EXIF and its like say, and that they go; return how the picture is turned (EXIF's 1 to 8)."""
    found.said(has_location=False)
    for mark, what in _GOES.items():
        if mark in picture.info:
            found.took(what)
    if isinstance(picture, PngImagePlugin.PngImageFile) and _attempt(lambda: picture.text):
        found.took("comments")
    if getattr(picture, "n_frames", 1) > 1:
        found.took("further pictures in the same file")
    exif = _attempt(picture.getexif)
    if not exif:
        return 1
    found.took("EXIF data")
    taken = _attempt(lambda: exif.get_ifd(ExifTags.IFD.Exif)) or {}
    if _attempt(lambda: exif.get_ifd(ExifTags.IFD.GPSInfo)):
        found.facts["has_location"] = True
    first, zone = ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal
    found.said(
        made_at=_moment(taken.get(first), taken.get(zone))
        or _moment(taken.get(ExifTags.Base.DateTimeDigitized), None),
        changed_at=_moment(exif.get(ExifTags.Base.DateTime), taken.get(ExifTags.Base.OffsetTime)),
        camera=" ".join(_text(exif.get(tag)) for tag in (ExifTags.Base.Make, ExifTags.Base.Model)),
        software=_text(exif.get(ExifTags.Base.Software)),
    )
    turned = exif.get(ExifTags.Base.Orientation)
    return turned if isinstance(turned, int) else 1


def _attempt(ask: Callable[[], Any]) -> Any:
    """Return what was asked for, or None: metadata may be broken in any way, and nothing depends on it."""
    with warnings.catch_warnings(), suppress(Exception):
        warnings.simplefilter("ignore")
        return ask()
    return None


def _text(value: object) -> str:
    return value.replace("\0", " ").strip() if isinstance(value, str) else ""


def _moment(value: object, zone: object) -> str | None:
    return moment(_text(value), zone=_text(zone))


def _plain(picture: Image.Image, kind: Kind) -> Image.Image:
    """Return the same pixels with nothing said of them, in a form that the kind has."""
    see_through = picture.info.get("transparency")
    if kind is Kind.JPEG and picture.mode not in {"L", "RGB"}:
        picture = picture.convert("RGB")
    if kind is Kind.PNG and picture.mode not in _PNG_MODES:
        picture, see_through = picture.convert("RGBA"), None
    picture.info = {} if kind is Kind.JPEG or see_through is None else {"transparency": see_through}
    return picture


def _as_coarse(picture: Image.Image) -> dict[str, Any]:
    """Return how a JPEG is packed: as it came where that was coarser than our quality, so that little is lost again."""
    tables = getattr(picture, "quantization", None)
    if picture.mode not in {"L", "RGB"} or not tables or len(tables) > len(picture.mode):
        return {"quality": QUALITY}
    listed = [list(tables[number]) for number in sorted(tables)]
    if sum(listed[0]) <= _FINEST_TABLE or max(map(max, listed)) > _LARGEST_STEP:
        return {"quality": QUALITY}
    sampling = JpegImagePlugin.get_sampling(picture)
    return {"qtables": listed} if sampling < 0 else {"qtables": listed, "subsampling": sampling}


def _look_again(written: BinaryIO, kind: Kind) -> None:
    """Make sure that nothing but a picture was written."""
    written.seek(0)
    body = written.read()
    plain = markers.plain_jpeg(body) if kind is Kind.JPEG else markers.plain_png(body, strictly=True)
    if plain != body:
        raise AssertionError("more than a picture was written")
