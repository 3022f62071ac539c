"""What notices say of their health: which ways are set up, and what the ones that are not lack."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from recoup.core.parts import Check
from recoup.core.system import System
from recoup.office.controls import service as controls
from recoup.office.notices import queries
from recoup.office.notices.controls import CODES_PER_DAY
from recoup.office.notices.rules import limits
from recoup.office.notices.settings import SECTION, NoticesSettings
from recoup.office.notices.ways import PUSH, SMS, lacking
from recoup.office.outbox import queries as outbox


def standing(system: System) -> list[Check]:
    """Say of each way whether it is set up, works, and how many people it reaches."""
    notices, now = system.settings.section(SECTION, NoticesSettings), system.clock()
    with system.sessions.begin() as db:
        reached = queries.reached(db)
        stopped = [name for name in (SMS, PUSH) if outbox.stopped(db, name, now=now) is not None]
        codes = _codes(db, now)
    return [_sms(notices, reached.sms, SMS in stopped, codes), _push(notices, reached.push, PUSH in stopped)]


def _codes(db: Session, now: datetime) -> tuple[int, int]:
    """Return how many codes left in a day, and how many may."""
    most = controls.value(db, CODES_PER_DAY)
    return len(queries.newest_codes(db, since=now - limits.A_DAY, limit=most)) if most else 0, most


def _sms(notices: NoticesSettings, people: int, stopped: bool, codes: tuple[int, int]) -> Check:  # noqa: FBT001
    lacks = lacking(notices)
    given = [
        notices.account_sid,
        notices.auth_token,
        notices.sender,
        notices.messaging_service,
        notices.prefixes,
    ]
    if lacks and not any(given):
        fix = f"Set {', '.join(lacks)} to offer them; see docs/notices.md."
        return Check("notices by SMS", ok=None, detail="Not set up, and not offered.", fix=fix)
    if lacks:
        return Check(
            "notices by SMS", ok=False, detail="Half set up, and not offered.", fix=f"Set {', '.join(lacks)}."
        )
    if stopped:
        fix = "Mend what it says, then `recoup outbox resume sms`."
        return Check("notices by SMS", ok=False, detail="The channel is stopped.", fix=fix)
    if codes[0] >= codes[1]:
        fix = f"See in the journal who asked. The number is {CODES_PER_DAY.name}."
        return Check("notices by SMS", ok=False, detail=f"No more codes today: {codes[0]} left.", fix=fix)
    where = ", ".join(notices.prefixes[:10])
    return Check(
        "notices by SMS", ok=True, detail=f"{people:,} get them; numbers of {where} can be verified."
    )


def _push(notices: NoticesSettings, people: int, stopped: bool) -> Check:  # noqa: FBT001
    if notices.push_contact is None:
        fix = "Set RECOUP_NOTICES_PUSH_CONTACT to mailto:you@example.com to offer them; see docs/notices.md."
        return Check("notices to browsers", ok=None, detail="Not set up, and not offered.", fix=fix)
    if stopped:
        fix = "Mend what it says, then `recoup outbox resume push`."
        return Check("notices to browsers", ok=False, detail="The channel is stopped.", fix=fix)
    return Check("notices to browsers", ok=True, detail=f"{people:,} get them.")
