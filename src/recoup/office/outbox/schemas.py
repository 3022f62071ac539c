"""Deliveries as they are shown: what was planned, and what became of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import Field, computed_field

from recoup.office.outbox.models import Delivery, StoppedChannel
from recoup.web.wire import Asked, Instant, Note, Page, Shown, Word, page_of


class DeliveryShown(Shown):
    """One effect on the outside world."""

    id: UUID
    key: str
    kind: str
    channel: str
    subject: str
    state: str
    attempt: int = Field(description="How often a worker took it.")
    handings: int = Field(
        description="How often the byte that the far side could act on was about to go out."
    )
    next_attempt_at: Instant
    reason: str | None
    reference: str | None = Field(description="The far side's name for it.")
    sha256: str = Field(description="Of the payload, in hexadecimal.")
    is_secret: bool = Field(
        description="It carries a secret, such as a sign-in code: the payload shows it as ••••••."
    )
    created_at: Instant
    updated_at: Instant


class DeliveryInFull(DeliveryShown):
    """A delivery with the exact bytes that leave, or left."""

    headers: dict[str, Any]
    answer: dict[str, Any] = Field(description="What the far side said.")
    worker: str | None
    lease_until: Instant | None
    payload: bytes = Field(exclude=True)

    @computed_field(description="The exact bytes, in base64.")  # type: ignore[prop-decorator]
    @property
    def payload_base64(self) -> str:
        """The exact bytes in base64."""
        return base64.b64encode(self.payload).decode("ascii")

    @computed_field(description="The same as text, where it is UTF-8; else null.")  # type: ignore[prop-decorator]
    @property
    def payload_text(self) -> str | None:
        """The payload as text, where it is text."""
        try:
            return self.payload.decode()
        except UnicodeDecodeError:
            return None


class StoppedShown(Shown):
    """A channel through which nothing leaves, because its credentials fail."""

    channel: str
    reason: str
    since: Instant
    until: Instant = Field(description="When one delivery tries again.")


class Outbox(Page[DeliveryShown]):
    """A page of deliveries, and how everything stands: counts by state, and channels that are stopped."""

    counts: dict[str, int]
    stopped: list[StoppedShown]

    @classmethod
    def of(
        cls,
        rows: Sequence[Delivery],
        *,
        limit: int,
        counts: dict[str, int],
        stopped: Sequence[StoppedChannel],
    ) -> Outbox:
        """Put a page together from ``limit + 1`` rows, where there are that many."""
        page = page_of(DeliveryShown, rows, limit=limit)
        shown = [StoppedShown.model_validate(one) for one in stopped]
        return cls(items=page.items, next=page.next, counts=counts, stopped=shown)


class Resolution(Asked):
    """How a person settles a delivery that the outbox may not settle by itself."""

    resolution: Word = Field(description="again, accepted, refused or cancel")
    note: Note = ""
