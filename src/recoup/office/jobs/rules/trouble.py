"""What a person has to look after: why a run ended as it did, and which runs still wait for somebody."""

from __future__ import annotations

import re
from collections.abc import Sequence

from recoup.office.jobs.models import Run, RunState

_SENTENCE_ENDS = re.compile(r"(?<=[.!?])\s+(?=[\"'(A-Z0-9])|\n")


def cause(summary: str) -> tuple[str, str]:
    """Split what a run came to into the sentence that says why, and what else there is to say."""
    first, *others = _SENTENCE_ENDS.split(summary.strip(), maxsplit=1)
    return first, others[0].strip() if others else ""


def needing_a_person(latest: Sequence[Run]) -> list[Run]:
    """Choose, per job, the latest run that needs a person, unless a later one went well.

    ``latest``: the latest run of every kind, newest first.
    """
    settled: set[str] = set()
    found = []
    for run in latest:
        if run.job in settled:
            continue
        if run.needs_person:
            found.append(run)
        if run.needs_person or run.state == RunState.SUCCEEDED:
            settled.add(run.job)
    return found
