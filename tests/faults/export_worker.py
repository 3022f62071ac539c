"""A process that exports in children of its own: see foreman.py.

Besides how it ended, a child tells ``at`` (the label of the step at which it happened), ``steps`` and ``kinds`` where
it came to an end by itself, and ``error`` where that end was a failure.
"""

from __future__ import annotations

import traceback

from faults.foreman import Order, Tell, as_a_crontab_does, dying, moved_into, serve
from faults.steps import Steps, watch_database, watch_files, watch_requests
from recoup.core.system import System

JOB = "metering.export"


def obey(system: System, order: Order, tell: Tell) -> int:
    """Export in a house, up to the step of an order."""
    steps = Steps(lambda number, _: number == order.at, dying(order, tell))
    try:
        moved = moved_into(system, order.house)
        watch_database(steps, moved.sessions.kw["bind"])
        watch_requests(steps, moved.ports.channels["clazar"]._client)  # type: ignore[attr-defined]
        watch_files(steps)
        steps.arm()
        as_a_crontab_does(moved, JOB)
        steps.disarm()
    except Exception:  # noqa: BLE001 - how it failed is what the test wants to know
        tell(error=traceback.format_exc())
        return 1
    finally:
        tell(steps=steps.taken, kinds=steps.kinds)
    return 0


if __name__ == "__main__":
    serve(JOB, obey)
