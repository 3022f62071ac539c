"""Where the credentials of content owners are: a file, the environment, or AWS Secrets Manager."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from recoup.adapters.secrets_manager import SecretsManager
from recoup.adapters.youtube import YouTubeReports
from recoup.core.errors import Misconfigured, NeedsReauthorisation
from recoup.core.ports import ClaimNow, ReportFile, ReportJob

FROM_AWS = "aws:"
NO_REGION = Misconfigured("AWS Secrets Manager has no region.", fix="Set AWS_REGION.")
FIX = "Run `recoup rights authorise`."


class OwnerCredentials:
    """Answers a content owner's credentials as google-auth writes an authorised user's.

    ``place`` says where an owner's are: a path, ``aws:NAME``, or nothing: then the text of ``token``, or else the file
    that ``written`` names, in which `recoup rights authorise` leaves them.
    """

    def __init__(
        self,
        place: Callable[[str], str | None],
        *,
        written: Callable[[str], Path],
        token: str | None = None,
        secrets: SecretsManager | None = None,
    ) -> None:
        self._place, self._written, self._token, self._secrets = place, written, token, secrets

    def __call__(self, owner: str, fresh: bool) -> Mapping[str, Any]:  # noqa: FBT001 - the adapter's shape
        """Return them; raise NeedsReauthorisation where there are none, Misconfigured where they cannot be read."""
        place = self._place(owner)
        if place is not None and place.startswith(FROM_AWS):
            return _mapping(self._secret(place.removeprefix(FROM_AWS), fresh=fresh), place)
        if place is not None:
            return _mapping(_read(Path(place), owner), place)
        if self._token is not None:
            return _mapping(self._token, "YOUTUBE_TOKEN_JSON")
        path = self._written(owner)
        return _mapping(_read(path, owner), str(path))

    def _secret(self, name: str, *, fresh: bool) -> Mapping[str, Any] | str:
        if self._secrets is None:
            raise NO_REGION
        return self._secrets.get(name, fresh=fresh)


class NamedOwners:
    """A source that is asked about owners by name: one like ``aws:NAME`` is the owner that a secret holds."""

    def __init__(self, source: YouTubeReports, secrets: SecretsManager | None) -> None:
        self._source, self._secrets = source, secrets

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._source.close()
        if self._secrets is not None:
            self._secrets.close()

    def jobs(self, owner: str) -> list[ReportJob]:
        """Return the owner's jobs."""
        return self._source.jobs(self._id(owner))

    def reports(self, owner: str, job_id: str, *, made_after: datetime | None) -> list[ReportFile]:
        """Return the reports of a job."""
        return self._source.reports(self._id(owner), job_id, made_after=made_after)

    def body(self, owner: str, report: ReportFile) -> AbstractContextManager[Iterator[bytes]]:
        """Open a report's bytes."""
        return self._source.body(self._id(owner), report)

    def claim(self, owner: str, claim_id: str) -> ClaimNow:
        """Ask for one claim as it is now."""
        return self._source.claim(self._id(owner), claim_id)

    def _id(self, owner: str) -> str:
        """Return the external id; raise as SecretsManager does, Misconfigured where the secret names no owner."""
        if not owner.startswith(FROM_AWS):
            return owner
        name = owner.removeprefix(FROM_AWS)
        if self._secrets is None:
            raise NO_REGION
        found = self._secrets.get(name)
        known = found if isinstance(found, str) else str(found.get("content_owner_id", ""))
        if not known.strip():
            raise Misconfigured(f"The secret {name} holds no content_owner_id.")
        return known.strip()


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
