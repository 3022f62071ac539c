"""The lists of jobs: runs, as pages show and exports write them."""

from __future__ import annotations

from datetime import timedelta

from recoup.office.jobs import queries
from recoup.office.jobs.models import Run, RunState
from recoup.web.lists import Column, Filter, Listing, Order


def took(run: Run) -> timedelta | None:
    """Return how long a run took, once it is over."""
    return run.finished_at - run.started_at if run.started_at and run.finished_at else None


RUNS: Listing[Run] = Listing(
    name="runs",
    title="Runs",
    may="jobs.look",
    columns=(
        Column("job", "Job", lambda run: run.job),
        Column("state", "State", lambda run: run.state, "state"),
        Column("queued_at", "Queued", lambda run: run.queued_at, "instant"),
        Column("took", "Took", took, "duration"),
        Column("trigger", "Started by", lambda run: run.actor),
        Column("summary", "What it came to", lambda run: run.summary, "wide"),
        Column("id", "Id", lambda run: run.id, "id", on_page=False),
        Column("started_at", "Started", lambda run: run.started_at, "instant", on_page=False),
        Column("finished_at", "Finished", lambda run: run.finished_at, "instant", on_page=False),
    ),
    orders=(
        Order("newest", "newest first", "queued_at"),
        Order("oldest", "oldest first", "queued_at", descending=False),
    ),
    filters=(
        Filter("job", "Job", placeholder="metering.export"),
        Filter("state", "State", tuple((str(state), str(state)) for state in RunState)),
        Filter(
            "trigger",
            "Trigger",
            (("schedule", "schedule"), ("api", "API"), ("page", "page"), ("cli", "command")),
        ),
    ),
    rows=queries.runs_page,
    href=lambda run: f"/desk/runs/{run.id}",
    empty="Nothing has run yet.",
    todo="A job runs when its schedule says so, or when somebody starts it on its page.",
)
