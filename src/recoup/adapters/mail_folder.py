"""Mail into a folder: what stands in for a mail server on a developer's machine and in the demo."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from recoup.adapters.blob_keys import MAX_PART_BYTES
from recoup.adapters.disk import FolderStore
from recoup.adapters.envelopes import Envelope, envelope
from recoup.core.errors import Conflict, Misconfigured, RecoupError
from recoup.core.ports import ChannelDown, Handover, Parcel, Receipt, Refused

SUFFIX = ".eml"


class MailFolderChannel:
    """The channel ``mail`` as files: each parcel is one, named by its key, so a second copy changes nothing.

    The folder is made when it is missing, and its parent is not.
    """

    name = "mail"
    dedupes = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._store = FolderStore(folder)

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Check the addresses and the folder; raise Refused or ChannelDown."""
        addresses = envelope(parcel)
        self._make_folder()
        yield _Doorstep(self._store, addresses, parcel)

    def check(self) -> str:
        """Say where mails go; raise Misconfigured when they cannot."""
        try:
            self._make_folder()
        except ChannelDown as down:
            raise Misconfigured(str(down), fix="Make the folder, or name a mail server.") from down
        return f"Mails are written to {self.folder} and sent to nobody."

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
        except OSError as error:
            raise ChannelDown(f"Mails cannot be written to {self.folder}: {error.strerror}.") from error


class _Doorstep:
    """A mail that is not in its folder yet."""

    def __init__(self, store: FolderStore, addresses: Envelope, parcel: Parcel) -> None:
        self._store, self._addresses, self._parcel = store, addresses, parcel

    def send(self) -> Receipt:
        """Write the file; one that is there with the same bytes is as good."""
        key, payload = file_name(self._parcel.key), self._parcel.payload
        try:
            try:
                self._store.put_if_absent(key, io.BytesIO(payload), media_type="message/rfc822")
            except Conflict:
                with self._store.open(key) as there:
                    if there.read() != payload:
                        reason = f"{key} is there with another content."
                        raise Refused(reason, permanent=True) from None
        except Misconfigured as error:
            raise ChannelDown(error.sentence()) from error
        except RecoupError as error:
            raise Refused(error.sentence(), permanent=False) from error
        answer = {"file": key, "from": self._addresses.sender, "to": self._addresses.recipient}
        return Receipt(reference=f"{self._addresses.message_id} {key}".strip(), answer=answer)


def file_name(key: str) -> str:
    """Return the one file name that belongs to a parcel's key: readable, safe, and of no other key."""
    name = quote(key, safe=" @+,=")
    if name.startswith("."):
        name = f"%2E{name[1:]}"
    if len(name) + len(SUFFIX) > MAX_PART_BYTES:
        name = f"{name[:150]}%{hashlib.sha256(key.encode()).hexdigest()}"
    return f"{name}{SUFFIX}"
