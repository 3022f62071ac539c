"""The journal's commands."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import cyclopts
from cyclopts import Parameter

from recoup.core.ids import parse_id
from recoup.office.journal import jobs, queries
from recoup.office.journal.schemas import EventShown, VerificationShown
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Before, Json, Limit
from recoup.web.wire import page_of


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``journal``."""
    these = _Commands(opened)
    group = cyclopts.App(
        name="journal", help="What happened, to what, by whom; and whether that is still what it was."
    )
    group.command(these.listed, name="list")
    group.command(these.verify)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(
        self,
        *,
        subject: Annotated[str | None, Parameter(help="This subject, and those below it.")] = None,
        kind: Annotated[str | None, Parameter(help="Kinds that start with this.")] = None,
        before: Before = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List events, newest first."""
        start: UUID | None = parse_id(before) if before else None
        with self._opened() as system, system.sessions.begin() as db:
            rows = queries.timeline(db, subject=subject, kind=kind, before=start, limit=limit + 1)
            found = page_of(EventShown, rows, limit=limit)
        columns = {
            "AT": lambda event: event.at,
            "WHO": lambda event: event.actor,
            "WHAT": lambda event: event.kind,
            "TO": lambda event: event.subject,
            "DETAIL": lambda event: event.detail,
        }
        output.listing(found, columns, as_json=json, empty="Nothing happened yet.")

    def verify(self, *, json: Json = False) -> int:
        """Recompute the chain of seals, and compare it with the heads in journal-heads.jsonl.

        Ends with 1 when anything was changed, removed or cut off.
        """
        with self._opened() as system:
            found = jobs.verify(system)
        if json:
            output.document(VerificationShown(ok=not found.problems, **asdict(found)))
        else:
            for problem in found.problems:
                output.say(problem)
            verdict = "is NOT what it was" if found.problems else "is what it was"
            output.say(
                f"The journal {verdict}: {found.events:,} events, {found.seals:,} seals, "
                f"{found.waiting:,} events wait for a seal."
            )
            if found.head:
                output.say(f"Head: {found.head}")
        return 1 if found.problems else 0
