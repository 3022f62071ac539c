"""What metering writes into the book of what is owed: usage that the marketplace has not taken yet."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry, EntryState, Stream, Window
from recoup.areas.metering.queries import entry_rows
from recoup.areas.metering.rules import quantities
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.core import quantity
from recoup.core.db import lock
from recoup.core.money import Money
from recoup.office.owed import service as owed
from recoup.office.owed.service import Owed

AREA = "metering"


def window_path(stream: Stream, window: Window) -> str:
    """Return the window's name in the journal and in links."""
    return f"metering/window/{stream.key}/{window.hour:%Y-%m-%dT%H}"


def put_window(db: Session, stream: Stream, window: Window, *, now: datetime) -> None:
    """Write down that a window's usage is owed in an amount that is not known yet."""
    item = Owed(
        key=_window_key(stream, window),
        area=AREA,
        party=stream.key,
        title=f"Usage of {window.hour:%Y-%m-%d %H:00} UTC, not read yet",
        link=window_path(stream, window),
        amount=None,
        lapses_at=window.deadline,
    )
    owed.put(db, item, now=now)


def settle_window(db: Session, stream: Stream, window: Window, *, now: datetime) -> None:
    """Close the item of a window that was taken: from now on its contracts are owed one by one."""
    owed.settle(db, _window_key(stream, window), reason="The window was read.", now=now)


def lose_window(db: Session, stream: Stream, window: Window, *, now: datetime) -> None:
    """Close the item of a window as lost: the marketplace takes nothing of it any more."""
    owed.lapse(
        db, _window_key(stream, window), reason="It was not read in time for the marketplace.", now=now
    )


def put_entries(
    db: Session,
    stream: Stream,
    config: StreamConfig,
    window: Window,
    entries: Sequence[Entry],
    *,
    now: datetime,
) -> None:
    """Write down what each contract of a window owes, with its price where one is known."""
    amounts: dict[str, list[Decimal | None]] = {}
    lost: set[str] = set()
    for entry in entries:
        if entry.state != EntryState.CARRIED:
            amounts.setdefault(entry.contract, []).append(entry.amount)
        if entry.state == EntryState.EXPIRED:
            lost.add(entry.contract)
    items = [
        Owed(
            key=_contract_key(stream, window.hour, contract),
            area=AREA,
            party=contract,
            title=f"Usage of {window.hour:%Y-%m-%d %H:00} UTC",
            link=f"{window_path(stream, window)}?contract={contract}",
            amount=_worth(known, config.currency),
            lapses_at=window.deadline,
        )
        for contract, known in sorted(amounts.items())
    ]
    owed.put_all(db, items, now=now)
    if lost:
        keys = [_contract_key(stream, window.hour, contract) for contract in sorted(lost)]
        owed.lapse(db, *keys, reason="It was read too late for the marketplace.", now=now)


def after_entries(db: Session, stream: Stream, entries: Sequence[Entry], *, now: datetime) -> None:
    """Bring the book up to date after entries moved: settled when all of a contract's window is, lapsed when lost."""
    for window_id, hour, contract in sorted({(e.window_id, e.hour, e.contract) for e in entries}):
        key = _contract_key(stream, hour, contract)
        # Two submissions of a contract may end at once, and neither would see that the other one ended, too.
        lock(db, key)
        if not entry_rows.unsettled(db, window_id, contract):
            owed.settle(db, key, reason="The marketplace took it, or a person settled it.", now=now)
    for entry in entries:
        if entry.state == EntryState.EXPIRED:
            key = _contract_key(stream, entry.hour, entry.contract)
            owed.lapse(db, key, reason=entry.reason, now=now)


def _worth(amounts: Sequence[Decimal | None], currency: str) -> Money | None:
    known = [amount for amount in amounts if amount is not None]
    return quantities.worth(quantity.total(known) if known else None, currency)


def _window_key(stream: Stream, window: Window) -> str:
    return f"metering:{stream.key}:{window.hour:%Y-%m-%dT%H}"


def _contract_key(stream: Stream, hour: datetime, contract: str) -> str:
    return f"metering:{stream.key}:{hour:%Y-%m-%dT%H}:{contract}"
