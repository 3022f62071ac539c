"""Print a run's log as it grows, with a bar where somebody watches."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from recoup.core.system import System
from recoup.office.jobs.follow import follow, went_well
from recoup.office.jobs.models import RunLine
from recoup.office.jobs.schemas import LineShown, RunShown
from recoup.web import output
from recoup.web.progress import Bars


def tail(system: System, run_id: UUID, *, as_json: bool) -> int:
    """Follow a run until it ends; return 0 when it went well, and 1 when it failed or needs a person."""
    kept: list[LineShown] = []

    def take(lines: Sequence[RunLine]) -> None:
        for line in lines:
            if as_json:
                kept.append(LineShown.model_validate(line))
            else:
                output.say(f"{line.at:%H:%M:%S} {line.level:<7} {output.clean(line.text)}")

    with Bars() as bars:
        run = follow(
            system, run_id, lines=take, standing=lambda run: bars.update(run.label, run.done, run.total)
        )
    shown = RunShown.model_validate(run)
    if as_json:
        output.document({"run": shown, "lines": kept})
    else:
        output.say(f"The run {shown.state}: {output.clean(shown.summary)}")
    return 0 if went_well(run) else 1
