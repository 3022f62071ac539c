"""People, and what they hold, as they are shown and asked for. No secret stands in what is shown of a list."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import Field

from recoup.office.people.permissions import Role
from recoup.web.wire import Asked, Instant, Shown, Word

Missing = Literal["", "factor", "enrolment"]


# ---------------------------------------------------------------- signing in


class CodeAsked(Asked):
    """Who wants to sign in."""

    email: Word
    attempt: Word | None = Field(
        default=None, description="From the last answer, to have the code sent again."
    )


class CodePromised(Shown):
    """The same for every address: a mail is on its way, if the address may sign in."""

    attempt: str = Field(description="Show it with the code.")
    expires_in: int = Field(description="Seconds until the code can no longer be used.")
    resend_in: int = Field(description="Seconds until another code can be asked for.")


class CodeShown(Asked):
    """The code that came by mail, with a code of the authenticator app where there is one."""

    attempt: Word
    code: Word
    totp: Word | None = None


class TotpShown(Asked):
    """A code of the authenticator app."""

    totp: Word


class RefreshAsked(Asked):
    """The refresh token of the last answer; it works once."""

    refresh_token: Word


class TokensShown(Shown):
    """What a program comes in with."""

    access_token: str
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - its kind
    expires_in: int
    refresh_token: str
    missing: Missing = Field(
        description="`factor`: show a second factor at /auth/factor; `enrolment`: set one up in the portal first."
    )


# ---------------------------------------------------------------- one's own


class Me(Shown):
    """Who is asking, and what they may do."""

    name: str
    by: str
    role: str
    person: UUID | None
    session: UUID | None
    zone: str
    permissions: list[str]
    missing: Missing


class SessionShown(Shown):
    """A session: where from, since when, and what it showed besides the mail code."""

    id: UUID
    kind: str
    created_at: Instant
    last_seen_at: Instant
    expires_at: Instant
    address: str
    agent: str
    factor: str


class KeyAsked(Asked):
    """A new key for a program."""

    name: Word
    scope: Literal["look", "all"] = "look"
    expires_at: datetime | None = None


class KeyShown(Shown):
    """A key, without what opens doors."""

    id: UUID
    name: str
    prefix: str
    scope: str
    with_factor: bool
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None


class KeyMade(KeyShown):
    """A new key, with its secret: shown once."""

    secret: str


# ---------------------------------------------------------------- for administrators


class PersonShown(Shown):
    """Somebody who may come in."""

    id: UUID
    address: str
    name: str
    role: str
    state: str
    zone: str
    factor_policy: str
    created_at: Instant
    created_by: str
    last_seen_at: Instant | None


class PersonAsked(Asked):
    """Somebody new; with ``invite`` they get a mail with a link that signs them in once."""

    address: Word
    role: Role = Role.ANALYST
    name: Word = ""
    invite: bool = False


class RoleAsked(Asked):
    """What somebody is from now on."""

    role: Role


class Ended(Shown):
    """How many sessions ended."""

    ended: int


class AccessShown(Shown):
    """One line of the access log."""

    id: UUID
    at: Instant
    person_id: UUID | None
    name: str
    how: str
    address: str
    agent: str
    method: str
    action: str
    subject: str
    status: int | None
    detail: str
