"""Calls to Google's APIs for a content owner: signed in, repeated where that helps, refusals as sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, TypeVar

import httpx2

from recoup.adapters import wire, youtube_wire
from recoup.adapters.bearer import Bearer, Token
from recoup.adapters.youtube_authorised import AGAIN
from recoup.adapters.youtube_tokens import Tokens
from recoup.adapters.youtube_wire import Clients, Limits, Sleep, TryAgain, persist
from recoup.core.clock import Clock
from recoup.core.errors import (
    Forbidden,
    Misconfigured,
    NeedsReauthorisation,
    NotFound,
    RecoupError,
    Unavailable,
)

ON_BEHALF = "onBehalfOfContentOwner"
QUOTA = frozenset({"quotaexceeded", "ratelimitexceeded", "userratelimitexceeded", "dailylimitexceeded"})
"""Reasons of a 403 that means "later", however Google spells them."""
SWITCHED_OFF = frozenset({"accessnotconfigured", "servicedisabled"})
NARROW = frozenset({"insufficientpermissions", "accesstokenscopeinsufficient"})
PARTNERS = (
    "It is for CMS partners: ask YouTube for access, enable it in the Google Cloud project, or do without."
)
MOVED = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT})
NETWORK = "Check the network and the proxy of this machine."

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the platform: how a person names it, where it is, and what its 403 means for us."""

    name: str
    address: str
    setting: str
    is_partners_only: bool = False


class Calls:
    """Asks for one content owner at a time; safe to share between threads."""

    def __init__(self, clients: Clients, tokens: Tokens, *, now: Clock, limits: Limits, sleep: Sleep) -> None:
        self.clients, self.limits, self.now = clients, limits, now
        self._tokens, self._sleep = tokens, sleep

    def object(
        self, part: Part, owner: str, path: str, *, what: str, query: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """Return the JSON object that a GET is answered with; ``what`` is asked for, as a person would name it.

        Raise NeedsReauthorisation, Unavailable, NotFound, Misconfigured, and Forbidden in a part for partners only.
        """
        youtube_wire.check_address(part.address, part.name, f"Check {part.setting}.")
        url = f"{part.address.rstrip('/')}/{path}"
        asked = {**(query or {}), ON_BEHALF: owner}
        reply = self.signed_in(owner, lambda token: self._once(url, asked, token))
        if reply.status != HTTPStatus.OK:
            raise self.refusal(part, owner, reply, what=what)
        found = youtube_wire.json_object(reply)
        if found is None:
            flaw = reply.flaw or "it is not the JSON that Google writes, so something on the way answered"
            raise Unavailable(f"The answer to the question for {what} cannot be used: {flaw}.", fix=NETWORK)
        return found

    def signed_in(self, owner: str, once: Callable[[Token], Outcome | wire.Reply]) -> Outcome | wire.Reply:
        """Return what ``once`` returns, with patience; where it is a 401, of a second time with a new token.

        ``once`` raises TryAgain for what another attempt may mend.
        """
        token = self._tokens.get(owner)
        outcome = self._persist(once, token)
        if isinstance(outcome, wire.Reply) and outcome.status == HTTPStatus.UNAUTHORIZED:
            token = self._tokens.get(owner, instead_of=token)
            outcome = self._persist(once, token)
        return outcome

    def turn_back_if_busy(self, reply: wire.Reply) -> None:
        """Raise TryAgain for an answer that another attempt may change."""
        is_quota = reply.status == HTTPStatus.FORBIDDEN and _reasons(reply) & QUOTA
        if is_quota or youtube_wire.is_busy(reply.status):
            why = "says that our quota is used up for now" if is_quota else "is too busy, or has a fault"
            raise TryAgain(
                f"Google {why} ({reply.status}).", wait=wire.retry_after(reply.headers, self.now())
            )

    def refusal(self, part: Part, owner: str, reply: wire.Reply, *, what: str) -> RecoupError:
        """Turn an answer that is not 200 into a failure that a person can read."""
        status, said = reply.status, self._tokens.mask(owner, _said(reply))
        if status == HTTPStatus.UNAUTHORIZED:
            return NeedsReauthorisation(
                f"Google gave us a token for content owner {owner} and then refused it ({said}).", fix=AGAIN
            )
        if status == HTTPStatus.FORBIDDEN:
            return _forbidden(part, owner, reply, said)
        if status in {HTTPStatus.NOT_FOUND, HTTPStatus.GONE}:
            return NotFound(f"Google does not have {what} ({said}).")
        if status in MOVED:
            return Misconfigured(
                f"{part.name} is not at {part.address} (it answered {status}, which points elsewhere and is not "
                "followed).",
                fix=f"Check {part.setting}.",
            )
        if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Misconfigured(
                f"Google refuses the question for {what} ({said}).",
                fix="Check the content owner's id and the ids that were given.",
            )
        return Unavailable(f"Google answered {status} to the question for {what}.", fix=NETWORK)

    def _persist(self, once: Callable[[Token], Outcome | wire.Reply], token: Token) -> Outcome | wire.Reply:
        return persist(lambda: once(token), limits=self.limits, sleep=self._sleep)

    def _once(self, url: str, query: Mapping[str, str], token: Token) -> wire.Reply:
        try:
            reply = youtube_wire.get(
                self.clients.of(url), url, query=query, auth=Bearer(token), limits=self.limits
            )
        except httpx2.TransportError as error:
            raise TryAgain(f"Google did not answer ({type(error).__name__}).") from error
        self.turn_back_if_busy(reply)
        if reply.flaw and "broke off" in reply.flaw:
            raise TryAgain(f"Google's answer cannot be used: {reply.flaw}.")
        return reply


def _forbidden(part: Part, owner: str, reply: wire.Reply, said: str) -> RecoupError:
    if youtube_wire.is_page(reply.headers):
        return Unavailable(
            f"Instead of an answer came a web page ({said}): something on the way answered for Google.",
            fix=NETWORK,
        )
    if part.is_partners_only:
        fix = f"{AGAIN} Leave every box ticked." if _reasons(reply) & NARROW else PARTNERS
        return Forbidden(
            f"Google does not let this account use {part.name} for content owner {owner} ({said}).", fix=fix
        )
    if _reasons(reply) & SWITCHED_OFF:
        return Misconfigured(
            f"{part.name} is switched off in our Google Cloud project ({said}).",
            fix="Enable it in the console of Google Cloud, under APIs & Services.",
        )
    return NeedsReauthorisation(
        f"Google does not let this account act for content owner {owner} ({said}).",
        fix=f"{AGAIN} Sign in as a user of that content owner.",
    )


def _error(reply: wire.Reply) -> dict[str, Any]:
    error = (youtube_wire.json_object(reply) or {}).get("error")
    return error if isinstance(error, dict) else {}


def _reasons(reply: wire.Reply) -> frozenset[str]:
    """Return Google's reasons, from both generations of its errors, in one spelling."""
    error = _error(reply)
    lists = [found for name in ("errors", "details") if isinstance(found := error.get(name), list)]
    rows = [row for found in lists for row in found if isinstance(row, dict)]
    return frozenset(str(row.get("reason", "")).replace("_", "").lower() for row in rows)


def _said(reply: wire.Reply) -> str:
    message = _error(reply).get("message")
    if not isinstance(message, str) or not message.strip():
        return str(reply.status)
    return f"{reply.status}: {' '.join(message.split())[: wire.EVIDENCE_CHARACTERS].rstrip('.')}"
