"""Pages of the controls: what can be changed while everything runs, one of them, and its history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from pydantic import Field

from recoup.core.errors import Conflict, RecoupError
from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.controls import rules, service, shown
from recoup.office.controls.rules import Control
from recoup.web import forms, pages
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import Asked, Note, found

LONGEST_TYPED = 100_000

router = Router(prefix="/desk/controls", dependencies=[Depends(may("controls.look"))])

WHY = forms.Field("note", "Why", help="Stands in the history beside the change. May be empty.")


class ChangeTyped(Asked):
    """The form of a control."""

    value: str = Field(default="", max_length=LONGEST_TYPED)
    note: Note = ""
    expected_version: int = Field(ge=0)


class UndoTyped(Asked):
    """The button of a version."""

    to_version: int = Field(ge=0)
    expected_version: int = Field(ge=0)


@router.get("")
def listed(
    request: Request, db: Db, system: Running, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """List every control by part, or those that a text finds."""
    groups = shown.groups(db, system, text=q.strip())
    return pages.render(request, "controls/list.html", groups=groups, q=q.strip(), text=shown.as_text)


@router.get("/{name}")
def one(
    request: Request, db: Db, system: Running, name: str, before: Annotated[int | None, Query(ge=1)] = None
) -> Response:
    """Show a control, the form that changes it, and its history."""
    return _page(request, db, system, _control(system, name), before=before)


@router.post("/{name}", dependencies=[Depends(may("controls.change"))])
def change(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, name: str, typed: Typed
) -> Response:
    """Set a control; what somebody else set meanwhile is shown beside what was typed."""
    control = _control(system, name)
    asked, errors = forms.read(ChangeTyped, typed)
    if asked is None:
        return _page(request, db, system, control, typed=typed, errors=errors, status=422)
    text = asked.value.replace("\r\n", "\n") or ("no" if control.type is bool else "")
    try:
        service.change(
            db,
            control,
            rules.read(control, text),
            expected_version=asked.expected_version,
            actor=actor,
            now=now,
            note=asked.note,
            sealer=sealer_of(system.settings),
        )
    except Conflict as error:
        return _page(request, db, system, control, typed=typed, conflict=error, status=error.status)
    except RecoupError as error:
        errors = {"value": error.sentence()}
        return _page(request, db, system, control, typed=typed, errors=errors, status=error.status)
    return pages.lead_on(
        f"/desk/controls/{name}", f"{rules.title_of(name)} holds as you set it, from now on."
    )


@router.post("/{name}/undo", dependencies=[Depends(may("controls.change"))])
def undo(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, name: str, typed: Typed
) -> Response:
    """Set a control back to what it was, or to its default."""
    control = _control(system, name)
    asked, errors = forms.read(UndoTyped, typed)
    if asked is None:
        return _page(request, db, system, control, problem=" ".join(errors.values()), status=422)
    to, seen = asked.to_version, asked.expected_version
    try:
        service.undo(db, control, to_version=to, expected_version=seen, actor=actor, now=now)
    except RecoupError as error:
        return _page(request, db, system, control, problem=error, status=error.status)
    said = f"as version {to} had it" if to else "its default"
    return pages.lead_on(f"/desk/controls/{name}", f"{rules.title_of(name)} is {said} again.")


def _control(system: System, name: str) -> Control[Any]:
    return found(system.parts.controls.get(name), f"control {name[:100]!r}", see="controls list")


def _page(
    request: Request,
    db: Db,
    system: System,
    control: Control[Any],
    *,
    before: int | None = None,
    typed: Mapping[str, str | list[str]] | None = None,
    errors: Mapping[str, str] | None = None,
    conflict: Conflict | None = None,
    problem: RecoupError | str | None = None,
    status: int = 200,
) -> Response:
    full = shown.in_full(db, system, control, before=before)
    holds = shown.typed_of(control, full.line.shown.value)
    return pages.render(
        request,
        "controls/one.html",
        status=status,
        full=full,
        field=shown.field_of(control),
        value=typed.get("value", "") if typed is not None and not control.secret else holds,
        note=typed.get("note", "") if typed is not None else "",
        errors=errors or {},
        why=WHY,
        conflict=conflict,
        problem=problem,
        before=before,
        text=shown.as_text,
        told=rules.told,
    )
