"""This server as browsers know it: its address for links, and its name for passkeys."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from recoup.settings import Settings

ANY_ADDRESS = frozenset({"", "0.0.0.0", "::", "127.0.0.1", "::1"})  # noqa: S104 - compared with, not bound to


@dataclass(frozen=True, slots=True)
class RelyingParty:
    """Whom a passkey is for: a host name, and the origins whose pages may ask for it."""

    id: str
    origins: tuple[str, ...]


def portal_of(settings: Settings) -> str:
    """Return the address that people type, without a path."""
    process = settings.process
    host = "localhost" if process.host in ANY_ADDRESS else process.host
    return settings.web.address or f"http://{host}:{process.port}"


def relying_party(settings: Settings) -> RelyingParty:
    """Return whom passkeys are for. Without an address that is ``localhost``: no browser has passkeys for numbers."""
    portal = portal_of(settings)
    return RelyingParty(urlsplit(portal).hostname or "localhost", (portal,))
