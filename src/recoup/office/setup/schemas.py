"""What files would change, and did, as it is shown."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from recoup.office.setup.rules.plans import Plan
from recoup.office.setup.rules.reading import Problem
from recoup.web.wire import Shown


class LineShown(Shown):
    """One value of a file."""

    path: str
    change: Literal["changes", "kept", "same"] = Field(
        description="``kept``: no part of this installation reads it yet."
    )
    was: str
    becomes: str
    control: str = Field(description="The control that it sets; empty where it is kept.")
    note: str


class ProblemShown(Shown):
    """What is wrong at one place; an empty path is the file as a whole."""

    path: str
    sentence: str


class FileShown(Shown):
    """One file and what it changes."""

    name: str
    lines: list[LineShown]
    problems: list[ProblemShown]


class PlanShown(Shown):
    """What the files change; ``applied`` is false where that was only looked at, or something is wrong."""

    applied: bool
    files: list[FileShown]

    @classmethod
    def of(cls, plan: Plan, *, applied: bool, unread: tuple[Problem, ...] = ()) -> PlanShown:
        """Show a plan, and the files that could not be read at all."""
        files = [FileShown.model_validate(one) for one in plan.files]
        broken = [
            FileShown(name=one.path, lines=[], problems=[ProblemShown(path="", sentence=one.sentence)])
            for one in unread
        ]
        return cls(applied=applied, files=[*files, *broken])
