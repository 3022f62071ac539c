"""Use cases of passkeys: what a browser is asked to sign, and what it signed.

The library is loaded where it is used: a quarter of a second and 15 MB that a worker never needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.system import Caller
from recoup.office.people import queries
from recoup.office.people.here import RelyingParty
from recoup.office.people.models import Passkey, PasskeyChallenge, Person
from recoup.office.people.rules import addresses
from recoup.office.people.rules.limits import Client
from recoup.office.people.service.factors import may_enrol, removed, shown_factor, told

ANSWERED_WITHIN = timedelta(minutes=5)
MOST_PASSKEYS = 20


@dataclass(frozen=True, slots=True)
class ToSign:
    """What goes to the browser: ``options`` for ``navigator.credentials``, and the id to send back with the answer."""

    challenge: UUID
    options: dict[str, Any]


def begin_enrolment(db: Session, *, caller: Caller, party: RelyingParty, now: datetime) -> ToSign:
    """Offer a passkey to who just signed in."""
    import webauthn  # noqa: PLC0415 - see above
    from webauthn.helpers import options_to_json, structs  # noqa: PLC0415 - see above

    _, person = may_enrol(db, caller, now=now)
    known = queries.passkeys_of(db, person.id)
    if len(known) >= MOST_PASSKEYS:
        raise Conflict(f"You have {MOST_PASSKEYS} passkeys.", fix="Remove one that you no longer use.")
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name="Recoup",
        user_id=person.id.bytes,
        user_name=person.address,
        user_display_name=person.name or person.address,
        exclude_credentials=[structs.PublicKeyCredentialDescriptor(one.credential) for one in known],
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.DISCOURAGED,
            user_verification=structs.UserVerificationRequirement.PREFERRED,
        ),
    )
    made = _asked(db, caller, person, purpose="enrol", challenge=options.challenge, now=now)
    return ToSign(made, json.loads(options_to_json(options)))


def enrol(
    db: Session,
    *,
    caller: Caller,
    challenge: UUID,
    answer: Mapping[str, Any],
    name: str,
    party: RelyingParty,
    sender: str,
    client: Client,
    now: datetime,
) -> Person:
    """Keep the passkey that a browser made, and tell its owner."""
    import webauthn  # noqa: PLC0415 - see above

    _, person = may_enrol(db, caller, now=now)
    called = addresses.name(name) or "Passkey"
    expected = _taken(db, caller, challenge, purpose="enrol", now=now)
    try:
        found = webauthn.verify_registration_response(
            credential=dict(answer),
            expected_challenge=expected or b"",
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
        )
    except Exception as error:
        raise Invalid("This passkey cannot be used.", fix="Try again, or use another device.") from error
    if expected is None:
        raise Invalid("This passkey came too late.", fix="Try again within five minutes.")
    row = Passkey(
        id=new_id(),
        person_id=person.id,
        credential=found.credential_id,
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        name=called,
        created_at=now,
    )
    db.add(row)
    db.flush()
    told(db, person, "A passkey was added", kind="passkey_added", sender=sender, client=client, now=now)
    return person


def begin_showing(db: Session, *, caller: Caller, party: RelyingParty, now: datetime) -> ToSign:
    """Ask for one of the person's passkeys; raise NotFound where there is none."""
    import webauthn  # noqa: PLC0415 - see above
    from webauthn.helpers import options_to_json, structs  # noqa: PLC0415 - see above

    known = queries.passkeys_of(db, caller.person) if caller.person else []
    person = queries.by_id(db, caller.person) if caller.person else None
    if not known or person is None or caller.session is None:
        raise NotFound("You have no passkey.", fix="Show the code of your authenticator app.")
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        allow_credentials=[structs.PublicKeyCredentialDescriptor(one.credential) for one in known],
        user_verification=structs.UserVerificationRequirement.PREFERRED,
    )
    made = _asked(db, caller, person, purpose="show", challenge=options.challenge, now=now)
    return ToSign(made, json.loads(options_to_json(options)))


def take_passkey(
    db: Session,
    *,
    caller: Caller,
    challenge: UUID,
    answer: Mapping[str, Any],
    party: RelyingParty,
    now: datetime,
) -> bool:
    """Say whether a browser signed with one of the person's passkeys what it was asked to, and take it: once."""
    import webauthn  # noqa: PLC0415 - see above
    from webauthn.helpers import base64url_to_bytes  # noqa: PLC0415 - see above

    expected = _taken(db, caller, challenge, purpose="show", now=now)
    if expected is None or caller.person is None:
        return False
    try:
        shown = base64url_to_bytes(str(answer.get("rawId", "")))
        key = next(one for one in queries.passkeys_of(db, caller.person) if one.credential == shown)
        found = webauthn.verify_authentication_response(
            credential=dict(answer),
            expected_challenge=expected,
            expected_rp_id=party.id,
            expected_origin=list(party.origins),
            credential_public_key=key.public_key,
            credential_current_sign_count=key.sign_count,
        )
    except Exception:  # noqa: BLE001 - whatever a browser sends either fits or does not
        return False
    used = update(Passkey).where(Passkey.id == key.id, Passkey.sign_count == key.sign_count)
    db.execute(used.values(sign_count=found.new_sign_count, last_used_at=now))
    return True


def remove_passkey(
    db: Session, passkey_id: UUID, *, caller: Caller, sender: str, client: Client, now: datetime
) -> None:
    """Take a passkey away, for who has shown a second factor in this session."""
    _, person = shown_factor(db, caller)
    gone = delete(Passkey).where(Passkey.id == passkey_id, Passkey.person_id == person.id)
    if db.execute(gone.returning(Passkey.id)).first() is None:
        raise NotFound("You have no such passkey.", fix="See the list of your passkeys.")
    removed(db, person)
    told(db, person, "A passkey was removed", kind="passkey_removed", sender=sender, client=client, now=now)


def _asked(
    db: Session, caller: Caller, person: Person, *, purpose: str, challenge: bytes, now: datetime
) -> UUID:
    row = PasskeyChallenge(
        id=new_id(),
        person_id=person.id,
        session_id=caller.session,
        purpose=purpose,
        challenge=challenge,
        expires_at=now + ANSWERED_WITHIN,
    )
    db.add(row)
    db.flush()
    return row.id


def _taken(db: Session, caller: Caller, challenge: UUID, *, purpose: str, now: datetime) -> bytes | None:
    """Return what this session was asked to sign, once."""
    asked = delete(PasskeyChallenge).where(
        PasskeyChallenge.id == challenge,
        PasskeyChallenge.person_id == caller.person,
        PasskeyChallenge.session_id == caller.session,
        PasskeyChallenge.purpose == purpose,
        PasskeyChallenge.expires_at > now,
    )
    return db.scalars(asked.returning(PasskeyChallenge.challenge)).one_or_none()
