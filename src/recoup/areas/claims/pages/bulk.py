"""Pages of doing something to many claims: what will happen to each, then what did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.areas.claims.api.common import by, house_of
from recoup.areas.claims.lists import DECIDES, DESK, MAY
from recoup.areas.claims.pages.queue import to_queue
from recoup.areas.claims.queries import claim_rows, desk_rows, review_rows
from recoup.areas.claims.queries.desk_rows import DeskRow
from recoup.areas.claims.rules import bulk as rules
from recoup.areas.claims.rules.bulk import WAYS, Way
from recoup.areas.claims.rules.wording import LONGEST_NOTES
from recoup.areas.claims.rules.wording import text as clean
from recoup.areas.claims.service import bulk
from recoup.areas.claims.service.bulk import MOST_AT_ONCE, Chosen
from recoup.core.errors import Invalid
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import found

HERE = f"{DESK}/bulk"
ID_DIGITS = 18

router = Router(prefix=HERE, dependencies=[Depends(may(MAY))])
decides = Depends(may(DECIDES))


@router.post("", dependencies=[decides])
def review(request: Request, db: Db, now: Now, typed: Typed) -> Response:
    """Show what would happen to each claim that was chosen; nothing happens yet."""
    way_name, way = _way(typed)
    words = str(typed.get("queue") or "")
    ids = [_number(text) for text in _several(typed, "id")]
    if not ids:
        return pages.lead_on(
            to_queue(words), "Nothing was chosen. Tick the boxes of the claims first.", tone="warn"
        )
    return _review(request, db, way_name, way, ids, words=words, now=now)


@router.post("/apply", dependencies=[decides])
def apply(*, request: Request, db: Db, system: Running, now: Now, me: SignedIn, typed: Typed) -> Response:
    """Do it to each claim as it was shown, each by itself."""
    way_name, way = _way(typed)
    words = str(typed.get("queue") or "")
    chosen = []
    for text in _several(typed, "seen"):
        number, _, version = text.partition(" ")
        chosen.append(Chosen(_number(number), _number(version)))
    notes = clean(str(typed.get("notes") or ""), what="The notes", longest=LONGEST_NOTES)
    if way.needs_notes and not notes:
        problem = Invalid("The claimants have to be told why.", fix="Write it into the notes.")
        ids = [one.claim_id for one in chosen]
        return _review(request, db, way_name, way, ids, words=words, now=now, problem=problem)
    done = bulk.apply(db, chosen, way, notes=notes, by=by(me), house_=house_of(system), now=now)
    left = done.count("refused")
    said = f"{way.title}: done to {done.count('done'):,}." + (f" {left:,} stay as they are." if left else "")
    return pages.lead_on(f"{HERE}/{done.id}", said, tone="warn" if left else "ok")


@router.get("/{bulk_id}")
def told(request: Request, db: Db, now: Now, bulk_id: UUID) -> Response:
    """Show what became of each."""
    event = found(review_rows.bulk(db, bulk_id), f"bulk {bulk_id}", see="claims list")
    sorts = {name: _sentences(event.detail[name]) for name in ("refused", "waiting", "done")}
    ids = [claim_id for sentences in sorts.values() for claim_id in sentences]
    rows = {one.id: one for one in desk_rows.chosen(db, ids, now=now)}
    return pages.render(
        request,
        "claims/desk_bulk_done.html",
        event=event,
        sorts={
            name: [(claim_id, rows.get(claim_id), sentence) for claim_id, sentence in sentences.items()]
            for name, sentences in sorts.items()
        },
    )


def _review(
    request: Request,
    db: Session,
    way_name: str,
    way: Way,
    ids: Sequence[int],
    *,
    words: str,
    now: datetime,
    problem: Invalid | None = None,
) -> Response:
    if len(ids) > MOST_AT_ONCE:
        raise Invalid(f"Choose at most {MOST_AT_ONCE} claims.")
    can: list[tuple[DeskRow, str]] = []
    cannot: list[tuple[DeskRow, str]] = []
    rows = desk_rows.chosen(db, ids, now=now)
    unpaid = claim_rows.unpaid(db, [row.id for row in rows])
    for row in rows:
        reason = rules.why_not(
            way,
            status=row.claim.status,
            is_own=row.is_own,
            waits=row.waits,
            has_open_payment=row.id in unpaid,
            is_history=row.claim.is_history,
        )
        (can if reason is None else cannot).append((row, reason or way.effect))
    return pages.render(
        request,
        "claims/desk_bulk.html",
        status=problem.status if problem else 200,
        problem=problem,
        way_name=way_name,
        way=way,
        can=can,
        cannot=cannot,
        missing=len(set(ids)) - len(rows),
        words=words,
        back=to_queue(words),
    )


def _sentences(lines: Sequence[str]) -> dict[int, str]:
    return {int(number): sentence for number, _, sentence in (line.partition(" ") for line in lines)}


def _way(typed: Mapping[str, str | list[str]]) -> tuple[str, Way]:
    name = str(typed.get("way") or "")
    if name not in WAYS:
        raise Invalid("Choose what is to be done with them.")
    return name, WAYS[name]


def _several(typed: Mapping[str, str | list[str]], name: str) -> list[str]:
    value = typed.get(name, [])
    return value if isinstance(value, list) else [value]


def _number(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= ID_DIGITS):
        raise Invalid(f"{text[:80]!r} is no claim.", fix="Choose them in the list.")
    return int(text)
