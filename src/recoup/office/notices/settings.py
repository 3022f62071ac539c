"""What notices are told from outside: the account that SMS leave through, and whom push services may write to."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, SecretStr

from recoup.core.push import KNOWN_HOSTS
from recoup.office.notices.rules.numbers import prefix
from recoup.settings import Env, Section

SECTION = "notices"


def _prefixes(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(prefix(text) for text in texts)


def _contact(text: str | None) -> str | None:
    if (
        text is not None
        and not (text.startswith("mailto:") and "@" in text)
        and not text.startswith("https://")
    ):
        raise ValueError(
            "write a mail address as mailto:you@example.com, or a page that begins with https://"
        )
    return text


class NoticesSettings(Section):
    """The section ``[notices]``."""

    account_sid: Annotated[str | None, Env("TWILIO_ACCOUNT_SID")] = None
    """The account at Twilio that SMS leave through; it begins with AC."""
    auth_token: Annotated[SecretStr | None, Env("TWILIO_AUTH_TOKEN")] = None
    """The secret that goes with it."""
    sender: Annotated[str | None, Env("TWILIO_PHONE_NUMBER")] = None
    """What SMS come from: a number of that account, or a name of at most 11 letters where the country allows it."""
    messaging_service: Annotated[str | None, Env("TWILIO_MESSAGING_SERVICE_SID")] = None
    """A messaging service of that account, which chooses the sender; it begins with MG."""
    twilio_url: str = "https://api.twilio.com"
    """Where Twilio's API is."""
    prefixes: Annotated[tuple[str, ...], AfterValidator(_prefixes)] = ()
    """The countries that SMS may go to, by prefix, such as +41. A text costs money, so none is allowed at first."""
    push_contact: Annotated[str | None, AfterValidator(_contact)] = None
    """Whom a push service may write to about our notices: mailto:you@example.com. With it, browsers can be told."""
    push_hosts: tuple[str, ...] = KNOWN_HOSTS
    """The push services of browsers that notices may go to; each stands for every name below it, too."""
