"""Requests, answers, and the faults that can be scripted into any HTTP stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as it came in; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: status, body and headers; Content-Length is added on the way out."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, value: Any) -> Answer:
    """Return ``value`` as a JSON body."""
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class Ending(StrEnum):
    """How the answer leaves."""

    WHOLE = "whole"
    CUT = "cut"  # half of the announced body, then the connection is closed
    SILENT = "silent"  # nothing, until the client gives up or the stand-in stops
    DROPPED = "dropped"  # the connection is closed in good order without an answer
    RESET = "reset"  # the connection is torn down (TCP RST) without an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that goes wrong with one request.

    ``handled``: the request takes its full effect first, and only the answer goes wrong. Otherwise nothing
    happens on the far side. ``answer`` replaces the real answer; ``rewrite`` changes it.
    """

    name: str
    handled: bool
    answer: Answer | None = None
    rewrite: Callable[[Answer], Answer] | None = None
    delay: float = 0.0
    ending: Ending = Ending.WHOLE


def too_many_requests(retry_after: str | None = None) -> Fault:
    """429 before anything is done, with ``Retry-After`` in seconds or as an HTTP date."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    body = json_answer(429, {"message": "Too many requests."})
    return Fault(
        name="too_many_requests",
        handled=False,
        answer=Answer(429, body.body, {**body.headers, **headers}),
    )


def server_error(status: int = 500, *, handled: bool = False) -> Fault:
    """5xx with a JSON body, before or after the request took effect."""
    answer = json_answer(status, {"message": HTTPStatus(status).phrase})
    return Fault(name="server_error", handled=handled, answer=answer)


def html_page(status: int = 200, *, handled: bool = False) -> Fault:
    """Answer with the page of a proxy on the way."""
    page = b"<!doctype html><html><title>Gateway</title><p>Please sign in to the network.</html>"
    return Fault(
        name="html_page", handled=handled, answer=Answer(status, page, {"Content-Type": "text/html"})
    )


def cut_body(*, handled: bool = True) -> Fault:
    """Announce the whole answer, send half of it, and close the connection."""
    return Fault(name="cut_body", handled=handled, ending=Ending.CUT)


def silence(*, handled: bool = True) -> Fault:
    """Never answer."""
    return Fault(name="silence", handled=handled, ending=Ending.SILENT)


def dropped(*, handled: bool = True, reset: bool = False) -> Fault:
    """Close the connection without an answer; ``reset`` tears it down."""
    return Fault(name="dropped", handled=handled, ending=Ending.RESET if reset else Ending.DROPPED)


def slow(seconds: float) -> Fault:
    """Do everything right, later."""
    return Fault(name="slow", handled=True, delay=seconds)


COMMON_FAULTS: Mapping[str, Callable[..., Fault]] = {
    f.__name__: f for f in (too_many_requests, server_error, html_page, cut_body, silence, dropped, slow)
}
