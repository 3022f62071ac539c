"""The journal's clock, which seals what was committed and writes each new head down; and the job that verifies it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from recoup.core.clock import to_text
from recoup.core.parts import DefaultSchedule, Job, Missed, Outcome, RunningRun
from recoup.core.system import System
from recoup.office.journal import queries, service

MOST_PROBLEMS = 20


def tick(system: System, now: datetime) -> None:
    """Seal until nothing waits, then append the head to ``journal-heads.jsonl`` in RECOUP_HOME."""
    head = None
    while True:
        with system.sessions.begin() as db:
            sealed = service.seal(db, now=now)
        if sealed is None:
            break
        head = sealed
    if head is not None:
        line = json.dumps({"seal": head.number, "hash": head.hash.hex(), "at": to_text(now)})
        with anchors_file(system).open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def anchors_file(system: System) -> Path:
    """Return where heads are written down; copy this file elsewhere to make cutting the journal visible."""
    return system.home / "journal-heads.jsonl"


def read_anchors(system: System) -> dict[int, str]:
    """Return the heads that were written down, by seal number; a half-written last line is passed over."""
    anchors: dict[int, str] = {}
    try:
        lines = anchors_file(system).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return anchors
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        anchors[int(entry["seal"])] = str(entry["hash"])
    return anchors


def verify(
    system: System, *, told: Callable[[int, int], None] = lambda _done, _total: None
) -> service.Verification:
    """Verify the chain against the heads written down so far; ``told`` hears how far it is."""
    anchors = read_anchors(system)
    with system.sessions.begin() as db:
        # One snapshot for the walk and the counts: others record and seal meanwhile.
        db.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        return service.verify(db, anchors=anchors, told=told)


def waiting(system: System) -> int:
    """Return how many events wait for a seal."""
    with system.sessions.begin() as db:
        return queries.counts(db)[1]


class VerifyParams(BaseModel):
    """Verifying takes no parameters."""

    model_config = ConfigDict(extra="forbid")


def run_verify(run: RunningRun, _params: VerifyParams) -> Outcome:
    """Recompute the chain, and write down in it how that ended."""

    def told(done: int, total: int) -> None:
        run.progress(done, total, "Events")
        run.checkpoint()

    found = verify(run.system, told=told)
    for problem in found.problems:
        run.log(problem, level="error")
    with run.transaction() as db:
        service.record(
            db,
            queries.VERIFIED,
            "journal/chain",
            actor=run.system.worker,
            now=run.system.clock(),
            ok=not found.problems,
            verdict="is not what it was" if found.problems else "is what it was",
            events=found.events,
            seals=found.seals,
            head=found.head,
            problems=list(found.problems[:MOST_PROBLEMS]),
            run=str(run.id),
        )
    if found.problems:
        more = f" And {len(found.problems) - 1:,} more." if len(found.problems) > 1 else ""
        return Outcome(f"The journal is not what it was. {found.problems[0]}{more}", needs_person=True)
    return Outcome(f"{found.events:,} events under {found.seals:,} seals are what they were.")


VERIFY = Job(
    name="journal.verify",
    title="Journal: verify the chain",
    help="Recompute every seal, and compare the chain with the heads that were written down outside the database.",
    params=VerifyParams,
    run=run_verify,
    schedule=DefaultSchedule("20 4 * * 0", missed=Missed.LATEST),
)
