"""Use cases of the controls: read one, change it, take a change back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, Misconfigured, NotFound
from recoup.core.sealing import Sealer
from recoup.office.controls import queries, rules
from recoup.office.controls.models import ControlVersion
from recoup.office.controls.rules import Control, T
from recoup.office.journal import service as journal


def value(db: Session, control: Control[T], *, sealer: Sealer | None = None) -> T:
    """Return what the control is set to, or its default; a secret needs the ``sealer`` that it was kept with.

    Raise Misconfigured when the kept value no longer fits, as after an upgrade with narrower bounds: going on with
    a default that nobody chose would be worse.
    """
    version = queries.latest(db, control.name)
    if version is None:
        return rules.checked(control, control.default)  # a copy, where it is a list
    if error := rules.problem_with(control, version.value):
        raise Misconfigured(f"{error.detail} It was set to that as version {version.version}.", fix=error.fix)
    return rules.checked(control, rules.opened(control, version.value, sealer=sealer))


@dataclass(frozen=True, slots=True)
class Held:
    """What several controls are set to, read at once."""

    versions: Mapping[str, ControlVersion]

    def value(self, control: Control[T]) -> T:
        """Return one of them as ``service.value`` does; it has to be one that was asked for, and no secret."""
        version = self.versions.get(control.name)
        if version is None:
            return rules.checked(control, control.default)
        if error := rules.problem_with(control, version.value):
            raise Misconfigured(
                f"{error.detail} It was set to that as version {version.version}.", fix=error.fix
            )
        return rules.checked(control, rules.opened(control, version.value, sealer=None))


def values(db: Session, *controls: Control[Any]) -> Held:
    """Read several controls with one question."""
    return Held(queries.current(db, [one.name for one in controls]))


def change(
    db: Session,
    control: Control[T],
    new: object,
    *,
    expected_version: int,
    actor: str,
    now: datetime,
    note: str = "",
    sealer: Sealer | None = None,
) -> ControlVersion:
    """Set the control to ``new`` and return the version that holds now: the same one where nothing is new.

    ``expected_version`` is the version the caller saw (0: the default). Raise Conflict when somebody else changed
    it since, and Invalid when the value does not fit.
    """
    kept = rules.kept(control, rules.checked(control, new), sealer=sealer)
    before = _seen(db, control, expected_version)
    if before is not None and before.value == kept and not note:
        return before  # pressed once more, and nothing to tell
    return _write(db, control, kept, before=before, actor=actor, now=now, note=note)


def undo(
    db: Session,
    control: Control[T],
    *,
    to_version: int,
    expected_version: int,
    actor: str,
    now: datetime,
    note: str = "",
) -> ControlVersion:
    """Set the control to what it was at ``to_version`` (0: the default), as a new version.

    Raise NotFound when there is no such version, Conflict and Invalid as ``change`` does.
    """
    before = _seen(db, control, expected_version)
    old: object = rules.to_json(control.default)
    if to_version:
        version = queries.version_of(db, control.name, to_version)
        if version is None:
            raise NotFound(f"{control.name} has no version {to_version}.", fix="Choose one from its history.")
        old = version.value
    if error := rules.problem_with(control, old):
        raise error
    note = note or (f"Back to version {to_version}" if to_version else "Back to the default")
    return _write(db, control, old, before=before, actor=actor, now=now, note=note)


def _seen(db: Session, control: Control[T], expected_version: int) -> ControlVersion | None:
    """Keep others from changing the control until this transaction ends, and compare what the caller saw."""
    lock(db, f"recoup.control:{control.name}")
    latest = queries.latest(db, control.name)
    if (latest.version if latest else 0) != expected_version:
        raise Conflict(
            f"{control.name} was changed meanwhile" + (f" by {latest.changed_by}." if latest else "."),
            fix="Look at its value again, and change it if that is still right.",
        )
    return latest


def _write(
    db: Session,
    control: Control[T],
    kept: object,
    *,
    before: ControlVersion | None,
    actor: str,
    now: datetime,
    note: str,
) -> ControlVersion:
    version = ControlVersion(
        name=control.name,
        version=before.version + 1 if before else 1,
        value=kept,
        changed_at=now,
        changed_by=actor,
        note=note,
    )
    db.add(version)
    db.flush()
    journal.record(
        db,
        "controls.changed",
        f"controls/control/{control.name}",
        actor=actor,
        now=now,
        version=version.version,
        was=rules.told(control, before.value if before else rules.to_json(control.default)),
        value=rules.told(control, kept),
        note=note,
    )
    return version
