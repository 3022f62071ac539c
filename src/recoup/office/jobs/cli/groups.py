"""The two groups of commands that jobs plug in."""

from __future__ import annotations

import cyclopts

from recoup.office.jobs.cli.jobs import JobCommands
from recoup.office.jobs.cli.runs import RunCommands
from recoup.web.area import OpenSystem


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the groups ``jobs`` and ``runs``."""
    on_jobs, on_runs = JobCommands(opened), RunCommands(opened)
    jobs = cyclopts.App(name="jobs", help="What runs when: list, run, pause, schedule.")
    jobs.command(on_jobs.listed, name="list")
    jobs.command(on_jobs.run)
    jobs.command(on_jobs.pause)
    jobs.command(on_jobs.resume)
    jobs.command(on_jobs.schedule)
    jobs.command(on_jobs.notify)
    runs = cyclopts.App(
        name="runs", help="What ran and runs: list, show, tail, cancel, look after, run again."
    )
    runs.command(on_runs.listed, name="list")
    runs.command(on_runs.show)
    runs.command(on_runs.tail)
    runs.command(on_runs.cancel)
    runs.command(on_runs.looked_after)
    runs.command(on_runs.again)
    return (jobs, runs)
