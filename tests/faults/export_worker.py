"""A process that exports in children of its own, one per line on its standard input, each ended at the step it names.

It imports everything once and then forks: a child costs milliseconds. An order is one line of JSON (see ``Order``), its
outcome another: ``ended`` (the child's exit status, negative for a signal), ``at`` (the label of the step that it was
ended at), ``steps`` and ``kinds`` where it came to its end, and ``error`` where that end was a failure.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy.orm import configure_mappers

from recoup import app
from recoup.office.jobs import execution
from recoup.office.outbox import handover

from faults.steps import Steps, watch_database, watch_files, watch_requests
from support.postgres import kill_server


@dataclass(frozen=True)
class Order:
    """What one child does: where it works, what time it is, and at which step (0: none) what happens to whom.

    ``server``: the home of the Postgres that is killed at that step; without it the child kills itself.
    """

    cwd: str
    environ: dict[str, str]
    owner_url: str
    app_url: str
    now: str
    at: int
    server: str | None = None


def main() -> None:
    """Serve orders until standard input ends."""
    configure_mappers()  # or each child would
    for line in sys.stdin:
        order = Order(**json.loads(line))
        ours, theirs = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(ours)
            os._exit(_obey(order, theirs))
        os.close(theirs)
        with os.fdopen(ours) as told:
            said = [json.loads(each) for each in told]
        _, status = os.waitpid(child, 0)
        outcome: dict[str, Any] = {"ended": os.waitstatus_to_exitcode(status)}
        for each in said:
            outcome |= each
        print(json.dumps(outcome), flush=True)  # noqa: T201 - the answer to the order


def _obey(order: Order, told: int) -> int:
    def tell(**facts: object) -> None:
        os.write(told, json.dumps(facts).encode() + b"\n")

    def act(label: str) -> None:
        tell(at=label)
        if order.server is None:
            os.kill(os.getpid(), signal.SIGKILL)
        else:
            kill_server(Path(order.server))

    steps = Steps(order.at, act)
    try:
        _export(order, steps)
    except Exception:  # noqa: BLE001 - how it failed is what the test wants to know
        tell(error=traceback.format_exc())
        return 1
    finally:
        tell(steps=steps.taken, kinds=steps.kinds)
    return 0


def _export(order: Order, steps: Steps) -> None:
    """Export once, as a crontab does, and let the mails out that it planned, as a worker does."""
    watch_database(steps)
    watch_files(steps)
    now = datetime.fromisoformat(order.now)
    settings = app.read_settings(cwd=Path(order.cwd), environ=order.environ)
    databases = app.Databases(order.owner_url, order.app_url)
    with app.composed(settings, databases, clock=lambda: now) as system:
        watch_requests(steps, system.ports.channels["clazar"]._client)  # type: ignore[attr-defined]
        steps.arm()
        execution.execute_here(system, system.parts.jobs["metering.export"], {}, actor="crontab")
        handover.drain(system, "mail")
        steps.disarm()


if __name__ == "__main__":
    main()
