"""What the journal says of its health."""

from __future__ import annotations

from recoup.core.parts import Check
from recoup.core.system import System
from recoup.office.journal import jobs


def intact(system: System) -> list[Check]:
    """Verify the whole chain."""
    found = jobs.verify(system)
    if found.problems:
        more = f" And {len(found.problems) - 1} more." if len(found.problems) > 1 else ""
        fix = (
            "Find out who changed it: `recoup journal verify` lists all of it. Restore a backup if you must."
        )
        return [Check("journal", ok=False, detail=found.problems[0] + more, fix=fix)]
    detail = (
        f"{found.events:,} events under {found.seals:,} seals are what they were; {found.waiting:,} wait."
    )
    return [Check("journal", ok=True, detail=detail)]
