"""Webhooks as Slack takes them: a JSON text posted to an address that is itself the secret."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from recoup.adapters import wire
from recoup.adapters.secret_address import Client, SecretAddress, Ways
from recoup.core.clock import Clock
from recoup.core.ports import Handover, Parcel, Receipt, Refused, Unknown

KEY_HEADER = "X-Recoup-Delivery"
LONGEST_ADDRESS = 1_000
GONE = frozenset({HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
MEANINGS = {
    "invalid_payload": "it cannot read what was sent",
    "invalid_blocks": "it cannot lay out what was sent",
    "no_text": "there is no text in what was sent",
    "invalid_token": "it does not know this address",
    "no_service": "the webhook was removed or switched off there",
    "no_active_hooks": "the webhook was removed or switched off there",
    "no_team": "its workspace is not there any more",
    "team_disabled": "its workspace is switched off",
    "channel_not_found": "its channel is not there any more",
    "channel_is_archived": "its channel is archived",
    "user_not_found": "the person whom it writes to is not there any more",
    "action_prohibited": "an administrator there does not allow it",
    "posting_to_general_channel_denied": "an administrator there keeps it out of the general channel",
}
"""What Slack's one-word answers say (docs.slack.dev, incoming webhooks)."""
_CODE = re.compile(r"[a-z][a-z_]{2,59}")


class WebhookChannel:
    """The channel ``webhook``: one JSON body per parcel, to an incoming webhook of Slack or of what speaks like it.

    The header ``to`` of a parcel is a name; ``addresses`` answers the address that is set up for it now, or None.
    A webhook cannot tell a second copy from a new text, so a parcel whose answer was lost is never sent again by us.
    An address that fails is a matter of its parcels alone, and those of others go on. One channel serves any number
    of threads.
    """

    name = "webhook"
    dedupes = False

    def __init__(
        self,
        addresses: Callable[[str], str | None],
        *,
        now: Clock,
        connect_timeout: timedelta = timedelta(seconds=10),
        read_timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self._addresses, self._now = addresses, now
        self._ways = Ways(connect_timeout=connect_timeout, read_timeout=read_timeout)

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Find the address; raise Refused for good where none is set up for the name, or it cannot be used."""
        name = parcel.headers.get("to", "")
        url = (self._addresses(name) or "").strip()
        if not url:
            raise Refused(f"No webhook is set up for {name or 'nobody'}.", permanent=True)
        if problem := _problem(url):
            raise Refused(f"The address of the webhook for {name} {problem}.", permanent=True)
        address = SecretAddress(who=f"the webhook for {name}", what="the message", url=url)
        with self._ways.to(address, channel=self.name) as client:
            yield _Handover(client, parcel, now=self._now)

    def close(self) -> None:
        """Close what is kept open."""
        self._ways.close()


def _problem(url: str) -> str | None:
    """Say what is wrong with an address, as the end of a sentence that does not hold it, or return None."""
    if len(url) > LONGEST_ADDRESS:
        return f"is longer than {LONGEST_ADDRESS} characters"
    return wire.address_trouble(url, what="it")


class _Handover:
    """One parcel, and a client that leads to its address."""

    def __init__(self, client: Client, parcel: Parcel, *, now: Clock) -> None:
        self._client, self._parcel, self._now = client, parcel, now

    def send(self) -> Receipt:
        """Post the payload as it is; a Receipt says that the far side answered 200 and ``ok``."""
        reply = self._client.post(
            self._parcel.payload,
            {
                "Content-Type": "application/json",
                KEY_HEADER: quote(self._parcel.key, safe="!#$&'()*+,/:;=?@[]~"),
            },
        )
        said, answer = self._client.evidence(reply)
        if reply.status == HTTPStatus.OK and not reply.flaw and said.lower() == "ok":
            return Receipt(reference="", answer=answer)
        raise self._failure(reply, said, answer)

    def _failure(self, reply: wire.Reply, said: str, answer: dict[str, Any]) -> Refused | Unknown:
        status, who = reply.status, self._client.address.named
        if turned_away := self._client.turned_away(reply, answer, now=self._now()):
            return turned_away
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(f"{who} answered {_in_words(status, said)}.", permanent=True, answer=answer)
        if reply.flaw:
            what = f"The answer of {self._client.address.who} cannot be used: {reply.flaw}"
        elif status == HTTPStatus.OK:
            what = f"{who} answered {status}, but not ok"
        else:
            what = f"{who} answered {_in_words(status, said)}"
        return Unknown(f"{what}; it may have taken the message.", answer=answer)


def _in_words(status: int, said: str) -> str:
    """Write a failure for a person: ``404 no_service: the webhook was removed …``."""
    code = said if _CODE.fullmatch(said) else ""
    known = MEANINGS.get(code) or ("check that it is still there" if status in GONE else "")
    return f"{status} {code}".strip() + (f": {known}" if known else "")
