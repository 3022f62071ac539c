"""Claims for tests: policy holders and reviewers who knock with their address as a bearer, policies, documents."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

import httpx2
import pikepdf
from PIL import Image

from recoup.areas.claims.models import Claim, Policy, PolicyKind, PolicyStatus
from recoup.areas.claims.service import flagging
from recoup.areas.claims.service.moves import House
from recoup.core.system import Caller, Presented, System
from recoup.office.people import permissions
from recoup.office.people import queries as people_rows
from recoup.office.people.permissions import Role
from recoup.office.people.service import people
from support.doors import api

CARL, DORA = "carl@customer.test", "dora@customer.test"
REA, RON, ANA, ADA = "rea@example.com", "ron@example.com", "ana@example.com", "ada@example.com"
ROLES: Mapping[str, Role] = {
    CARL: Role.CUSTOMER,
    DORA: Role.CUSTOMER,
    REA: Role.REVIEWER,
    RON: Role.REVIEWER,
    ANA: Role.ANALYST,
    ADA: Role.ADMINISTRATOR,
}
FIRST, LAST = date(2025, 1, 1), date(2025, 12, 31)
INCIDENT = date(2025, 7, 20)


def populate(system: System) -> dict[str, UUID]:
    """Add everybody; return their ids by address."""
    found = {}
    with system.sessions.begin() as db:
        for address, role in ROLES.items():
            name = address.partition("@")[0].capitalize()
            known = people_rows.by_address(db, address)
            person = known or people.add(
                db, address=address, role=role, name=name, actor="test", now=system.clock()
            )
            found[address] = person.id
    return found


def policy_of(
    system: System,
    person: UUID,
    number: str = "H-1",
    *,
    first: date = FIRST,
    last: date = LAST,
    status: str = PolicyStatus.ACTIVE,
    currency: str = "EUR",
    insured: int | None = None,
    kind: str = PolicyKind.HEALTH,
) -> int:
    """Write a policy down; return its number here."""
    with system.sessions.begin() as db:
        policy = Policy(
            policy_number=number,
            person_id=person,
            kind=kind,
            start_date=first,
            end_date=last,
            premium_minor=12_000,
            sum_insured_minor=insured,
            currency=currency,
            status=status,
            auto_renew=True,
            created_at=system.clock(),
            updated_at=system.clock(),
        )
        db.add(policy)
        db.flush()
        return policy.id


@contextmanager
def claims_api(system: System, *, zone: str = "UTC") -> Iterator[httpx2.Client]:
    """Serve the system; whoever shows an address of ``ROLES`` is that person, with a second factor shown."""
    ids = populate(system)

    def authenticate(presented: Presented, *, now: datetime) -> Caller | None:
        if presented.secret in ids:
            role = ROLES[presented.secret]
            return Caller(
                presented.secret,
                "session",
                permissions.of(role),
                role=role,
                person=ids[presented.secret],
                zone=zone,
            )
        return system.authenticate(presented, now=now)

    with api(replace(system, authenticate=authenticate)) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        yield client


def as_(address: str, **more: str) -> dict[str, str]:
    """Return the headers of a person."""
    return {"Authorization": f"Bearer {address}", **more}


def pdf(text: str = "Bill", *, pages: int = 1, padding: int = 0) -> bytes:
    """Return a small PDF; a picture of ``padding`` bytes that nobody can pack makes it larger."""
    made = pikepdf.new()
    font = pikepdf.Dictionary(
        Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica
    )
    for number in range(pages):
        page = made.add_blank_page(page_size=(595, 842))
        page.Resources = pikepdf.Dictionary(Font=pikepdf.Dictionary(F1=font))
        content = f"BT /F1 24 Tf 72 720 Td ({text} {number}) Tj ET"
        if padding:
            page.Resources.XObject = pikepdf.Dictionary(Im0=_noise(made, padding))
            content += " q 400 0 0 400 72 200 cm /Im0 Do Q"
        page.Contents = made.make_stream(content.encode())
    out = io.BytesIO()
    made.save(
        out,
        deterministic_id=True,
        compress_streams=False,
        stream_decode_level=pikepdf.StreamDecodeLevel.none,
    )
    return out.getvalue()


def _noise(made: pikepdf.Pdf, size: int) -> pikepdf.Stream:
    width = max(1, size // 300)
    noise = made.make_stream(random.Random(7).randbytes(width * 300))
    noise.Type, noise.Subtype = pikepdf.Name.XObject, pikepdf.Name.Image
    noise.Width, noise.Height, noise.BitsPerComponent = width, 100, 8
    noise.ColorSpace = pikepdf.Name.DeviceRGB
    return noise


def picture(
    kind: str = "JPEG", *, size: tuple[int, int] = (320, 240), seed: int = 1, quality: int = 85
) -> bytes:
    """Return a picture with something on it."""
    made = Image.new("RGB", size)
    made.putdata(
        [
            ((x * seed) % 256, (y * 3) % 256, (x * y * seed) % 256)
            for y in range(size[1])
            for x in range(size[0])
        ]
    )
    out = io.BytesIO()
    made.save(out, kind, quality=quality)
    return out.getvalue()


FIELDS: Mapping[str, str] = {
    "claim_type": "medical",
    "incident_date": INCIDENT.isoformat(),
    "description": "Emergency treatment",
    "claim_amount": "5000",
}


def file_claim(
    client: httpx2.Client,
    policy: int,
    *,
    by: str = CARL,
    files: Any = None,
    headers: Mapping[str, str] | None = None,
    **fields: str,
) -> httpx2.Response:
    """File a claim as the brief's curl does."""
    sent = files if files is not None else [("files", ("document.pdf", pdf(), "application/pdf"))]
    data = {"user_policy_id": str(policy), **FIELDS, **fields}
    return client.post("/claims", data=data, files=sent, headers={**as_(by), **(headers or {})})


def looked_at(system: System, claim_id: int) -> None:
    """Look at a claim as the worker does after it was filed."""
    with system.sessions.begin() as db:
        flagging.look(db, claim_id, house_=House("claims@example.com", ""), now=system.clock())


def stored(system: System, claim_id: int) -> Claim:
    """Return a claim's row."""
    with system.sessions.begin() as db:
        return db.get_one(Claim, claim_id)
