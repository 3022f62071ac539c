"""What the journal says of its health."""

from __future__ import annotations

import functools

from recoup.core.parts import Check, Probe
from recoup.core.system import System
from recoup.office.journal import jobs


def intact(system: System) -> list[Probe]:
    """Offer to verify the whole chain, which takes as long as it is."""
    told = "Computes every seal of the journal anew and compares."
    return [Probe("journal", told, functools.partial(_verified, system), seconds=None)]


def _verified(system: System) -> Check:
    found = jobs.verify(system)
    if found.problems:
        more = f" And {len(found.problems) - 1} more." if len(found.problems) > 1 else ""
        fix = (
            "Find out who changed it: `recoup journal verify` lists all of it. Restore a backup if you must."
        )
        return Check("journal", ok=False, detail=found.problems[0] + more, fix=fix)
    detail = (
        f"{found.events:,} events under {found.seals:,} seals are what they were; {found.waiting:,} wait."
    )
    return Check("journal", ok=True, detail=detail)
