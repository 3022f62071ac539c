"""The lists of jobs: runs, as pages show and exports write them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy.orm import Session

from recoup.core.errors import Invalid
from recoup.office.jobs import queries, queries_pages
from recoup.office.jobs.models import Run, RunState
from recoup.web.lists import Choices, Column, Filter, Listing, Order, Remembered, read_day

STATES: Choices = tuple((str(state), str(state)) for state in RunState)
TRIGGERS: Choices = (
    ("schedule", "its schedule"),
    ("page", "the portal"),
    ("api", "the API"),
    ("command", "a command"),
    ("again", "run again"),
)
YES: Choices = (("yes", "yes"), ("no", "no"))


def took(run: Run) -> timedelta | None:
    """Return how long a run took, once it is over."""
    return run.finished_at - run.started_at if run.started_at and run.finished_at else None


def _jobs(db: Session) -> Choices:
    return tuple((name, name) for name in queries.job_names(db))


def _one_of(title: str, choices: Choices) -> Callable[[str], str]:
    known = {value for value, _ in choices}

    def read(text: str) -> str:
        if text not in known:
            raise Invalid(
                f"{title}: there is no {text[:50]!r}.", fix=f"Choose of {', '.join(sorted(known))}."
            )
        return text

    return read


RUNS: Listing[Run] = Listing(
    name="runs",
    title="Runs",
    may="jobs.look",
    columns=(
        Column("job", "Job", lambda run: run.job),
        Column("state", "State", lambda run: run.state, "state"),
        Column("queued_at", "Queued", lambda run: run.queued_at, "instant"),
        Column("took", "Took", took, "duration"),
        Column("actor", "Started by", lambda run: run.actor),
        Column("summary", "What it came to", lambda run: run.summary, "wide"),
        Column("needs_person", "Needs a person", lambda run: run.needs_person, "yes", on_page=False),
        Column("id", "Id", lambda run: run.id, "id", on_page=False),
        Column("trigger", "Trigger", lambda run: run.trigger, on_page=False),
        Column("slot", "Slot", lambda run: run.slot, "instant", on_page=False),
        Column("attempt", "Attempts", lambda run: run.attempt, "whole", on_page=False),
        Column("started_at", "Started", lambda run: run.started_at, "instant", on_page=False),
        Column("finished_at", "Finished", lambda run: run.finished_at, "instant", on_page=False),
        Column("looked_after_by", "Looked after by", lambda run: run.looked_after_by, on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "queued_at"),
        Order("oldest", "oldest first", "queued_at", descending=False),
    ),
    filters=(
        Filter("job", "Job", Remembered(_jobs)),
        Filter("state", "State", STATES, read=_one_of("State", STATES)),
        Filter("trigger", "Started by", TRIGGERS, read=_one_of("Started by", TRIGGERS)),
        Filter("needs_person", "Needs a person", YES, read=_one_of("Needs a person", YES)),
        Filter("from", "From", kind="day", read=read_day),
        Filter("to", "To", kind="day", read=read_day),
    ),
    rows=queries_pages.runs_page,
    href=lambda run: f"/desk/runs/{run.id}",
    empty="Nothing has run yet.",
    todo="A job runs when its schedule says so, or when somebody starts it on its page.",
)
