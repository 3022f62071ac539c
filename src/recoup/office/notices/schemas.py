"""Notices as they are shown and asked for. Nothing that lets anybody write to a browser is ever shown."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from pydantic import Field

from recoup.core.push import LONGEST_ENDPOINT
from recoup.office.notices.own import Own
from recoup.web.wire import Asked, Instant, Shown, Word

LONGEST_KEY = 200


class DeviceShown(Shown):
    """A browser that is told."""

    id: UUID
    label: str
    host: str = Field(description="The push service that it is told through.")
    created_at: Instant
    last_used_at: Instant | None


class PendingShown(Shown):
    """A number whose code is awaited."""

    number: str
    expires_at: Instant
    tries_left: int
    refused: str | None = Field(description="Why its SMS could not be sent.")


class NoticesShown(Shown):
    """One's own notices, and what this installation offers."""

    sms_offered: bool
    push_offered: bool
    prefixes: list[str] = Field(description="The countries whose numbers can be verified.")
    number: str | None = Field(description="The verified number.")
    verified_at: Instant | None
    is_on: bool = Field(description="Whether SMS go to the number.")
    off_reason: str | None = Field(description="Why we switched them off, where it was not the person.")
    pending: PendingShown | None
    devices: list[DeviceShown]
    public_key: str = Field(
        description="What a browser subscribes with (applicationServerKey); empty without push."
    )

    @classmethod
    def of(cls, own: Own) -> NoticesShown:
        """Show somebody's notices."""
        return cls.model_validate(own)


class SwitchAsked(Asked):
    """Whether SMS shall go to the verified number."""

    sms: bool


class NumberAsked(Asked):
    """The number that shall be verified, with its country."""

    number: Word


class NumberPromised(Shown):
    """A code is on its way."""

    number: str
    expires_in: int = Field(description="Seconds until the code can no longer be used.")


class CodeShown(Asked):
    """The code that came by SMS."""

    code: Word


class DeviceAsked(Asked):
    """What `PushManager.subscribe` of a browser answered."""

    endpoint: Annotated[str, Field(max_length=LONGEST_ENDPOINT)]
    p256dh: Annotated[str, Field(max_length=LONGEST_KEY)]
    auth: Annotated[str, Field(max_length=LONGEST_KEY)]
    label: Word = ""


class TestShown(Shown):
    """How many ways a test takes; none where one left less than a minute ago."""

    ways: int


class WayShown(Shown):
    """Somebody who is told, as commands list them."""

    person: UUID
    address: str
    number: str
    is_on: bool
    devices: int
