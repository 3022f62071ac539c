"""The ways that notices can leave this installation, as its settings say, and the keys that go with them."""

from __future__ import annotations

from dataclasses import dataclass, field

from recoup.core.sealing import Sealer, derived, sealer_of
from recoup.office.notices.settings import SECTION, NoticesSettings
from recoup.settings import Settings

SMS, PUSH = "sms", "push"


@dataclass(frozen=True, slots=True)
class Ways:
    """What is set up: ``sms`` and ``push`` say whether anything leaves, ``prefixes`` and ``hosts`` where to."""

    sms: bool
    push: bool
    prefixes: tuple[str, ...]
    hosts: tuple[str, ...]
    sealer: Sealer = field(repr=False)
    pepper: bytes = field(repr=False)

    @classmethod
    def of(cls, settings: Settings) -> Ways:
        """Read them from the settings."""
        notices = settings.section(SECTION, NoticesSettings)
        return cls(
            sms=not lacking(notices),
            push=notices.push_contact is not None,
            prefixes=notices.prefixes,
            hosts=notices.push_hosts,
            sealer=sealer_of(settings),
            pepper=derived(settings, "pepper of codes by SMS"),
        )

    def offers(self, channel: str) -> bool:
        """Say whether a channel is set up."""
        return {SMS: self.sms, PUSH: self.push}.get(channel, False)


def lacking(notices: NoticesSettings) -> list[str]:
    """Return the names of settings that SMS lack; none where they can leave."""
    found = {
        "TWILIO_ACCOUNT_SID": notices.account_sid,
        "TWILIO_AUTH_TOKEN": notices.auth_token,
        "TWILIO_MESSAGING_SERVICE_SID or TWILIO_PHONE_NUMBER": notices.messaging_service or notices.sender,
        "RECOUP_NOTICES_PREFIXES": notices.prefixes,
    }
    return [name for name, value in found.items() if not value]
