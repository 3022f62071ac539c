"""Invoices of invented firms in six languages and several layouts: as words, as a PDF with text, as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal

import pikepdf
from PIL import Image, ImageDraw, ImageFont

from recoup.areas.claims.reading.words import Word

WIDTH, HEIGHT = 595, 842
"""Points of an A4 page."""
SIZE = 10
Placed = tuple[float, float, int, str]
"""Left and top in points, letters' size, text."""


@dataclass(frozen=True)
class Tongue:
    """How a country writes an invoice."""

    title: str
    date: str
    due: str
    order: str
    buyer: str
    item: str
    net: str
    tax: str
    total: str
    currency: str
    code: str
    thousands: str
    point: str
    day: str
    months: str
    supplier: str
    street: str
    place: str
    official: str

    def money(self, amount: Decimal) -> str:
        """As this country writes a sum."""
        whole, cents = f"{amount:,.2f}".split(".")
        return f"{whole.replace(',', self.thousands)}{self.point}{cents}"

    def written(self, day: date) -> str:
        """As this country writes a day."""
        name = self.months.split()[day.month - 1] if self.months else ""
        return self.day.format(d=day.day, dd=f"{day.day:02}", mm=f"{day.month:02}", y=day.year, name=name)


TONGUES = {
    "en": Tongue(
        "INVOICE", "Invoice date", "Due date", "Order date", "Bill to", "Amount", "Subtotal", "VAT 20%", "Total due",
        "£", "GBP", ",", ".", "{d} {name} {y}",
        "January February March April May June July August September October November December",
        "Hollow Oak Joinery Ltd", "14 Mill Lane", "Leeds LS1 4AB", "VAT no. GB 123 4567 89",
    ),
    "us": Tongue(
        "Invoice", "Date", "Due", "Ordered", "Sold to", "Amount", "Subtotal", "Sales tax", "Total",
        "$", "USD", ",", ".", "{mm}/{dd}/{y}", "",
        "Prairie Roofing LLC", "880 Grain Street", "Topeka KS 66603", "Tax ID 48-1234567",
    ),
    "de": Tongue(
        "Rechnung", "Rechnungsdatum", "Zahlbar bis", "Bestelldatum", "Rechnung an", "Betrag", "Zwischensumme",
        "zzgl. 19 % MwSt.", "Gesamtbetrag", "€", "EUR", ".", ",", "{d}. {name} {y}",
        "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        "Dachdeckerei Amsel GmbH", "Lindenweg 7", "50667 Köln", "USt-IdNr. DE 123 456 789",
    ),
    "fr": Tongue(
        "Facture", "Date de facture", "Échéance", "Date de commande", "Facturer à", "Montant HT", "Total HT",
        "TVA 20 %", "Total TTC", "€", "EUR", " ", ",", "{d} {name} {y}",
        "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        "Plomberie Garance SARL", "3 rue des Tilleuls", "69003 Lyon", "TVA FR12 345678901",
    ),
    "es": Tongue(
        "Factura", "Fecha de factura", "Vencimiento", "Fecha de pedido", "Cliente", "Importe", "Base imponible",
        "IVA 21 %", "Total a pagar", "€", "EUR", ".", ",", "{d} de {name} de {y}",
        "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        "Talleres Encina S.L.", "Calle Mayor 12", "28013 Madrid", "NIF B12345678",
    ),
    "nl": Tongue(
        "Factuur", "Factuurdatum", "Vervaldatum", "Besteldatum", "Factuuradres", "Bedrag", "Subtotaal",
        "BTW 21%", "Totaal te betalen", "€", "EUR", ".", ",", "{dd}-{mm}-{y}", "",
        "Glaszetter Merel B.V.", "Kade 9", "3011 AA Rotterdam", "BTW NL123456789B01",
    ),
    "pl": Tongue(
        "Faktura", "Data wystawienia", "Termin płatności", "Data zamówienia", "Nabywca", "Kwota", "Razem netto",
        "VAT 23%", "Do zapłaty", "zł", "PLN", " ", ",", "{d} {name} {y}",
        "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
        "Warsztat Jodła sp. z o.o.", "ul. Leśna 4", "00-950 Warszawa", "NIP 1234567890",
    ),
}  # fmt: skip
LAYOUTS = ("beside", "above", "small print")


@dataclass(frozen=True)
class Invoice:
    """What one says: its net sum is of two lines, and the tax a fifth of it."""

    tongue: Tongue
    layout: str
    day: date
    due: date
    ordered: date
    lines: tuple[Decimal, Decimal]

    @property
    def net(self) -> Decimal:
        """Before tax."""
        return sum(self.lines, Decimal(0))

    @property
    def tax(self) -> Decimal:
        """A fifth."""
        return (self.net / 5).quantize(Decimal("0.01"))

    @property
    def total(self) -> Decimal:
        """What is owed."""
        return self.net + self.tax

    def placed(self) -> Iterator[Placed]:
        """Every text of the page, with its place."""
        said = self.tongue
        if self.layout == "small print":
            official = f"{said.supplier} - {said.street} - {said.place} - {said.official}"
            yield (60, 800, 7, official)
        else:
            yield (60, 40, 14, said.supplier)
            yield from ((60, 62 + 14 * n, SIZE, text) for n, text in enumerate((said.street, said.place)))
            yield (60, 800, 7, said.official)
        yield (60, 150, SIZE, f"{said.buyer}:")
        yield from ((60, 165 + 14 * n, SIZE, text) for n, text in enumerate(("Robin Sample", "Elm Court 5")))
        yield (60, 230, 16, f"{said.title} 2024-0815")
        days = ((said.order, self.ordered), (said.date, self.day), (said.due, self.due))
        for number, (label, day) in enumerate(days):
            if self.layout == "above":
                yield (60 + 160 * number, 260, SIZE, label)
                yield (60 + 160 * number, 275, SIZE, said.written(day))
            else:
                yield (360, 240 + 14 * number, SIZE, f"{label}:")
                yield (460, 240 + 14 * number, SIZE, said.written(day))
        yield (470, 320, SIZE, said.item)
        for number, line in enumerate(self.lines):
            yield (60, 340 + 16 * number, SIZE, f"{number + 1}")
            yield (90, 340 + 16 * number, SIZE, "Material")
            yield (470, 340 + 16 * number, SIZE, said.money(line))
        sums = ((said.net, self.net), (said.tax, self.tax), (said.total, self.total))
        for number, (label, amount) in enumerate(sums):
            yield (330, 390 + 16 * number, SIZE, label)
            money = said.money(amount)
            before = said.currency in "£$"
            yield (
                470,
                390 + 16 * number,
                SIZE,
                f"{said.currency}{money}" if before else f"{money} {said.currency}",
            )

    def words(self) -> list[Word]:
        """Its words as a text layer gives them, in the order of drawing."""
        found = []
        for left, top, size, text in self.placed():
            at = left
            for part in text.split(" "):
                width = 0.5 * size * len(part)
                box = (
                    round(1000 * at / WIDTH),
                    round(1000 * top / HEIGHT),
                    round(1000 * (at + width) / WIDTH),
                    round(1000 * (top + size) / HEIGHT),
                )
                found.append(Word(part, 1, box))
                at += width + 0.3 * size
        return found

    def picture(self, *, per_point: float = 2.0) -> Image.Image:
        """A scan of it: black on white, in Pillow's own letters, which have no currency signs."""
        coded = replace(self, tongue=replace(self.tongue, currency=self.tongue.code))
        sheet = Image.new("RGB", (int(WIDTH * per_point), int(HEIGHT * per_point)), "white")
        pen = ImageDraw.Draw(sheet)
        for left, top, size, text in coded.placed():
            font = ImageFont.load_default(size * per_point)
            pen.text((left * per_point, top * per_point), text, fill="black", font=font)
        return sheet

    def pdf(self, *, turn: int = 0) -> bytes:
        """A PDF whose text is text, in Helvetica; ``turn`` is its /Rotate. Letters beyond Windows-1252 do not work."""
        drawn = b"BT " + b" ".join(_shown(*placed) for placed in self.placed()) + b" ET"
        return pdf_of(
            b"<< /Length %d >>\nstream\n" % len(drawn) + drawn + b"\nendstream",
            resources=b"/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>",
            turn=turn,
        )


def _shown(left: float, top: float, size: int, text: str) -> bytes:
    plain = text.encode("cp1252").replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")
    return b"/F1 %d Tf 1 0 0 1 %d %d Tm (%s) Tj" % (size, left, HEIGHT - top - size, plain)


def scanned_pdf(picture: Image.Image) -> bytes:
    """A PDF whose only page is a picture, as scanners make them."""
    out = io.BytesIO()
    picture.save(out, "PDF", resolution=144)
    return out.getvalue()


def with_letterhead(pdf: bytes, name: str) -> bytes:
    """The same PDF with a name above it, as a picture."""
    drawn = Image.new("RGB", (720, 120), "white")
    ImageDraw.Draw(drawn).text((20, 20), name, fill="black", font=ImageFont.load_default(64))
    out = io.BytesIO()
    with pikepdf.open(io.BytesIO(pdf)) as document:
        picture = pikepdf.Stream(document, drawn.tobytes())
        picture.Type, picture.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
        picture.Width, picture.Height = drawn.size
        picture.ColorSpace, picture.BitsPerComponent = pikepdf.Name.DeviceRGB, 8
        page = document.pages[0]
        page.Resources.XObject = pikepdf.Dictionary(Letterhead=picture)
        page.contents_add(b"q 360 0 0 60 40 775 cm /Letterhead Do Q")
        document.save(out)
    return out.getvalue()


def pdf_of(content: bytes, *, resources: bytes, turn: int = 0) -> bytes:
    """A PDF of one A4 page with this content."""
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Rotate %d /Contents 4 0 R /Resources << %s >> >>"
        % (WIDTH, HEIGHT, turn, resources),
        content,
    )
    body = b"%PDF-1.7\n"
    places = []
    for number, made in enumerate(objects, 1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, made)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start = len(body)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n" % size
        + table
        + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (size, start)
    )
