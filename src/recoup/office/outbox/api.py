"""The outbox's routes."""

from __future__ import annotations

from uuid import UUID

from fastapi import Depends

from recoup.office.outbox import queries, service
from recoup.office.outbox.schemas import DeliveryInFull, Outbox, Resolution
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.paging import Before, Limit
from recoup.web.wire import Word, found

router = Router(prefix="/outbox", tags=["outbox"], dependencies=[Depends(may("outbox.look"))])


@router.get("", summary="What leaves the house, newest first")
def listed(
    db: Db, state: Word | None = None, kind: Word | None = None, before: Before = None, limit: Limit = 50
) -> Outbox:
    """Return deliveries, counts by state, and the channels that are stopped."""
    rows = queries.listed(db, state=state, kind=kind, before=before, limit=limit + 1)
    counts, stopped = queries.counts_by_state(db), queries.stopped_channels(db)
    return Outbox.of(rows, limit=limit, counts=counts, stopped=stopped)


@router.get("/{delivery_id}", summary="One delivery with its exact bytes")
def one(db: Db, delivery_id: UUID) -> DeliveryInFull:
    """Return a delivery in full."""
    row = found(queries.by_id(db, delivery_id), f"delivery {delivery_id}", see="outbox list")
    return DeliveryInFull.model_validate(row)


@router.post(
    "/{delivery_id}/resolve",
    summary="Settle a delivery as a person",
    dependencies=[Depends(may("outbox.settle"))],
)
def resolve(
    *, db: Db, system: Running, actor: Actor, now: Now, delivery_id: UUID, asked: Resolution
) -> DeliveryInFull:
    """Say what became of a delivery, hand it over again, or give it up."""
    kinds, note = system.parts.deliveries, asked.note
    row = service.resolve(db, delivery_id, asked.resolution, kinds=kinds, note=note, actor=actor, now=now)
    return DeliveryInFull.model_validate(row)


@router.post(
    "/channels/{channel}/resume",
    summary="Open a stopped channel again",
    status_code=204,
    dependencies=[Depends(may("outbox.settle"))],
)
def resume(db: Db, system: Running, actor: Actor, now: Now, channel: str) -> None:
    """Let deliveries leave through a channel whose credentials were mended."""
    way_out = found(system.ports.channels.get(channel), f"channel {channel!r}", see="outbox list")
    service.resume(db, way_out.name, actor=actor, now=now)
