"""Controls as they are shown, with what fits them, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from recoup.office.controls import rules
from recoup.office.controls.models import ControlVersion
from recoup.office.controls.rules import Control
from recoup.web.wire import Asked, Instant, Note, Shown


class VersionShown(Shown):
    """One change of a control."""

    version: int
    value: Any
    changed_at: Instant
    changed_by: str
    note: str

    @classmethod
    def of(cls, control: Control[Any], row: ControlVersion) -> VersionShown:
        """Show a version, of a secret only that it was set."""
        value, at = rules.told(control, row.value), row.changed_at
        return cls(version=row.version, value=value, changed_at=at, changed_by=row.changed_by, note=row.note)


class ControlShown(Shown):
    """A control: what holds, what fits, and who set it. Decimals are text."""

    name: str
    help: str
    fits: str = Field(description="In words, what it can be set to.")
    default: Any
    value: Any
    version: int = Field(description="0 while the default holds; give it back when you change the value.")
    changed_at: Instant | None = None
    changed_by: str | None = None
    problem: str | None = Field(
        default=None, description="Why what was set no longer fits, where it does not."
    )
    secret: bool = Field(default=False, description="Only whether it is set is ever shown.")
    setting: str = Field(default="", description="The setting that wins over it where the process has one.")

    @classmethod
    def of(cls, control: Control[Any], row: ControlVersion | None) -> ControlShown:
        """Show a control with the version that holds (None: the default)."""
        default = rules.to_json(control.default)
        problem = rules.problem_with(control, row.value) if row is not None else None
        return cls(
            name=control.name,
            help=control.help,
            fits=rules.expectation(control),
            default=rules.told(control, default),
            value=rules.told(control, row.value if row else default),
            version=row.version if row else 0,
            changed_at=row.changed_at if row else None,
            changed_by=row.changed_by if row else None,
            problem=problem.sentence() if problem else None,
            secret=control.secret,
            setting=control.setting,
        )


class ControlInFull(ControlShown):
    """A control with its history, newest first."""

    history: list[VersionShown] = Field(default_factory=list)

    @classmethod
    def with_history(cls, control: Control[Any], rows: Sequence[ControlVersion]) -> ControlInFull:
        """Show a control whose versions are ``rows``, newest first."""
        shown = ControlShown.of(control, rows[0] if rows else None)
        return cls(**shown.model_dump(), history=[VersionShown.of(control, row) for row in rows])


class ControlAsked(Asked):
    """Another value for a control."""

    value: Any
    expected_version: int = Field(ge=0, description="The version that you saw.")
    note: Note = ""


class UndoAsked(Asked):
    """Back to what a control was."""

    to_version: int = Field(ge=0, description="0: the default.")
    expected_version: int = Field(ge=0, description="The version that you saw.")
    note: Note = ""
