"""What the routes of claims share: who is asking, claims in full, the next page."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import Header, Path, Query
from sqlalchemy.orm import Session

from recoup.areas.claims import controls
from recoup.areas.claims.models import Claim, Document, DocumentState
from recoup.areas.claims.queries import claim_rows, document_rows, flag_rows
from recoup.areas.claims.schemas import ClaimInFull, ClaimShown, LineShown, PaymentShown, WaitingShown
from recoup.areas.claims.service.moves import By, House
from recoup.core.errors import BadRequest, Forbidden, Invalid
from recoup.core.system import Caller, System
from recoup.office.controls import service as house
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.web.paging import MOST_ROWS
from recoup.web.uploads import Form, Upload

VERSION_DIGITS = 10

ClaimId = Annotated[int, Path(ge=1, le=2**63 - 1, description="A claim's number here.")]
DocumentId = Annotated[int, Path(ge=1, le=2**63 - 1, description="A document's number.")]
After = Annotated[str | None, Query(max_length=1_000, description="Go on where the page before ended.")]
PageSize = Annotated[int, Query(ge=1, le=MOST_ROWS, description="How many claims at most.")]
IfMatch = Annotated[
    str | None,
    Header(description='The version that was seen, such as `"3"`; answered with 412 when it is another.'),
]


def by(me: Caller) -> By:
    """Return who is asking, as use cases take it."""
    return By(actor=f"{me.by}:{me.name}", person=me.person, name=me.name)


def house_of(system: System) -> House:
    """Return what mails need to know of this server."""
    return House.of(system.settings)


def today_of(me: Caller, now: datetime) -> date:
    """Return the caller's own day."""
    return now.astimezone(ZoneInfo(me.zone)).date()


def version_of(if_match: str | None, version: int | None) -> int | None:
    """Return the version that the caller saw, by the header or by the body."""
    if if_match is None or if_match.strip() == "*":
        return version
    text = if_match.strip().removeprefix("W/").strip('"')
    if not (text.isascii() and text.isdecimal() and len(text) <= VERSION_DIGITS):
        raise Invalid("If-Match is no version of a claim.", fix='Send it like "3".')
    return int(text)


def person_of(me: Caller) -> UUID:
    """Return who is asking; raise Forbidden where a key asks that is nobody's: it has no policies and no claims."""
    if me.person is None:
        raise Forbidden(
            "This key belongs to no person, so it has no claims.", fix="Use a person's own key or token."
        )
    return me.person


def shown(
    db: Session, system: System, rows: Sequence[Claim], *, for_staff: bool, now: datetime
) -> list[ClaimShown]:
    """Show claims with their documents, history and, to staff, flags."""
    ids = [one.id for one in rows]
    documents, histories = document_rows.of_claims(db, ids), claim_rows.histories(db, ids)
    flags = flag_rows.of_claims(db, ids) if for_staff else {}
    urls = links(db, system, [one for each in documents.values() for one in each], now=now)
    return [
        ClaimShown.of(
            row,
            documents=documents[row.id],
            urls=urls,
            history=histories[row.id],
            flags=flags.get(row.id, ()),
        )
        for row in rows
    ]


def in_full(db: Session, system: System, row: Claim, *, for_staff: bool, now: datetime) -> ClaimInFull:
    """Show one claim with everything."""
    (plain,) = shown(db, system, [row], for_staff=for_staff, now=now)
    waiting = claim_rows.waiting(db, row.id) if for_staff else None
    return ClaimInFull(
        **dict(plain),
        lines=[LineShown.of(one, row.currency) for one in claim_rows.lines(db, row.id)],
        payments=[PaymentShown.of(one) for one in claim_rows.payments(db, row.id)],
        waiting=WaitingShown.of(waiting, row.currency) if waiting else None,
    )


def links(db: Session, system: System, documents: Sequence[Document], *, now: datetime) -> dict[int, str]:
    """Return a link for each document that may be given out; they end after ``claims.link_minutes``."""
    ready = {one.file_id: one.id for one in documents if one.state == DocumentState.KEPT and one.file_id}
    if not ready:
        return {}
    lives = timedelta(minutes=house.value(db, controls.LINK_MINUTES))
    secret = files.signing_secret(system.home)
    address = system.settings.web.address or ""
    found = {}
    for file in file_rows.by_ids(db, list(ready)):
        url = files.link(system.ports.files, secret, file, expires_in=lives, now=now)
        found[ready[file.id]] = f"{address}{url}" if url.startswith("/") else url
    return found


def sheet_of(sent: Form, *, fields: Collection[str]) -> Upload:
    """Return the file of an import; raise Invalid for a field that none has, BadRequest where the file is missing."""
    if unknown := sorted(set(sent.fields) - set(fields)):
        raise Invalid(f"An import has no field {unknown[0][:60]!r}.")
    if not sent.files:
        raise BadRequest("There is no file.", fix="Send it as file.")
    return sent.files[0]


def next_page(path: str, cursor: str | None, **query: object) -> dict[str, str]:
    """Return the header that leads to the next page, where there is one (RFC 8288)."""
    if cursor is None:
        return {}
    words = urlencode(
        {name: value for name, value in query.items() if value not in (None, False)} | {"after": cursor}
    )
    return {"Link": f'<{path}?{words}>; rel="next"'}
