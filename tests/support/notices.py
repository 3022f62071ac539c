"""Notices for tests: a Recoup whose SMS and push notices reach stand-ins, and people who switch them on."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from recoup.core.system import System
from recoup.office.notices.service import devices, numbers, push_keys, telling
from recoup.office.notices.service.devices import Given
from recoup.office.notices.ways import Ways
from recoup.office.outbox import handover
from recoup.sandbox.push_service import PushServiceStandIn, Subscription
from recoup.sandbox.sms import ACCOUNT, TOKEN, TwilioStandIn
from support.house import MovableClock, opened
from support.postgres import Database

CARLS, DORAS, SENDER = "+41791234567", "+41797654321", "+41790000000"
HOUSE = "recoup.example.com"


@dataclass(frozen=True)
class Notices:
    """A system, and what its notices reach."""

    system: System
    twilio: TwilioStandIn
    push: PushServiceStandIn

    @property
    def ways(self) -> Ways:
        return Ways.of(self.system.settings)

    def ask(self, person: UUID, number: str = CARLS) -> numbers.Asked:
        """Ask for a code, as a door does."""
        with self.system.sessions.begin() as db:
            return numbers.request_code(
                db,
                person_id=person,
                typed=number,
                house=HOUSE,
                ways=self.ways,
                alert=self.system.alert,
                actor="test",
                now=self.system.clock(),
            )

    def show(self, person: UUID, code: str) -> bool:
        """Show a code, as a door does."""
        with self.system.sessions.begin() as db:
            return numbers.confirm(
                db, person_id=person, typed=code, ways=self.ways, actor="test", now=self.system.clock()
            )

    def code(self, number: str = CARLS) -> str:
        """Return the code in the newest SMS to a number."""
        found = re.match(r"\d{6}\b", self.twilio.to(number)[-1])
        assert found is not None
        return found[0]

    def verify(self, person: UUID, number: str = CARLS) -> None:
        """Verify a number by the code that arrives."""
        self.ask(person, number)
        self.drain()
        assert self.show(person, self.code(number))

    def subscribe(self, person: UUID, *, label: str = "Chrome on Android") -> tuple[Subscription, UUID]:
        """Let a browser be told; return it, and the id of its subscription."""
        with self.system.sessions.begin() as db:
            public = push_keys.holding(db, sealer=self.ways.sealer).public
            browser = self.push.subscribe(public)
            given = Given(browser.endpoint, browser.p256dh, browser.auth, label)
            made = devices.subscribe(
                db,
                person_id=person,
                given=given,
                agent="curl",
                ways=self.ways,
                actor="test",
                now=self.system.clock(),
            )
        return browser, made.id

    def tell(self, person: UUID, key: str = "k:1", said: str = "Claim CLM-1 is now approved.") -> list[UUID]:
        """Tell somebody, as a part does."""
        with self.system.sessions.begin() as db:
            return telling.tell(
                db,
                key=key,
                person_id=person,
                title="Insurenz",
                text=said,
                link=f"https://{HOUSE}/desk/my-claims/1",
                ways=self.ways,
                now=self.system.clock(),
            )

    def drain(self) -> None:
        """Hand over what is planned, as a worker does."""
        for channel in ("sms", "push"):
            handover.drain(self.system, channel)

    def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        """Ask the database."""
        with self.system.sessions.begin() as db:
            return [tuple(row) for row in db.execute(text(statement), values)]

    def states(self) -> dict[str, str]:
        """Return the states of all notices by key, codes left out."""
        found = self.rows("select key, state from deliveries where kind in ('notices.sms', 'notices.push')")
        return {str(key): str(state) for key, state in found}


def settings_of(twilio: TwilioStandIn) -> dict[str, str]:
    """Return the settings that lead notices to stand-ins."""
    return {
        "TWILIO_ACCOUNT_SID": ACCOUNT,
        "TWILIO_AUTH_TOKEN": TOKEN,
        "TWILIO_PHONE_NUMBER": SENDER,
        "RECOUP_NOTICES_TWILIO_URL": twilio.url,
        "RECOUP_NOTICES_PREFIXES": "+41, +49",
        "RECOUP_NOTICES_PUSH_CONTACT": "mailto:ops@example.com",
        "RECOUP_NOTICES_PUSH_HOSTS": "127.0.0.1",
        "RECOUP_MAIL_ALERTS": "ops@example.com",
        "RECOUP_WEB_ADDRESS": f"https://{HOUSE}",
    }


@contextmanager
def notices_on(database: Database, home: Path, clock: MovableClock) -> Iterator[Notices]:
    """Yield a Recoup with its real channels, and the stand-ins that they lead to."""
    with (
        TwilioStandIn() as twilio,
        PushServiceStandIn(now=clock) as push,
        opened(database, home, clock=clock, environ=settings_of(twilio)) as system,
    ):
        yield Notices(system, twilio, push)
