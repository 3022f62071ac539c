"""The ZIP archive of a Word document, opened within limits; every entry is read once, so that its sum is compared."""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from typing import BinaryIO

from recoup.core.errors import Invalid

MOST_ENTRIES = 2_000
MOST_UNPACKED = 200_000_000
LARGEST_ENTRY = 50_000_000
SMALL = 4_000_000
"""An entry up to this size may be packed as tightly as it likes."""
TIGHTEST = 250
"""Larger ones unpack to at most this many times their packed size; text packs to a tenth, or a thirtieth."""
_PORTION = 1 << 20
_ARCHIVES = (b"PK\x03\x04", b"Rar!", b"7z\xbc\xaf", b"\x1f\x8b\x08", b"BZh", b"\xfd7zXZ", b"MSCF")
_PACKED = re.compile(
    r"\.(?:zip|jar|rar|7z|gz|bz2|xz|tar|cab|iso|docx|docm|xlsm|pptm|exe|dll)$", re.IGNORECASE
)
_WORKBOOK = re.compile(r"word/embeddings/[^/]+\.xlsx", re.IGNORECASE)
"""What charts keep their figures in; it is left out."""
_AGAIN = "Save it again with Word, or as a PDF."


class Archive:
    """The entries of a document by name. Raises Invalid with a sentence for whatever no word processor writes."""

    def __init__(self, source: BinaryIO, *, name: str) -> None:
        self._name = name
        try:
            self._zip = zipfile.ZipFile(source)
        except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
            raise self._damaged() from error
        entries = self._zip.infolist()
        if len(entries) > MOST_ENTRIES:
            raise Invalid(f"{name} has more than {MOST_ENTRIES:,} parts.", fix=_AGAIN)
        self._entries = {entry.filename: entry for entry in entries if not entry.is_dir()}
        for entry in entries:
            self._look_at(entry)
        if len({entry.filename.lower() for entry in entries}) < len(entries):
            raise Invalid(f"{name} has two parts of the same name.", fix=_AGAIN)
        if sum(entry.file_size for entry in entries) > MOST_UNPACKED:
            raise self._swells()
        for entry in self._entries.values():
            self._read_through(entry)

    def __contains__(self, part: object) -> bool:
        return part in self._entries

    def read(self, part: str) -> bytes:
        """Return the bytes of a part; raise Invalid where there is none of that name."""
        entry = self._entries.get(part)
        if entry is None:
            raise Invalid(f"{self._name} is damaged: a part of it is missing.", fix=_AGAIN)
        return self._zip.read(entry)

    def _look_at(self, entry: zipfile.ZipInfo) -> None:
        name, steps = self._name, entry.filename.split("/")
        if (
            entry.filename.startswith("/")
            or ".." in steps
            or any(bad in entry.orig_filename for bad in "\\:\0")
        ):
            raise Invalid(f"{name} has a part that would lie outside of it.", fix=_AGAIN)
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Invalid(f"{name} has a part that is a link to a file.", fix=_AGAIN)
        if entry.flag_bits & 0x1:
            raise Invalid(f"{name} is protected by a password.", fix="Save it without the password.")
        if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
            raise Invalid(f"{name} is packed in a way that Word does not know.", fix=_AGAIN)
        if entry.file_size > max(SMALL, TIGHTEST * entry.compress_size) or entry.file_size > LARGEST_ENTRY:
            raise self._swells()
        if entry.filename.lower().endswith("vbaproject.bin"):
            raise Invalid(f"{name} has macros.", fix="Save it without macros, or as a PDF.")
        if _PACKED.search(entry.filename):
            raise self._nested()

    def _read_through(self, entry: zipfile.ZipInfo) -> None:
        try:
            with self._zip.open(entry) as body:
                start = portion = body.read(_PORTION)
                while portion:
                    portion = body.read(_PORTION)
        except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError) as error:
            raise self._damaged() from error
        if start.startswith(_ARCHIVES) and not _WORKBOOK.fullmatch(entry.filename):
            raise self._nested()

    def _damaged(self) -> Invalid:
        return Invalid(f"{self._name} is damaged: it cannot be unpacked.", fix=_AGAIN)

    def _swells(self) -> Invalid:
        return Invalid(f"{self._name} is too large when it is unpacked.", fix=_AGAIN)

    def _nested(self) -> Invalid:
        return Invalid(
            f"{self._name} has other files inside it.",
            fix="Send them as documents of their own, and this one without them or as a PDF.",
        )


def written(parts: dict[str, bytes], into: BinaryIO) -> None:
    """Write an archive of parts, the same parts always to the same bytes."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in parts.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o600 << 16
            archive.writestr(entry, body, compress_type=zipfile.ZIP_DEFLATED)
    into.write(packed.getbuffer())
