"""SMS through Twilio's Messages API: one form posted per text, with the account's credentials."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode

import httpx2

from recoup.adapters import wire
from recoup.core.clock import Clock
from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.ports import ChannelDown, Handover, Parcel, Receipt, Refused, Unknown

ANSWER_LIMIT = 200_000
ANSWER_WITHIN = timedelta(minutes=1)
BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
CLOSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.PAYMENT_REQUIRED, HTTPStatus.FORBIDDEN})
"""Answers about the account and not about one text. 404 is the address of an account that is not there."""
MOVED = frozenset(
    {
        HTTPStatus.MOVED_PERMANENTLY,
        HTTPStatus.FOUND,
        HTTPStatus.TEMPORARY_REDIRECT,
        HTTPStatus.PERMANENT_REDIRECT,
    }
)
"""Redirects after which nothing was done with what we sent."""
OPTED_OUT = 21610
"""The recipient answered STOP."""
QUEUE_FULL = 21611
OUR_SENDER = frozenset({21212, 21603, 21606, 21659, 21660, 21661, 21701, 21705})
"""What is wrong with what we send from, and so with every text alike."""
MEANINGS = {
    21211: "it is no telephone number",
    21408: "texts to this country are switched off in the account there",
    OPTED_OUT: "the recipient answered STOP to an earlier text",
    21612: "there is no way from our sender to this number",
    21614: "the number cannot get texts",
    21617: "the text is too long",
    30006: "it is a landline, or cannot be reached",
}
"""Twilio's numbers in our words; it adds new ones, so an unknown one is told as it is."""
EVIDENCE = ("sid", "status", "error_code", "num_segments")
"""What is kept of an answer. The rest repeats the text, which may hold a code."""
_SID = re.compile(r"[A-Za-z0-9]{2,64}")


@dataclass(frozen=True, slots=True)
class TwilioSettings:
    """An account at Twilio, and what its texts come from: ``sender`` (a number or a name) or a messaging service."""

    account_sid: str
    auth_token: str = field(repr=False)
    sender: str | None = None
    messaging_service: str | None = None
    url: str = "https://api.twilio.com"

    def problem(self) -> str | None:
        """Say in a sentence why these cannot be used, or return None."""
        if not _SID.fullmatch(self.account_sid):
            return "The account SID for SMS is not one."
        if not self.sender and not self.messaging_service:
            return "Neither a sender nor a messaging service is set up for SMS."
        if trouble := wire.address_trouble(self.url, what="our token"):
            return f"The address for SMS {trouble}."
        return None

    @property
    def account(self) -> str:
        """Return the address of the account."""
        return f"{self.url.rstrip('/')}/2010-04-01/Accounts/{quote(self.account_sid, safe='')}"


class SmsChannel:
    """The channel ``sms``. A parcel's payload is JSON, ``{"to": "+4179…", "text": "…"}``.

    Twilio cannot tell a second copy from a new text, so a parcel whose answer was lost is never sent again by us.
    One channel serves any number of threads.
    """

    name = "sms"
    dedupes = False

    def __init__(
        self,
        settings: TwilioSettings,
        *,
        now: Clock,
        connect_timeout: timedelta = timedelta(seconds=10),
        read_timeout: timedelta = timedelta(seconds=30),
    ) -> None:
        self._settings, self._now = settings, now
        connect, wait = connect_timeout.total_seconds(), read_timeout.total_seconds()
        self._client = httpx2.Client(
            timeout=httpx2.Timeout(connect=connect, read=wait, write=wait, pool=wait),
            # A kept connection may be one that the far side is about to close, and a text lost then is an unknown one.
            limits=httpx2.Limits(max_connections=20, max_keepalive_connections=0),
            trust_env=not wire.is_loopback(settings.url) if settings.problem() is None else True,
        )

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Read the parcel. Raise ChannelDown for settings that cannot work, Refused for good for what is no text."""
        if problem := self._settings.problem():
            raise ChannelDown(problem)
        try:
            what = json.loads(parcel.payload)
            to, text = str(what["to"]), str(what["text"])
        except (ValueError, KeyError, TypeError):
            raise Refused("The parcel holds no text.", permanent=True) from None
        yield _Handover(self._client, self._settings, to=to, text=text, now=self._now)

    def check(self) -> str:
        """Ask for the account and say so in a sentence. Raise Misconfigured or Unavailable, with what to do."""
        settings = self._settings
        if problem := settings.problem():
            raise Misconfigured(problem, fix="Mend it in [notices].")
        try:
            answer = self._client.get(
                f"{settings.account}.json", auth=_auth(settings), follow_redirects=False
            )
        except httpx2.TransportError as error:
            kind = type(error).__name__
            raise Unavailable(f"Twilio could not be reached ({kind}).", fix="Try again later.") from None
        if answer.status_code in {*CLOSED, HTTPStatus.NOT_FOUND}:
            raise Misconfigured(
                f"Twilio does not take our credentials ({answer.status_code}).",
                fix="Compare TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN with the account there.",
            )
        if answer.status_code != HTTPStatus.OK:
            raise Unavailable(f"Twilio answered {answer.status_code}.", fix="Try again later.")
        return "Twilio takes our credentials."

    def close(self) -> None:
        """Close what is kept open."""
        self._client.close()


class _Handover:
    """One text, ready to be posted."""

    def __init__(
        self, client: httpx2.Client, settings: TwilioSettings, *, to: str, text: str, now: Clock
    ) -> None:
        self._client, self._settings, self._to, self._text, self._now = client, settings, to, text, now

    def send(self) -> Receipt:
        """Post the text; a Receipt says that Twilio took it into its queue, not that a telephone has it."""
        try:
            reply = wire.post(
                self._client,
                f"{self._settings.account}/Messages.json",
                body=urlencode(self._form()).encode(),
                headers={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                auth=_auth(self._settings),
                limit=ANSWER_LIMIT,
                within=ANSWER_WITHIN,
            )
        except wire.NOTHING_SENT as error:
            reason = f"Twilio could not be reached ({type(error).__name__}); nothing was sent."
            raise Refused(reason, permanent=False) from error
        except httpx2.TimeoutException as error:
            raise Unknown(
                f"Twilio did not answer within {self._client.timeout.read:g} seconds; it may have taken the text.",
                answer={"error": type(error).__name__},
            ) from error
        except httpx2.TransportError as error:
            raise Unknown(
                f"The connection to Twilio broke ({type(error).__name__}); it may have taken the text.",
                answer={"error": type(error).__name__},
            ) from error
        said = _said(reply)
        if reply.status == HTTPStatus.CREATED and (sid := said.get("sid")):
            kept = {name: wire.storable(said[name]) for name in EVIDENCE if said.get(name) is not None}
            return Receipt(reference=wire.storable(str(sid)), answer={"http": reply.status, **kept})
        raise self._failure(reply, said)

    def _form(self) -> dict[str, str]:
        settings = self._settings
        way = (
            {"MessagingServiceSid": settings.messaging_service}
            if settings.messaging_service
            else {"From": settings.sender or ""}
        )
        return {"To": self._to, **way, "Body": self._text}

    def _failure(self, reply: wire.Reply, said: Mapping[str, Any]) -> Refused | Unknown | ChannelDown:
        status, code = reply.status, said.get("code")
        code = code if isinstance(code, int) and not isinstance(code, bool) else None
        words = self._in_words(status, code, said.get("message"))
        answer: dict[str, Any] = {"status": status}
        if code is not None:
            answer |= {"code": code, "message": words}
        if status in BUSY or code == QUEUE_FULL:
            wait = wire.retry_after(reply.headers, self._now())
            return Refused(
                f"Twilio is too busy ({status}).", permanent=False, retry_after=wait, answer=answer
            )
        if down := _down(status, code, words):
            return ChannelDown(down)
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(f"Twilio refused the text: {words}.", permanent=True, answer=answer)
        what = f"Twilio's answer cannot be used: {reply.flaw}" if reply.flaw else f"Twilio answered {words}"
        return Unknown(f"{what}; it may have taken the text.", answer=answer)

    def _in_words(self, status: int, code: int | None, message: object) -> str:
        """Write a failure for a person, without what we sent: ``21211, it is no telephone number``."""
        if code is None:
            return str(status)
        told = MEANINGS.get(code) or (str(message) if isinstance(message, str) else "")
        for ours in (self._settings.auth_token, self._text):
            told = told.replace(ours, "[hidden]") if ours else told
        told = wire.storable(" ".join(told.split()))[:200].rstrip(".")
        return f"{code}, {told}" if told else str(code)


def _down(status: int, code: int | None, words: str) -> str | None:
    """Say why no text at all can leave, where the answer is about our account or our sender and not about one text."""
    if code in OUR_SENDER:
        return f"Twilio does not let us send from what is set up: {words}."
    if status in CLOSED and code not in MEANINGS:  # a country that is switched off is answered so, too
        return f"Twilio does not take our credentials: {words}."
    if status == HTTPStatus.NOT_FOUND:
        return f"Twilio does not know the account: {words}."
    if status in MOVED:
        return f"Twilio's address points elsewhere ({status}), which is not followed."
    return None


def _auth(settings: TwilioSettings) -> httpx2.BasicAuth:
    return httpx2.BasicAuth(settings.account_sid, settings.auth_token)


def _said(reply: wire.Reply) -> Mapping[str, Any]:
    """Return the object that an answer holds; an empty one where it holds none, or is not whole."""
    if reply.flaw:
        return {}
    try:
        found = json.loads(reply.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
