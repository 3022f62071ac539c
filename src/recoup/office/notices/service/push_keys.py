"""Use cases of the keys by which push services know us: made once for a whole installation, kept sealed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Misconfigured
from recoup.core.push import VapidKeys
from recoup.core.sealing import Sealer
from recoup.office.notices import queries
from recoup.office.notices.models import ABOUT_KEYS, PushKeys


def set_up(db: Session, *, sealer: Sealer, now: datetime) -> None:
    """Make the pair where there is none. Of several processes that begin at once, one makes it."""
    if queries.push_keys(db) is not None:
        return
    lock(db, "recoup.notices.push_keys")
    if queries.push_keys(db) is not None:
        return
    made = VapidKeys.make()
    sealed = sealer.seal(made.private_pem.encode(), about=ABOUT_KEYS)
    db.add(PushKeys(id=1, public=made.public, sealed=sealed, created_at=now))
    db.flush()


def holding(db: Session, *, sealer: Sealer) -> VapidKeys:
    """Return the pair; raise Misconfigured where there is none, or it was sealed by another installation's secret."""
    row = queries.push_keys(db)
    if row is None:
        raise Misconfigured("There are no keys for push notices.", fix="Set push_contact, and start again.")
    return VapidKeys(sealer.open(row.sealed, about=ABOUT_KEYS).decode(), row.public)
