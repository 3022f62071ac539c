"""Where the credentials of content owners are: a file, the environment, or AWS Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from recoup.adapters.secrets_manager import SecretsManager
from recoup.core.errors import Misconfigured, NeedsReauthorisation, NotFound

FROM_AWS = "aws:"
OAUTH, OWNER = "youtube-oauth", "youtube-api"
FIX = "Run `recoup rights authorise`."


class OwnerCredentials:
    """Answers a content owner's credentials as google-auth writes an authorised user's.

    ``place`` says where an owner's are: a path, ``aws:NAME``, or nothing: then the text of ``token``, or else the file
    that ``recoup rights authorise`` wrote into ``folder``.
    """

    def __init__(
        self,
        place: Callable[[str], str | None],
        *,
        folder: Path,
        token: str | None = None,
        secrets: SecretsManager | None = None,
    ) -> None:
        self._place, self._folder, self._token, self._secrets = place, folder, token, secrets

    def __call__(self, owner: str, fresh: bool) -> Mapping[str, Any]:  # noqa: FBT001 - the adapter's shape
        """Return them; raise NeedsReauthorisation where there are none, Misconfigured where they cannot be read."""
        place = self._place(owner)
        if place is not None and place.startswith(FROM_AWS):
            return _mapping(self._secret(place.removeprefix(FROM_AWS), fresh=fresh), place)
        if place is not None:
            return _mapping(_read(Path(place), owner), place)
        if self._token is not None:
            return _mapping(self._token, "YOUTUBE_TOKEN_JSON")
        path = written_to(self._folder, owner)
        return _mapping(_read(path, owner), str(path))

    def _secret(self, name: str, *, fresh: bool) -> Mapping[str, Any] | str:
        if self._secrets is None:
            raise Misconfigured("AWS Secrets Manager has no region.", fix="Set AWS_REGION.")
        return self._secrets.get(name, fresh=fresh)


def written_to(folder: Path, owner: str) -> Path:
    """Return the file that holds what a person authorised for an owner."""
    safe = "".join(char for char in owner if char.isalnum() or char in "-_")
    return folder / f"youtube-{safe}.json"


def owner_in(secrets: SecretsManager) -> str:
    """Return the content owner that the secret ``youtube-api`` names; raise as SecretsManager does."""
    found = secrets.get(OWNER)
    owner = found if isinstance(found, str) else str(found.get("content_owner_id", ""))
    if not owner.strip():
        raise NotFound(f"The secret {OWNER} names no content_owner_id.")
    return owner.strip()


def _read(path: Path, owner: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise NeedsReauthorisation(
            f"Nobody has signed in for {owner} yet: {path} is not there.", fix=FIX
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{path} cannot be read ({type(error).__name__}).") from None


def _mapping(found: Mapping[str, Any] | str, place: str) -> Mapping[str, Any]:
    if isinstance(found, Mapping):
        return found
    try:
        read = json.loads(found)
    except ValueError:
        read = None
    if not isinstance(read, dict):
        raise Misconfigured(f"{place} does not hold a token in JSON.", fix=FIX)
    return read
