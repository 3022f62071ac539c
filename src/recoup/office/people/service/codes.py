"""Use cases of mail codes: ask for one, and send it where the address may have it.

Asking does the same for every address, known or not: whoever asks learns nothing, neither from the answer nor from its
time. Whether a mail leaves is decided later, by the worker.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import TooMany
from recoup.core.ids import new_id
from recoup.core.parts import DeliveryKind, Go, Planned, Result, Stop
from recoup.core.tasks import defer
from recoup.office.controls import service as controls
from recoup.office.journal import service as journal
from recoup.office.messages import service as messages
from recoup.office.people import queries
from recoup.office.people.controls import CODE_LENGTH, CODE_MINUTES
from recoup.office.people.models import Challenge
from recoup.office.people.rules import addresses, limits, secrets
from recoup.office.people.rules.limits import Client
from recoup.office.people.secrets import Keys
from recoup.office.people.service import people

SEND_CODE = "people.send_code"
_KEY = "people.code:"


@dataclass(frozen=True, slots=True)
class Asked:
    """A code was asked for: what the browser or the program has to show with it, and when another may be asked for."""

    attempt: str = field(repr=False)
    expires_at: datetime
    resend_at: datetime


def request_code(db: Session, *, address: str, attempt: str | None, client: Client, now: datetime) -> Asked:
    """Ask for a code by mail. Raise Invalid where ``address`` is none, and TooMany with the seconds to wait.

    ``attempt`` is what an earlier call returned to the same browser: its open challenge for the same address is
    replaced, and the tries it used stay used. Needs a transaction of the house.
    """
    spelled = addresses.normalise(address)
    lock(db, f"recoup.people.network:{client.network}")
    lock(db, f"recoup.people.address:{spelled}")
    earlier = queries.open_challenge(db, secrets.token_hash(attempt or ""))
    goes_on = earlier is not None and earlier.address == spelled and earlier.expires_at > now
    _refuse_too_many(db, spelled, client=client, earlier=earlier if goes_on else None, now=now)
    minutes = controls.value(db, CODE_MINUTES)
    tries = 0
    if earlier is not None:
        earlier.replaced_at = now
        tries = earlier.tries if goes_on else 0
        db.flush()  # before the one that takes its place
    token = attempt if attempt and goes_on else secrets.new_token()
    made = Challenge(
        id=new_id(),
        address=spelled,
        attempt_hash=secrets.token_hash(token),
        tries=tries,
        created_at=now,
        expires_at=now + timedelta(minutes=minutes),
        network=client.network,
        client=client.address,
        agent=client.agent,
    )
    db.add(made)
    db.flush()
    defer(db, SEND_CODE, challenge_id=str(made.id))
    return Asked(token, made.expires_at, now + limits.RESEND_AFTER)


def send_code(db: Session, challenge_id: UUID, *, keys: Keys, sender: str, now: datetime) -> bool:
    """Make the code and plan its mail, if the address may sign in; say whether. Twice is the same as once."""
    challenge = queries.challenge(db, challenge_id, for_update=True)
    if challenge is None or challenge.looked_at is not None or not _is_open(challenge, now=now):
        return False
    challenge.looked_at = now
    if not people.may_sign_in(db, challenge.address):
        return False
    failed = queries.failures(db, challenge.address)
    length = limits.code_length(controls.value(db, CODE_LENGTH), failures=failed.failures if failed else 0)
    code, challenge.salt = secrets.new_code(length), secrets.new_salt()
    challenge.code_hash = secrets.code_hash(code, salt=challenge.salt, pepper=keys.pepper)
    messages.send(
        db,
        key=f"{_KEY}{challenge.id}",
        to=challenge.address,
        template="sign_in_code",
        context={
            "expires_at": challenge.expires_at,
            "minutes": int((challenge.expires_at - challenge.created_at).total_seconds()) // 60,
            "client": challenge.client,
            "agent": challenge.agent,
        },
        hidden=messages.Hidden({"code": code}, keys.sealer),
        sender=sender,
        now=now,
        kind=KIND.name,
    )
    journal.record(
        db,
        "people.code_sent",
        f"people/challenge/{challenge.id}",
        actor="people",
        now=now,
        to=challenge.address,
    )
    return True


def sweep(db: Session, now: datetime) -> None:
    """Defer again what no worker looked at: deferring twice is harmless."""
    for challenge_id in queries.waiting_challenges(db, now=now, for_longer_than=timedelta(seconds=30)):
        defer(db, SEND_CODE, once=f"{SEND_CODE}:{challenge_id}", challenge_id=str(challenge_id))


def end_expired(db: Session, now: datetime) -> None:
    """Note of every challenge that it was seen to be too old, so that a clock set back does not revive it."""
    expired = update(Challenge).where(
        Challenge.used_at.is_(None),
        Challenge.replaced_at.is_(None),
        Challenge.ended_at.is_(None),
        Challenge.expires_at <= now,
    )
    db.execute(expired.values(ended_at=now))


def _refuse_too_many(
    db: Session, address: str, *, client: Client, earlier: Challenge | None, now: datetime
) -> None:
    since = now - limits.COUNTED
    to_address = queries.codes_for_address(db, address, since=since)
    from_network = queries.codes_for_network(db, client.network, since=since)
    failed = queries.failures(db, address)
    moments = [
        limits.free_again(to_address, limits.CODES_PER_ADDRESS, now=now),
        limits.free_again(from_network, limits.CODES_PER_NETWORK, now=now),
        earlier.created_at + limits.RESEND_AFTER if earlier else None,
        failed.last_at + limits.delay_after(failed.failures) if failed else None,
    ]
    until = max((moment for moment in moments if moment and moment > now), default=None)
    if until is None:
        return
    seconds = limits.seconds_until(until, now=now)
    raise TooMany(
        "Too many codes were asked for.",
        fix=f"Wait {seconds} seconds. A code that you have already can still be used.",
        retry_after=seconds,
    )


def _is_open(challenge: Challenge, *, now: datetime) -> bool:
    ended = (challenge.used_at, challenge.replaced_at, challenge.ended_at)
    return ended == (None, None, None) and challenge.expires_at > now


def _before(db: Session, planned: Planned, now: datetime) -> Go | Stop:
    """Let no code leave that can no longer be used."""
    challenge = queries.challenge(db, UUID(planned.key.removeprefix(_KEY)))
    if challenge is None or not _is_open(challenge, now=now):
        return Stop("The code can no longer be used.")
    return Go()


def _after(db: Session, planned: Planned, result: Result, now: datetime) -> None:
    """Change nothing: the outbox's own event tells what became of the mail."""


KIND = DeliveryKind("people.code", before=_before, after=_after)
"""A mail with a sign-in code."""
