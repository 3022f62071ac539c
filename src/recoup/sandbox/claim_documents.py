"""Documents that people might send with a claim, made up: bills, photos, and two that nobody should just open."""

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import date, datetime
from random import Random

import pikepdf
from PIL import Image, ImageDraw

PAGE = (595, 842)
SCRIPT = "app.alert('pay twice')"
POSITION = "N 50 56 E 6 57"
"""What the photo says of where it was taken, besides the numbers."""


def bill(supplier: str, number: str, day: date, parts: Iterable[tuple[str, str]], total: str) -> bytes:
    """Return a bill as a PDF with text; ``parts`` and ``total`` are amounts as they are printed."""
    lines = [
        (72, 780, 18, supplier),
        (72, 740, 12, f"Invoice {number}"),
        (72, 722, 12, f"Date: {day:%d %B %Y}"),
    ]
    place = 680
    for title, amount in parts:
        lines += [(72, place, 11, title), (430, place, 11, amount)]
        place -= 20
    lines += [(72, place - 14, 13, "Total"), (420, place - 14, 13, total)]
    return _page(lines, made=datetime(day.year, day.month, day.day, 9, 30))  # noqa: DTZ001 - as the printer has it


def bill_with_a_script(supplier: str, number: str, day: date, total: str) -> bytes:
    """Return a bill that runs a script when it is opened, and carries a file."""
    plain = bill(supplier, number, day, [("Repair", total)], total)
    with pikepdf.open(io.BytesIO(plain)) as pdf:
        pdf.Root.OpenAction = pikepdf.Dictionary(S=pikepdf.Name.JavaScript, JS=SCRIPT)
        pdf.attachments["prices.xls"] = b"a file within the file"
        out = io.BytesIO()
        pdf.save(out, deterministic_id=True)
    return out.getvalue()


def photo(seed: int, taken: datetime) -> bytes:
    """Return a photo of something broken, as a phone takes it: with its camera, the time, and where it was."""
    random = Random(seed)
    made = Image.new("RGB", (640, 480), (196, 202, 208))
    draw = ImageDraw.Draw(made)
    draw.rectangle((90, 120, 550, 400), fill=(60, 84, 120))
    for _ in range(14):
        start = (random.randrange(90, 550), random.randrange(120, 400))
        draw.line(
            [start, (random.randrange(90, 550), random.randrange(120, 400))], fill=(230, 236, 240), width=3
        )
    exif = made.getexif()
    exif[0x010F], exif[0x0110] = "Kettenbrücke", "Phone 7"  # the camera's maker and model
    exif[0x9003] = exif[0x0132] = f"{taken:%Y:%m:%d %H:%M:%S}"
    exif[0x010E] = POSITION
    position = exif.get_ifd(0x8825)
    position.update({1: "N", 2: (50.0, 56.0, 28.0), 3: "E", 4: (6.0, 57.0, 25.0)})
    out = io.BytesIO()
    made.save(out, "JPEG", exif=exif, quality=88)
    return out.getvalue()


def page_that_calls_itself_a_pdf() -> bytes:
    """Return a web page."""
    return b"<!doctype html><script>alert(1)</script><p>Your bill</p>"


def policies(rows: Iterable[tuple[str, str, str, str, date, date, str]]) -> str:
    """Return a CSV of policies: number, holder's address and name, type, first and last day, sum insured in EUR."""
    head = (
        "policy_number,holder_email,holder_name,type,start_date,end_date,premium,sum_insured,currency,status,"
    )
    head += "auto_renew"
    lines = [
        f"{number},{address},{name},{kind},{first},{last},120.00,{insured},EUR,active,yes"
        for number, address, name, kind, first, last, insured in rows
    ]
    return "\n".join([head, *lines]) + "\n"


def _page(lines: Iterable[tuple[int, int, int, str]], *, made: datetime) -> bytes:
    pdf = pikepdf.new()
    page = pdf.add_blank_page(page_size=PAGE)
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font,
        Subtype=pikepdf.Name.Type1,
        BaseFont=pikepdf.Name.Helvetica,
        Encoding=pikepdf.Name.WinAnsiEncoding,
    )
    page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
    content = b"".join(
        f"BT /F1 {size} Tf {left} {up} Td (".encode()
        + text.encode("cp1252", "replace").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
        + b") Tj ET\n"
        for left, up, size, text in lines
    )
    page.Contents = pdf.make_stream(content)
    pdf.docinfo["/CreationDate"] = f"D:{made:%Y%m%d%H%M%S}"
    out = io.BytesIO()
    pdf.save(out, deterministic_id=True)
    return out.getvalue()
