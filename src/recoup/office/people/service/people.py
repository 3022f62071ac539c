"""Use cases of who may come in: add somebody, change what they are, let them in or keep them out."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.office.controls import service as controls
from recoup.office.journal import service as journal
from recoup.office.people import queries
from recoup.office.people.controls import ADMINISTRATORS, ALLOWED_DOMAINS, FIRST_ROLE
from recoup.office.people.models import Person
from recoup.office.people.permissions import Role
from recoup.office.people.rules import addresses
from recoup.office.people.rules.addresses import Admission
from recoup.office.people.service.sessions import end_everything, end_links, end_sessions


def admission(db: Session) -> Admission:
    """Return who may come in before they were ever seen."""
    domains, administrators = controls.value(db, ALLOWED_DOMAINS), controls.value(db, ADMINISTRATORS)
    return Admission.of(
        domains=domains,
        administrators=administrators,
        first_role=controls.value(db, FIRST_ROLE),
    )


def may_sign_in(db: Session, address: str) -> bool:
    """Say whether a normalised address gets a code: a person who is active, or one whom the lists admit."""
    admitted = admission(db)  # read in any case
    person = queries.by_address(db, address)
    return admitted.role_of(address) is not None if person is None else person.state == "active"


def arrived(db: Session, address: str, *, now: datetime) -> Person | None:
    """Return the person who proved to own ``address``, made at their first sign-in; None where they may not come in."""
    person = queries.by_address(db, address)
    if person is None:
        role = admission(db).role_of(address)
        if role is None:
            return None
        person = _made(db, address=address, name="", role=role, actor=f"person:{address}", now=now)
    return person if person.state == "active" else None


def add(db: Session, *, address: str, role: Role, name: str, actor: str, now: datetime) -> Person:
    """Add somebody; raise Conflict where the address is known, Invalid where it is none."""
    spelled, called = addresses.normalise(address), addresses.name(name)
    if queries.by_address(db, spelled) is not None:
        raise Conflict(
            f"{spelled} is known already.",
            fix="Change their role with `recoup people role`, or print a link with `recoup people link`.",
        )
    return _made(db, address=spelled, name=called, role=role, actor=actor, now=now)


def change_role(db: Session, person_id: UUID, role: Role, *, actor: str, now: datetime) -> Person:
    """Make somebody something else; their sessions, tokens and keys end at once. The last administrator stays."""
    person = _locked(db, person_id)
    if person.role == role:
        return person
    _keep_one_administrator(db, person)
    was, person.role = person.role, role
    ended = end_everything(db, person.id, reason="their role changed", now=now)
    _record(
        db, "people.role_changed", person, actor=actor, now=now, was=was, role=str(role), sessions_ended=ended
    )
    return person


def disable(db: Session, person_id: UUID, *, actor: str, now: datetime) -> Person:
    """Keep somebody out; their sessions, tokens and keys end at once. The last administrator stays."""
    person = _locked(db, person_id)
    if person.state == "active":
        _keep_one_administrator(db, person)
        person.state = "disabled"
        ended = end_everything(db, person.id, reason="disabled", now=now)
        _record(db, "people.disabled", person, actor=actor, now=now, sessions_ended=ended)
    return person


def enable(db: Session, person_id: UUID, *, actor: str, now: datetime) -> Person:
    """Let somebody in again; they sign in anew."""
    person = _locked(db, person_id)
    if person.state != "active":
        person.state = "active"
        _record(db, "people.enabled", person, actor=actor, now=now)
    return person


def set_factor_policy(db: Session, person_id: UUID, policy: str, *, actor: str, now: datetime) -> Person:
    """Ask somebody for a second factor ``always``, or as their ``role`` does."""
    if policy not in {"role", "always"}:
        raise Invalid(f"{policy!r} is no policy.", fix="Give role or always.")
    person = _locked(db, person_id)
    if person.factor_policy != policy:
        person.factor_policy = policy
        _record(db, "people.factor_policy_changed", person, actor=actor, now=now, policy=policy)
    return person


def change_profile(
    db: Session,
    person_id: UUID,
    *,
    name: str | None = None,
    zone: str | None = None,
    actor: str,
    now: datetime,
) -> Person:
    """Change what somebody is called, and the time zone that they read instants in."""
    person = _locked(db, person_id)
    if name is not None:
        person.name = addresses.name(name)
    if zone is not None:
        person.zone = _zone(zone)
    _record(db, "people.profile_changed", person, actor=actor, now=now, zone=person.zone)
    return person


def end_all(db: Session, person_id: UUID, *, actor: str, now: datetime) -> int:
    """End somebody's sessions and tokens, as an administrator or they themselves; their keys stay."""
    person = _locked(db, person_id)
    ended = end_sessions(db, person.id, reason=actor, now=now)
    end_links(db, person.id, now=now)
    _record(db, "people.sessions_ended", person, actor=actor, now=now, sessions_ended=ended)
    return ended


def _made(db: Session, *, address: str, name: str, role: Role, actor: str, now: datetime) -> Person:
    row = insert(Person).values(
        id=new_id(),
        address=address,
        name=name,
        role=str(role),
        zone="UTC",
        state="active",
        factor_policy="role",
        created_at=now,
        created_by=actor,
    )
    made = db.execute(row.on_conflict_do_nothing(index_elements=["address"]).returning(Person.id)).first()
    person = queries.by_address(db, address)
    if person is None:  # pragma: no cover - written a moment ago, by us or by another
        raise NotFound(f"There is nobody called {address}.")
    if made is not None:
        _record(db, "people.added", person, actor=actor, now=now, role=str(role))
    return person


def _locked(db: Session, person_id: UUID) -> Person:
    person = queries.by_id(db, person_id, for_update=True)
    if person is None:
        raise NotFound(f"There is no person {person_id}.", fix="See `recoup people list`.")
    return person


def _keep_one_administrator(db: Session, person: Person) -> None:
    """Refuse to take the last administrator's role or entry; two at once are taken one after the other."""
    if person.role != Role.ADMINISTRATOR or person.state != "active":
        return
    lock(db, "recoup.people.administrators")
    if queries.active_administrators(db) <= 1:
        raise Conflict(
            "There would be no administrator left.", fix="Make somebody else an administrator first."
        )


def _zone(zone: str) -> str:
    try:
        return ZoneInfo(zone).key
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise Invalid(f"{zone[:60]!r} is not a time zone.", fix="Write it like Europe/Berlin.") from None


def _record(db: Session, kind: str, person: Person, *, actor: str, now: datetime, **detail: object) -> None:
    subject = f"people/person/{person.id}"
    journal.record(db, kind, subject, actor=actor, now=now, address=person.address, **detail)
