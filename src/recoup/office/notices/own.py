"""Somebody's own notices as pages and the API show them; nothing of it lets anybody write to a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.office.notices import queries
from recoup.office.notices.rules import limits, numbers
from recoup.office.notices.ways import Ways


@dataclass(frozen=True, slots=True)
class Device:
    """A browser that is told; ``mark`` is the sha256 of its address, by which our script knows its own again."""

    id: UUID
    label: str
    host: str
    created_at: datetime
    last_used_at: datetime | None
    mark: str


@dataclass(frozen=True, slots=True)
class Pending:
    """A number whose code is awaited until ``expires_at``; ``refused`` says that its SMS could not be sent."""

    number: str
    expires_at: datetime
    tries_left: int
    refused: str | None


@dataclass(frozen=True, slots=True)
class Own:
    """What somebody has, and what this installation offers. ``public_key`` is what a browser subscribes with."""

    sms_offered: bool
    push_offered: bool
    prefixes: tuple[str, ...]
    number: str | None
    verified_at: datetime | None
    is_on: bool
    off_reason: str | None
    pending: Pending | None
    devices: tuple[Device, ...]
    public_key: str

    @property
    def is_told(self) -> bool:
        """Say whether anything reaches them."""
        return (self.sms_offered and self.is_on) or (self.push_offered and bool(self.devices))


def of(db: Session, person_id: UUID, *, ways: Ways, now: datetime) -> Own:
    """Return somebody's notices. Needs a transaction of the house: the public key stands beside the private one."""
    phone, code = queries.phone(db, person_id), queries.open_code(db, person_id)
    keys = queries.push_keys(db) if ways.push else None
    pending = None
    if code is not None and code.expires_at > now:
        left = limits.CODE_TRIES - code.tries
        pending = Pending(numbers.spaced(code.number), code.expires_at, left, code.refused)
    return Own(
        sms_offered=ways.sms,
        push_offered=ways.push and keys is not None,
        prefixes=ways.prefixes,
        number=numbers.spaced(phone.number) if phone else None,
        verified_at=phone.verified_at if phone else None,
        is_on=phone is not None and phone.is_wanted,
        off_reason=phone.off_reason if phone else None,
        pending=pending,
        devices=tuple(
            Device(one.id, one.label, one.host, one.created_at, one.last_used_at, one.endpoint_hash.hex())
            for one in queries.devices_of(db, person_id)
        ),
        public_key=keys.public if keys else "",
    )
