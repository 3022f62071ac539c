"""Mail as it is set up at this moment: through a server, or into a folder while there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from recoup.adapters.mail_folder import MailFolderChannel
from recoup.adapters.smtp import SmtpChannel, SmtpSettings
from recoup.core.errors import Misconfigured
from recoup.core.ports import Handover, Parcel, Refused

CHECK_SECONDS = 12.0
"""A check is watched by a person: it waits for less than a mail does."""


class MailChannel:
    """The channel ``mail``. Who sends it is asked anew for each parcel, so that a change holds at once, everywhere."""

    name = "mail"

    def __init__(self, settings: Callable[[], SmtpSettings | None], *, folder: Path) -> None:
        """Ask ``settings`` for the server, which raises Misconfigured where it cannot be one; None: the folder."""
        self._settings = settings
        self._folder = MailFolderChannel(folder)

    @property
    def dedupes(self) -> bool:
        """A folder tells a second copy from a new one, a server does not."""
        try:
            return self._settings() is None
        except Misconfigured:
            return False

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Prepare as the channel of the moment does; half a setup is refused for now, until the other half is there."""
        try:
            settings = self._settings()
        except Misconfigured as error:
            raise Refused(error.sentence(), permanent=False) from error
        channel = self._folder if settings is None else SmtpChannel(settings)
        with channel.prepare(parcel) as handover:
            yield handover

    def check(self) -> str:
        """Connect and sign in, send nothing, and say how that went; raise Misconfigured or Unavailable."""
        settings = self._settings()
        if settings is None:
            return self._folder.check()
        quick = replace(settings, step_seconds=CHECK_SECONDS, prepare_seconds=CHECK_SECONDS)
        return SmtpChannel(quick).check()
