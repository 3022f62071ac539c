"""Clazar: metering records on their way to the cloud marketplaces, as a channel of the outbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http import HTTPStatus
from typing import Any

import httpx2

from recoup.adapters import wire
from recoup.adapters.bearer import Bearer, Token
from recoup.adapters.clazar_token import CREDENTIALS, ClazarSettings, Tokens
from recoup.core import clock
from recoup.core.clock import Clock
from recoup.core.errors import Misconfigured, Unavailable
from recoup.core.ports import ChannelDown, Handover, Parcel, Receipt, Refused, Unknown

ANSWER_LIMIT = 5_000_000
ANSWER_WITHIN = timedelta(minutes=2)
"""Bounds an answer that trickles in; the wait for its next byte is bounded by the read timeout."""
BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
MOVED = frozenset(
    {HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.PERMANENT_REDIRECT}
)
"""Redirects that ask for the same request elsewhere: where we sent it, nothing was done with it."""


class ClazarChannel:
    """Hands frozen metering requests to Clazar (developers.clazar.io, /authenticate/ and /metering/).

    Clazar turns away a second record for the same contract, dimension and clock hour, so a parcel whose fate is
    unknown may be handed over again. One channel serves any number of threads.
    """

    name = "clazar"
    dedupes = True

    def __init__(self, settings: ClazarSettings, *, now: Clock) -> None:
        self._settings, self._now = settings, now
        self._client = _client(settings)
        self._tokens = Tokens(settings, self._client, now)

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        """Sign in where no good token is kept.

        Raise ChannelDown when our credentials or settings are wrong, and Refused (not permanent) when Clazar does
        not answer.
        """
        if problem := self._settings.problem():
            raise ChannelDown(problem)
        yield _Handover(
            settings=self._settings,
            client=self._client,
            tokens=self._tokens,
            now=self._now,
            parcel=parcel,
            token=self._tokens.get(),
        )

    def check(self) -> str:
        """Sign in anew and say so in a sentence. Raise Misconfigured or Unavailable, with what to do about it."""
        try:
            token = self._tokens.sign_in()
        except ChannelDown as error:
            raise Misconfigured(str(error)) from error
        except Refused as error:
            wait = int(error.retry_after.total_seconds()) if error.retry_after else None
            raise Unavailable(error.reason, fix="Try again later.", retry_after=wait) from error
        return f"Clazar accepts our credentials; the token is good until {clock.to_text(token.ends)}."

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()


class _Handover:
    """One parcel with a token in hand."""

    def __init__(
        self,
        *,
        settings: ClazarSettings,
        client: httpx2.Client,
        tokens: Tokens,
        now: Clock,
        parcel: Parcel,
        token: Token,
    ) -> None:
        self._settings, self._client, self._tokens = settings, client, tokens
        self._now, self._parcel, self._token = now, parcel, token

    def send(self) -> Receipt:
        """Post the payload as it is. A Receipt says that Clazar judged the records, not that it took them.

        Its answer is {"status": 200, "results": […]}, as sent but for two things: a number with a fraction or an
        exponent is kept as its text, and characters that cannot be stored are replaced.
        """
        reply = self._post(self._token)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            # Turned away at the door: nothing was done with the records, so one more try with a new token is safe.
            self._token = self._tokens.get(instead_of=self._token)
            reply = self._post(self._token)
        if reply.status == HTTPStatus.OK:
            return self._receipt(reply)
        raise self._failure(reply)

    def _post(self, token: Token) -> wire.Reply:
        try:
            return wire.post(
                self._client,
                self._settings.metering_url,
                body=self._parcel.payload,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                auth=Bearer(token),
                limit=ANSWER_LIMIT,
                within=ANSWER_WITHIN,
            )
        except wire.NOTHING_SENT as error:
            raise Refused(
                f"Clazar could not be reached ({type(error).__name__}); nothing was sent.", permanent=False
            ) from error
        except httpx2.TimeoutException as error:
            seconds = self._settings.read_timeout.total_seconds()
            raise Unknown(
                f"Clazar did not answer within {seconds:g} seconds; it may have taken the records.",
                answer={"error": type(error).__name__},
            ) from error
        except httpx2.TransportError as error:
            raise Unknown(
                f"The connection to Clazar broke ({type(error).__name__}); it may have taken the records.",
                answer={"error": type(error).__name__},
            ) from error

    def _receipt(self, reply: wire.Reply) -> Receipt:
        results = self._results(reply)
        ids = [
            result["id"]
            for result in results
            if isinstance(result, dict) and isinstance(result.get("id"), str)
        ]
        return Receipt(reference=",".join(ids), answer={"status": reply.status, "results": results})

    def _results(self, reply: wire.Reply) -> list[Any]:
        if reply.flaw:
            raise self._unknown(reply, f"Clazar's answer cannot be used: {reply.flaw}")
        try:
            answer = wire.storable(json.loads(reply.body, parse_float=str, parse_constant=_refuse_constant))
        except (ValueError, RecursionError):
            raise self._unknown(reply, "What came back from Clazar's address is not JSON") from None
        results = answer.get("results") if isinstance(answer, dict) else None
        if not isinstance(results, list):
            raise self._unknown(reply, "Clazar's answer has no list of results")
        return results

    def _failure(self, reply: wire.Reply) -> Refused | ChannelDown | Unknown:
        status = reply.status
        if status == HTTPStatus.UNAUTHORIZED:
            return ChannelDown(
                f"Clazar gave us a token and then refused it (401): check that {CREDENTIALS} may send metering."
            )
        if status in MOVED:
            return ChannelDown(
                f"Clazar is not at {self._settings.metering_url} (it answered {status}, which points elsewhere and is "
                "not followed): check CLAZAR_API_URL."
            )
        if status in BUSY:
            wait = wire.retry_after(reply.headers, self._now())
            return Refused(
                f"Clazar is too busy ({status}).",
                permanent=False,
                retry_after=wait,
                answer=self._evidence(reply),
            )
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Refused(
                f"Clazar refused the request as a whole ({status}).",
                permanent=True,
                answer=self._evidence(reply),
            )
        return self._unknown(reply, f"Clazar answered {status}")

    def _unknown(self, reply: wire.Reply, what: str) -> Unknown:
        return Unknown(f"{what}; it may have taken the records.", answer=self._evidence(reply))

    def _evidence(self, reply: wire.Reply) -> dict[str, Any]:
        return {"status": reply.status, "text": self._tokens.mask(reply.start)}


def _client(settings: ClazarSettings) -> httpx2.Client:
    wait, connect = settings.read_timeout.total_seconds(), settings.connect_timeout.total_seconds()
    return httpx2.Client(
        timeout=httpx2.Timeout(connect=connect, read=wait, write=wait, pool=wait),
        # A proxy that the environment names is used, but never for a stand-in on this machine.
        trust_env=settings.problem() is not None or not wire.is_loopback(settings.metering_url),
    )


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
