"""People for tests: a mailbox that keeps what arrived, and the steps of a sign-in as doors and workers do them."""

from __future__ import annotations

import email
import email.policy
import re
from typing import Literal

from sqlalchemy import text

from recoup.core.ports import Parcel
from recoup.core.system import Caller, Presented, System
from recoup.office.outbox import handover
from recoup.office.people import entrance, jobs
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import codes
from recoup.office.people.service.sessions import Opened
from support.house import ScriptedChannel

ADA, BOB, CARL, REA = "ada@example.com", "bob@example.com", "carl@customer.test", "rea@example.com"
BROWSER = Client("192.0.2.7", "Firefox")


class Mailbox(ScriptedChannel):
    """The far side of the mails: keeps every message that it took."""

    def __init__(self) -> None:
        super().__init__("mail", dedupes=False)
        self.mails: list[email.message.EmailMessage] = []
        self.while_sending = self._keep

    def _keep(self, parcel: Parcel) -> None:
        message = email.message_from_bytes(parcel.payload, policy=email.policy.default)
        assert isinstance(message, email.message.EmailMessage)
        self.mails.append(message)

    def texts(self, to: str) -> list[str]:
        found = [one for one in self.mails if one["To"] == to]
        return [one.get_body(("plain",)).get_content() for one in found]  # type: ignore[union-attr]


def ask(system: System, address: str, *, attempt: str | None = None, client: Client = BROWSER) -> codes.Asked:
    """Ask for a code, as a door does."""
    with system.sessions.begin() as db:
        return codes.request_code(db, address=address, attempt=attempt, client=client, now=system.clock())


def work(system: System) -> None:
    """Do what the workers would: send the codes that were asked for, hand over the mails."""
    with system.sessions.begin() as db:
        waiting = db.execute(text("select id from people_challenges where looked_at is null")).scalars().all()
    for challenge_id in waiting:
        jobs.send_code_task(system, challenge_id=str(challenge_id))
    handover.drain(system, "mail")


def code_in(mailbox: Mailbox, address: str) -> str:
    """Return the code in the newest mail to an address that has one: mails that leave together do so in any order."""
    pattern = re.compile(r"^ {4}(\d{6,10})\s*$", re.MULTILINE)
    return next(found[1] for text in reversed(mailbox.texts(address)) if (found := pattern.search(text)))


def verify(
    system: System, attempt: str, code: str, *, client: Client = BROWSER, kind: str = "browser"
) -> Opened:
    """Show a code, as a door does."""
    return entrance.verify_code(
        system.sessions,
        Keys.of(system.settings),
        attempt=attempt,
        code=code,
        client=client,
        now=system.clock(),
        kind=kind,
    )


def sign_in(system: System, mailbox: Mailbox, address: str, *, kind: str = "browser") -> Opened:
    """Ask for a code, read the mail, show the code."""
    asked = ask(system, address)
    work(system)
    return verify(system, asked.attempt, code_in(mailbox, address), kind=kind)


def shown(system: System, secret: str, how: Literal["cookie", "bearer"] = "cookie") -> Caller | None:
    """Return who comes in with a secret."""
    return system.authenticate(Presented(secret, how, "192.0.2.7", "Firefox"), now=system.clock())


def caller_of(system: System, opened: Opened) -> Caller:
    """Return who holds a browser's session."""
    caller = shown(system, opened.token)
    assert caller is not None
    return caller


def other_than(code: str) -> str:
    """Return a code that is certainly wrong."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}d}"
