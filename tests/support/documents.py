"""Documents for tests, made by hand: PDFs, pictures, and Word documents old and new, good and bad."""

from __future__ import annotations

import io
import random
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence

import pikepdf
from PIL import Image

W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
R = 'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"
MARKER = b"<script>alert('a marker')</script>"
_SECTOR = 512
_FREE, _END, _TABLE, _NONE = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF


def pdf(change: Callable[[pikepdf.Pdf], None] | None = None, *, pages: int = 1) -> bytes:
    """Return a PDF of blank pages, as ``change`` made it."""
    with pikepdf.new() as made:
        for _ in range(pages):
            made.add_blank_page()
        if change is not None:
            change(made)
        body = io.BytesIO()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it knows a bad form when it writes one
            made.save(body, fix_metadata_version=False, preserve_pdfa=False)
    return body.getvalue()


def written_pdf(*objects: bytes, trailer: bytes = b"/Root 1 0 R") -> bytes:
    """Return a PDF of objects as they are, numbered from 1, without a table that says where they are."""
    body = b"%PDF-1.7\n"
    for number, one in enumerate(objects, 1):
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    return body + b"trailer\n<</Size %d %s>>\n%%%%EOF\n" % (len(objects) + 1, trailer)


def photo(width: int = 320, height: int = 240, *, seed: int = 0) -> Image.Image:
    """Return a picture with something to see: another one for another seed."""
    spots = random.Random(seed).randbytes(12 * 9 * 3)
    return Image.frombytes("RGB", (12, 9), spots).resize((width, height), Image.Resampling.BICUBIC)


def jpeg(picture: Image.Image | None = None, **how: object) -> bytes:
    """Return a JPEG."""
    body = io.BytesIO()
    (picture or photo()).save(body, "JPEG", **how)
    return body.getvalue()


def png(picture: Image.Image | None = None, **how: object) -> bytes:
    """Return a PNG."""
    body = io.BytesIO()
    (picture or photo()).save(body, "PNG", **how)
    return body.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    """Return a chunk of a PNG."""
    return struct.pack("!I", len(data)) + name + data + struct.pack("!I", zlib.crc32(name + data))


def declared_png(width: int, height: int, data: bytes = b"") -> bytes:
    """Return a PNG that says it is so large, whatever it holds."""
    head = struct.pack("!IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = data or zlib.compress(b"\0" * 1000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def bomb(megabytes: int) -> bytes:
    """Return so many zeros, deflated."""
    packer, zeros = zlib.compressobj(9), b"\0" * (1 << 20)
    return b"".join(packer.compress(zeros) for _ in range(megabytes)) + packer.flush()


def relations(*found: tuple[str, str, str] | tuple[str, str, str, str]) -> str:
    """Return a part ``.rels``: id, last word of the type, target, and perhaps ``External``."""
    lines = []
    for one, word, target, *mode in found:
        more = f' TargetMode="{mode[0]}"' if mode else ""
        lines.append(f'<Relationship Id="{one}" Type="{OFFICE}/{word}" Target="{target}"{more}/>')
    return f'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">{"".join(lines)}</Relationships>'


def paragraph(text: str) -> str:
    """Return a paragraph."""
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def docx_parts(inside: str = "", *, main_type: str = MAIN_TYPE) -> dict[str, str | bytes]:
    """Return the parts of a Word document that has ``inside`` in its body."""
    return {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/>'
        f'<Override PartName="/word/document.xml" ContentType="{main_type}"/></Types>',
        "_rels/.rels": relations(("rId1", "officeDocument", "word/document.xml")),
        "word/document.xml": f"<w:document {W} {R}><w:body>{paragraph('A leak under the sink.')}{inside}</w:body></w:document>",
    }


def zipped(parts: Mapping[str, str | bytes], *more: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    """Return a ZIP archive."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
        for entry, part in more:
            archive.writestr(entry, part)
    return body.getvalue()


def docx(inside: str = "", parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """Return a Word document, with more parts or others."""
    return zipped({**docx_parts(inside), **(parts or {})})


def word_text(*, flags: int = 0, text: bytes = b"A leak under the sink.\r") -> bytes:
    """Return the stream of an old Word document that holds its text."""
    return struct.pack("<HH6xH", 0xA5EC, 0xC1, flags) + b"\0" * 500 + text


def doc(streams: Sequence[tuple[str, bytes]] | None = None, *, tail: bytes = b"") -> bytes:
    """Return an OLE file: streams by name, each with a storage's name before it where it has a slash."""
    listed = streams if streams is not None else [("WordDocument", word_text())]
    storages = sorted({name.split("/")[0] for name, _ in listed if "/" in name})
    entries: list[tuple[str, int, int, int, int]] = []  # name, kind, child, first sector, size
    sectors, table = [b"\0" * _SECTOR], [_TABLE]
    top = [name for name, _ in listed if "/" not in name] + storages
    order = ["", *top, *[name for name, _ in listed if "/" in name]]
    for name in order:
        body = dict(listed).get(name, b"")
        first, size = _END, len(body)
        if body:
            body = body.ljust(4096, b"\0")  # shorter ones would lie in another table
            size, first = len(body), len(sectors)
            count = -(-len(body) // _SECTOR)
            sectors += [body[i * _SECTOR : (i + 1) * _SECTOR].ljust(_SECTOR, b"\0") for i in range(count)]
            table += [*range(first + 1, first + count), _END]
        child = _NONE
        if name == "":
            child = 1
        elif name in storages:
            child = next(i for i, other in enumerate(order) if other.startswith(f"{name}/"))
        kind = 5 if name == "" else 1 if name in storages else 2
        entries.append((name.rpartition("/")[2] or "Root Entry", kind, child, first, size))
    directory = b""
    for number, (name, kind, child, first, size) in enumerate(entries):
        following = _following(order, number)
        raw = name.encode("utf-16-le")
        directory += struct.pack(
            "<64sHBBIII16xI16xIQ", raw, len(raw) + 2, kind, 1, _NONE, following, child, 0, first, size
        )
    directory += b"".join(
        struct.pack("<64sHBBIII52x", b"", 0, 0, 0, _NONE, _NONE, _NONE) for _ in range(-len(entries) % 4)
    )
    start = len(sectors)
    count = len(directory) // _SECTOR
    sectors += [directory[i * _SECTOR : (i + 1) * _SECTOR] for i in range(count)]
    table += [*range(start + 1, start + count), _END]
    sectors[0] = struct.pack(f"<{_SECTOR // 4}I", *table, *[_FREE] * (_SECTOR // 4 - len(table)))
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 16 + struct.pack("<HHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<IIIIIIIII", 0, 1, start, 0, 4096, _END, 0, _END, 0)
    head += struct.pack("<I", 0) + b"\xff" * (_SECTOR - len(head) - 4)
    return head + b"".join(sectors) + tail


def _following(order: Sequence[str], number: int) -> int:
    """Return the entry to the right of another in its storage."""
    storage = order[number].rpartition("/")[0] if number else None
    for other in range(number + 1, len(order)):
        if storage is not None and order[other].rpartition("/")[0] == storage:
            return other
    return _NONE
