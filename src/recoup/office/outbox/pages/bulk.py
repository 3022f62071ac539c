"""Pages of settling many deliveries at once: what will happen to each, then what did."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.core.errors import Invalid
from recoup.office.outbox import queries, rules, service
from recoup.office.outbox.lists import about
from recoup.office.outbox.models import Delivery
from recoup.office.outbox.service import MOST_AT_ONCE, Chosen
from recoup.web import pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import found

router = Router(prefix="/desk/outbox", dependencies=[Depends(may("outbox.settle"))])


@router.post("/review")
def review(request: Request, db: Db, system: Running, typed: Typed) -> Response:
    """Show what would happen to each that was chosen; nothing happens yet."""
    way = _way(typed)
    ids = [_id(text) for text in _several(typed, "id")]
    if not ids:
        return pages.lead_on(
            "/desk/outbox", "Nothing was chosen. Tick the boxes of the deliveries first.", tone="warn"
        )
    if len(ids) > MOST_AT_ONCE:
        raise Invalid(f"Choose at most {MOST_AT_ONCE} deliveries.")
    can, cannot = [], []
    for delivery in queries.chosen(db, ids):
        reason = rules.why_not(delivery.state, way, is_secret=delivery.is_secret)
        channel = system.ports.channels.get(delivery.channel)
        dedupes = channel is not None and channel.dedupes
        line = {"delivery": delivery, "about": about(delivery)}
        if reason is None:
            can.append({**line, "effect": rules.effect(way, dedupes=dedupes)})
        else:
            cannot.append({**line, "effect": reason})
    missing = len(set(ids)) - len(can) - len(cannot)
    return pages.render(
        request,
        "outbox/review.html",
        way=way,
        title=rules.WAYS[way],
        can=can,
        cannot=cannot,
        missing=missing,
    )


@router.post("/settle")
def settle(*, db: Db, system: Running, actor: Actor, now: Now, typed: Typed) -> Response:
    """Settle those that were shown, unless they changed since."""
    way, note = _way(typed), str(typed.get("note") or "").strip()
    if problem := rules.note_problem(note):
        raise Invalid(f"The note cannot be kept. {problem}")
    chosen = []
    for text in _several(typed, "seen"):
        name, _, state = text.partition(" ")
        chosen.append(Chosen(_id(name), state))
    kinds = system.parts.deliveries
    outcome = service.resolve_many(db, chosen, way, kinds=kinds, note=note, actor=actor, now=now)
    done, left = len(outcome.settled), len(outcome.left)
    said = f"{done:,} settled." + (f" {left:,} were left as they are." if left else "")
    return pages.lead_on(f"/desk/outbox/bulk/{outcome.id}", said, tone="warn" if left else "ok")


@router.get("/bulk/{bulk_id}")
def told(request: Request, db: Db, bulk_id: UUID) -> Response:
    """Show what became of each that was settled together."""
    event = found(queries.bulk(db, bulk_id), f"bulk {bulk_id}", see="outbox list")
    reasons = dict(text.partition(" ")[::2] for text in event.detail["left"])
    ids = [UUID(text) for text in (*event.detail["settled"], *reasons)]
    rows = {str(one.id): one for one in queries.chosen(db, ids)}
    return pages.render(
        request,
        "outbox/bulk.html",
        event=event,
        way=event.detail["resolution"],
        title=rules.WAYS.get(event.detail["resolution"], "Settled"),
        settled=[_line(rows, text) for text in event.detail["settled"]],
        left=[{**_line(rows, text), "reason": reason} for text, reason in reasons.items()],
    )


def _line(rows: Mapping[str, Delivery], text: str) -> dict[str, object]:
    row = rows.get(text)
    return {"id": text, "delivery": row, "about": about(row) if row else text}


def _way(typed: Mapping[str, str | list[str]]) -> str:
    way = typed.get("way")
    if not isinstance(way, str) or way not in rules.WAYS:
        raise Invalid("Choose what is to be done with them.")
    return way


def _several(typed: Mapping[str, str | list[str]], name: str) -> list[str]:
    value = typed.get(name, [])
    return value if isinstance(value, list) else [value]


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Invalid(f"{text[:80]!r} is no delivery.", fix="Choose them in the list.") from None
