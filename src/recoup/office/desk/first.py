"""What to do first on a fresh installation, beside what the areas say."""

from __future__ import annotations

from sqlalchemy.orm import Session

from recoup.core.system import System
from recoup.office.desk import queries
from recoup.web.area import Step


def steps(_system: System, db: Session) -> list[Step]:
    """Return the steps that belong to no single area."""
    return [
        Step(
            "Let a colleague in",
            "Add somebody by their mail address; they sign in with a code, no password.",
            "/desk/people",
            is_done=queries.has_people(db),
        ),
        Step(
            "Or look at it at work first",
            "`recoup demo` shows three days of usage, with stand-ins for the outside world.",
            "",
            is_done=False,
        ),
    ]
