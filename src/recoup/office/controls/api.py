"""The controls' routes."""

from __future__ import annotations

from fastapi import Depends

from recoup.core.sealing import sealer_of
from recoup.office.controls import queries, service
from recoup.office.controls.schemas import ControlAsked, ControlInFull, ControlShown, UndoAsked
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.wire import Page, found

router = Router(prefix="/controls", tags=["controls"], dependencies=[Depends(may("controls.look"))])


@router.get("", summary="What can be changed while everything runs")
def listed(db: Db, system: Running) -> Page[ControlShown]:
    """Return every control with what holds."""
    known = system.parts.controls
    current = queries.current(db, known.keys())
    return Page[ControlShown](
        items=[ControlShown.of(known[name], current.get(name)) for name in sorted(known)]
    )


@router.get("/{name}", summary="One control and its history")
def one(db: Db, system: Running, name: str) -> ControlInFull:
    """Return a control."""
    control = found(system.parts.controls.get(name), f"control {name!r}", see="controls list")
    return ControlInFull.with_history(control, queries.history(db, control.name))


@router.put("/{name}", summary="Set a control", dependencies=[Depends(may("controls.change"))])
def change(
    *, db: Db, system: Running, actor: Actor, now: Now, name: str, asked: ControlAsked
) -> ControlInFull:
    """Set a control; refused when somebody else changed it since you looked."""
    control = found(system.parts.controls.get(name), f"control {name!r}", see="controls list")
    service.change(
        db,
        control,
        asked.value,
        expected_version=asked.expected_version,
        actor=actor,
        now=now,
        note=asked.note,
        sealer=sealer_of(system.settings),
    )
    return ControlInFull.with_history(control, queries.history(db, control.name))


@router.post("/{name}/undo", summary="Set a control back", dependencies=[Depends(may("controls.change"))])
def undo(*, db: Db, system: Running, actor: Actor, now: Now, name: str, asked: UndoAsked) -> ControlInFull:
    """Set a control to what it was at a version, as a new version."""
    control = found(system.parts.controls.get(name), f"control {name!r}", see="controls list")
    service.undo(
        db,
        control,
        to_version=asked.to_version,
        expected_version=asked.expected_version,
        actor=actor,
        now=now,
        note=asked.note,
    )
    return ControlInFull.with_history(control, queries.history(db, control.name))
