"""Names that tests of jobs and runs share."""

from __future__ import annotations

from collections.abc import Callable

from recoup.office.jobs.models import Run

EVIL = "<script>alert(1)</script> {{7*7}}"

AddRun = Callable[..., Run]
"""Puts a run into the table: the job's name, then its columns by name; ``at`` is when it was queued and ran."""

AddLines = Callable[..., None]
"""Writes lines into a run's log: the run, then the texts; ``first``, ``attempt`` and ``level`` by name."""
