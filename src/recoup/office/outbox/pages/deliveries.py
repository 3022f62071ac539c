"""Pages of deliveries: the list, one with its story and its exact bytes, and settling it."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from fastapi import Depends, Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.downloads import attachment
from recoup.core.errors import RecoupError
from recoup.core.system import System
from recoup.office.outbox import bodies, queries, rules, service
from recoup.office.outbox.lists import DELIVERIES, about, next_attempt
from recoup.office.outbox.models import Delivery, State
from recoup.web import inert, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import found

router = Router(prefix="/desk/outbox", dependencies=[Depends(may("outbox.look"))])
settles = Depends(may("outbox.settle"))


@router.get("")
def listed(request: Request, db: Db) -> Response:
    """List deliveries, with counts by state and the channels that are stopped."""
    context = {
        "counts": queries.standing_counts(db),
        "counted": queries.COUNTED,
        "stopped": queries.stopped_channels(db),
        "ways": rules.WAYS,
    }
    return pages.listed(request, db, DELIVERIES, template="outbox/deliveries.html", **context)


@router.get("/{delivery_id}")
def one(request: Request, db: Db, system: Running, delivery_id: UUID) -> Response:
    """Show a delivery."""
    return _shown(request, db, system, _of(db, delivery_id))


@router.get("/{delivery_id}/bytes")
def exact(db: Db, delivery_id: UUID) -> Response:
    """Download the exact bytes."""
    delivery = _of(db, delivery_id)
    name = f"delivery-{delivery.id}.{bodies.read(delivery.payload, delivery.headers).suffix}"
    headers = {"Content-Disposition": attachment(name)}
    return Response(delivery.payload, media_type="application/octet-stream", headers=headers)


@router.get("/{delivery_id}/look")
def look(db: Db, delivery_id: UUID) -> Response:
    """Show the HTML of a mail, for the frame in a page."""
    mail = bodies.mail_of(_of(db, delivery_id).payload)
    return inert.framed(mail.html if mail else "")


@router.post("/{delivery_id}/resolve", dependencies=[settles])
def resolve(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, delivery_id: UUID, typed: Typed
) -> Response:
    """Settle a delivery as a person says."""
    delivery = _of(db, delivery_id)
    way, note = str(typed.get("resolution") or ""), str(typed.get("note") or "").strip()
    errors = {}
    if way not in rules.WAYS:
        errors["resolution"] = "Choose what is to be done."
    if problem := rules.note_problem(note):
        errors["note"] = problem
    if errors:
        return _shown(request, db, system, delivery, status=422, typed=typed, errors=errors)
    try:
        with db.begin_nested():
            service.resolve(
                db, delivery_id, way, kinds=system.parts.deliveries, note=note, actor=actor, now=now
            )
    except RecoupError as error:
        db.expire_all()
        return _shown(
            request, db, system, _of(db, delivery_id), status=error.status, typed=typed, problem=error
        )
    return pages.lead_on(f"/desk/outbox/{delivery_id}", rules.SETTLED[way])


@router.post("/channels/{channel}/resume", dependencies=[settles])
def resume(db: Db, system: Running, actor: Actor, now: Now, channel: str) -> Response:
    """Open a stopped channel again."""
    way_out = found(system.ports.channels.get(channel), f"channel {channel[:80]!r}", see="outbox list")
    service.resume(db, way_out.name, actor=actor, now=now)
    return pages.lead_on("/desk/outbox", f"Deliveries leave through {way_out.name} again.")


def _of(db: Session, delivery_id: UUID) -> Delivery:
    return found(queries.by_id(db, delivery_id), f"delivery {delivery_id}", see="outbox list")


def _when(step: rules.Step) -> datetime:
    return step.at or datetime.max.replace(tzinfo=UTC)


def _shown(
    request: Request,
    db: Session,
    system: System,
    delivery: Delivery,
    *,
    status: int = 200,
    **context: object,
) -> Response:
    channel = system.ports.channels.get(delivery.channel)
    dedupes = channel is not None and channel.dedupes and not delivery.is_secret
    body = bodies.read(delivery.payload, delivery.headers)
    steps = [rules.Step(delivery.created_at, "It was planned", state=State.PLANNED)]
    steps += [
        rules.step_of(event.kind, event.detail, at=event.at, by=event.actor)
        for event in queries.story(db, delivery.id)
    ]
    now_it = rules.standing(delivery)
    known = {
        "delivery": delivery,
        "about": about(delivery),
        "next_attempt": next_attempt(delivery),
        "body": body,
        "left_out": inert.look(body.mail.html, nonce="").left_out if body.mail else [],
        "links": inert.look(body.mail.html, nonce="").links if body.mail else [],
        "answer": bodies.facts(delivery.answer),
        "tables": bodies.tables(delivery.answer),
        "steps": [*sorted(steps, key=_when), *([now_it] if now_it else [])],
        "choices": rules.choices(delivery.state, is_secret=delivery.is_secret, dedupes=dedupes),
        "typed": {},
        "errors": {},
    }
    return pages.render(request, "outbox/delivery.html", status=status, **{**known, **context})
