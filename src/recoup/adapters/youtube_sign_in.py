"""Signing a person in at Google, as the port asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

from recoup.adapters import youtube_consent
from recoup.adapters.youtube_listener import Listener
from recoup.core.ports import Consent, ConsentListener


class YouTubeSignIn:
    """Begins consents, and opens listeners for their answers."""

    def begin(self, client: Mapping[str, Any], *, redirect_uri: str) -> Consent:
        """Begin; see ``youtube_consent.begin``."""
        return youtube_consent.begin(client, redirect_uri=redirect_uri)

    def listen(self, *, port: int) -> AbstractContextManager[ConsentListener]:
        """Open a listener on loopback."""
        return Listener(port=port)
