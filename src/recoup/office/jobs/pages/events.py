"""The live log: a run's lines as they are written, as server-sent events (WHATWG HTML, 9.2).

A stream holds neither a thread nor a transaction while it waits: twice a second it looks, briefly, in a thread.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from recoup.core.db import act_as
from recoup.core.errors import Forbidden, NotFound
from recoup.core.system import Caller, System
from recoup.office.jobs import queries, views
from recoup.office.jobs.models import Run, RunLine
from recoup.office.jobs.pages.runs import standing
from recoup.web import pages
from recoup.web.auth import SignedIn, may
from recoup.web.deps import Running
from recoup.web.errors import problem

EVERY = 0.5
AT_ONCE = 200
LONGEST = 300.0
"""Seconds that one stream lives: the browser opens the next by itself, and is asked anew who it is."""
SIGN_OF_LIFE = 15.0
MOST_OPEN = 50
RETRY = 2_000

router = APIRouter(prefix="/desk/runs", dependencies=[Depends(may("jobs.look"))])

_open = threading.BoundedSemaphore(MOST_OPEN)

Place = r"^[0-9]{1,9}-[0-9]{1,9}$"


class EventStream(StreamingResponse):
    """A stream of events; past the most that one process keeps open, another is refused."""

    media_type = "text/event-stream"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, and give its place back however it ends."""
        if not _open.acquire(blocking=False):
            refusal = problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                f"{MOST_OPEN} live logs are open already. Close one, or load the page again later.",
                headers={"Retry-After": "10"},
            )
            await refusal(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            _open.release()


@router.get("/{run_id}/events", response_class=EventStream)
def events(
    *,
    request: Request,
    system: Running,
    me: SignedIn,
    run_id: UUID,
    after: Annotated[str, Query(pattern=Place)] = "0-0",
    last_event_id: Annotated[str | None, Header(pattern=Place)] = None,
) -> Response:
    """Send a run's lines after ``after`` (or after the last one that the browser has), until it is over."""
    _refuse_other_sites(request)
    watch = _Watch(system, request, me, run_id, views.place(last_event_id or after))
    watch.look(first=True)  # refuses what is not there before anything is sent
    return EventStream(watch.stream(), headers={"X-Accel-Buffering": "no"})


def _refuse_other_sites(request: Request) -> None:
    """Refuse a stream that a page of another site asks for: it would show nothing, and hold a place."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    is_ours = site in {"same-origin", "none"} if site is not None else True
    if origin is not None and origin.partition("://")[2] != request.headers.get("host", ""):
        is_ours = False
    if not is_ours:
        raise Forbidden("This was asked for by a page of another site.")


@dataclass(frozen=True, slots=True)
class _Seen:
    run: Run
    lines: tuple[RunLine, ...]


class _Watch:
    """One reader of one run: where they are in its log, and what they were told last."""

    def __init__(
        self, system: System, request: Request, me: Caller, run_id: UUID, after: tuple[int, int]
    ) -> None:
        self._system, self._request, self._me = system, request, me
        self._run_id, self._after = run_id, after
        self._told: tuple[Any, ...] = ()

    async def stream(self) -> AsyncIterator[str]:
        """Yield events until the run is over, the time is, nobody reads any more, or the server ends."""
        yield f"retry: {RETRY}\n\n"
        ends, spoke = time.monotonic() + LONGEST, time.monotonic()
        ending: threading.Event = self._request.app.state.ending
        while time.monotonic() < ends and not ending.is_set():
            text, goes_on = await run_in_threadpool(self._news)
            if text:
                spoke = time.monotonic()
                yield text
            elif time.monotonic() - spoke > SIGN_OF_LIFE:
                spoke = time.monotonic()
                yield ": still here\n\n"
            if goes_on is None:
                return
            if await self._request.is_disconnected():
                return
            if not goes_on:
                await asyncio.sleep(EVERY)

    def look(self, *, first: bool = False) -> _Seen:
        """Look at the run and its next lines, in a short transaction. Raise NotFound where there is none."""
        with self._system.sessions.begin() as db:
            act_as(db, role=self._me.role, person=self._me.person)
            # The run before its lines: what a finished run wrote is all there.
            run = queries.run(db, self._run_id)
            if run is None:
                raise NotFound(f"There is no run {self._run_id}.")
            lines = () if first else queries.lines(db, run.id, after=self._after, limit=AT_ONCE)
        return _Seen(run, tuple(lines))

    def _news(self) -> tuple[str, bool | None]:
        """Return what there is to tell, and whether there is more at once; None where that was all."""
        seen = self.look()
        run, parts = seen.run, []
        if seen.lines:
            self._after = (seen.lines[-1].attempt, seen.lines[-1].number)
            parts.append(_event("line", self._rendered("jobs/lines.html", lines=seen.lines), self._place()))
        if len(seen.lines) == AT_ONCE:
            return "".join(parts), True
        state = (run.state, run.attempt, run.done, run.total, run.label, run.counts, run.cancel_requested)
        is_over = run.state not in views.ACTIVE
        if state != self._told and not is_over:
            self._told = state
            html = self._rendered("jobs/standing.html", **standing(self._system, run))
            parts.append(_event("standing", html, self._place()))
        if is_over:
            parts.append(_event("over", run.state, self._place()))
        return "".join(parts), None if is_over else False

    def _place(self) -> str:
        attempt, number = self._after
        return f"{attempt}-{number}"

    def _rendered(self, template: str, **context: Any) -> str:
        return bytes(pages.render(self._request, template, **context).body).decode()


def _event(name: str, html: str, place: str) -> str:
    data = "".join(f"data: {line}\n" for line in html.splitlines())
    return f"event: {name}\nid: {place}\n{data or 'data:'}\n"
