"""Pages of templates: what there is, the editor with its preview, versions and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path, Query, Request
from fastapi.responses import Response

from recoup.core.errors import Conflict, Invalid, RecoupError
from recoup.core.system import Caller
from recoup.office.messages import catalogue, queries, rendering, sandbox, wording
from recoup.office.messages.pages import editor
from recoup.office.messages.rendering import Sources
from recoup.web import inert, pages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed
from recoup.web.wire import LONGEST_NOTE

router = Router(prefix="/desk/messages/templates", dependencies=[Depends(may("messages.look"))])
changes = Depends(may("messages.change"))

Name = Annotated[str, Path(max_length=80)]
Which = Literal["draft", "saved", "packaged"]
View = Literal["wide", "phone", "text"]


@router.get("")
def listed(request: Request, db: Db) -> Response:
    """List the templates."""
    rows = [(declared, queries.latest(db, declared.name)) for declared in catalogue.TEMPLATES.values()]
    broken = {event.detail["template"]: event.detail for event in queries.fell_back_lately(db)}
    return pages.render(request, "messages/templates.html", rows=rows, broken=broken)


@router.get("/{name}")
def one(
    request: Request, db: Db, actor: Actor, name: Name, view: Annotated[View, Query()] = "wide"
) -> Response:
    """Show a template, to be changed."""
    return editor.shown(request, db, rendering.named(name), actor=actor, view=view)


@router.get("/{name}/look")
def look(
    *,
    db: Db,
    actor: Actor,
    name: Name,
    which: Annotated[Which, Query()] = "saved",
    version: Annotated[int | None, Query(ge=0)] = None,
) -> Response:
    """Show the HTML that a template makes, for the frame in a page."""
    declared = rendering.named(name)
    if version is not None:
        sources = wording.texts_at(db, declared, version)
    else:
        sources = editor.sources(db, declared, which=which, actor=actor)
    context, _ = wording.real_context(db, declared)
    try:
        html = sandbox.render_part(declared, "html", sources["html"], context)
    except sandbox.Broken as broken:
        html = editor.told(broken.problem)
    return inert.framed(html)


@router.get("/{name}/versions/{version}")
def at(request: Request, db: Db, name: Name, version: Annotated[int, Path(ge=0)]) -> Response:
    """Show what a version says, beside the packaged texts."""
    declared = rendering.named(name)
    sources = wording.texts_at(db, declared, version)
    return pages.render(
        request,
        "messages/version.html",
        declared=declared,
        version=version,
        row=queries.version(db, name, version) if version else None,
        held=wording.current(db, declared)[0],
        differences=editor.differences(rendering.packaged_sources(name), sources),
    )


@router.post("/{name}/draft", dependencies=[changes])
def draft(*, request: Request, db: Db, actor: Actor, now: Now, name: Name, typed: Typed) -> Response:
    """Keep what was typed, and show how it looks."""
    declared, sources = rendering.named(name), _sources(typed)
    seen = _version(typed, "seen_version")
    try:
        wording.keep_draft(db, declared, sources, seen_version=seen, actor=actor, now=now)
    except Invalid as error:
        return editor.shown(
            request, db, declared, actor=actor, status=error.status, problem=error, typed=sources, seen=seen
        )
    return pages.lead_on(
        f"/desk/messages/templates/{name}#preview", "This is how it looks. Nothing is saved yet.", tone="calm"
    )


@router.post("/{name}/discard", dependencies=[changes])
def discard(db: Db, actor: Actor, name: Name) -> Response:
    """Forget what was typed."""
    wording.discard_draft(db, rendering.named(name), actor=actor)
    return pages.lead_on(f"/desk/messages/templates/{name}", "Your draft is gone.")


@router.post("/{name}/save", dependencies=[changes])
def save(*, request: Request, db: Db, actor: Actor, now: Now, name: Name, typed: Typed) -> Response:
    """Put what was typed in the place of what holds."""
    declared, sources = rendering.named(name), _sources(typed)
    seen, note = _version(typed, "seen_version"), _text(typed, "note").strip()
    try:
        if len(note) > LONGEST_NOTE or not note.isprintable():
            raise Invalid(f"The note has to be one line of at most {LONGEST_NOTE:,} visible characters.")
        with db.begin_nested():
            row = wording.change(
                db, declared, sources, expected_version=seen, actor=actor, now=now, note=note
            )
    except RecoupError as error:
        return editor.shown(
            request,
            db,
            declared,
            actor=actor,
            status=error.status,
            problem=error
            if isinstance(error, Conflict) or not editor.problems(db, declared, sources)
            else None,
            typed=sources,
            seen=seen,
            note=note,
        )
    return pages.lead_on(f"/desk/messages/templates/{name}", f"Version {row.version} holds from now on.")


@router.post("/{name}/undo", dependencies=[changes])
def undo(*, request: Request, db: Db, actor: Actor, now: Now, name: Name, typed: Typed) -> Response:
    """Go back to a version, or to the packaged texts."""
    declared = rendering.named(name)
    to, seen = _version(typed, "to_version"), _version(typed, "seen_version")
    try:
        with db.begin_nested():
            row = wording.undo(db, declared, to_version=to, expected_version=seen, actor=actor, now=now)
    except RecoupError as error:
        return editor.shown(request, db, declared, actor=actor, status=error.status, problem=error)
    return pages.lead_on(
        f"/desk/messages/templates/{name}", f"{row.note}: version {row.version} holds from now on."
    )


@router.post("/{name}/test", dependencies=[changes])
def test(
    *,
    request: Request,
    db: Db,
    system: Running,
    actor: Actor,
    me: SignedIn,
    now: Now,
    name: Name,
    typed: Typed,
) -> Response:
    """Send a mail with the draft, or with what holds, marked as a test."""
    declared, to = rendering.named(name), _text(typed, "to").strip() or own_address(me)
    sources = editor.sources(db, declared, which="draft", actor=actor)
    try:
        with db.begin_nested():
            delivery_id: UUID = wording.send_test(
                db, declared, sources, to=to, sender=system.settings.mail.sender, actor=actor, now=now
            )
    except RecoupError as error:
        return editor.shown(
            request, db, declared, actor=actor, status=error.status, test_problem=error, to=to
        )
    return pages.lead_on(f"/desk/messages/{delivery_id}", f"A test goes to {to}.")


def own_address(me: Caller) -> str:
    """Return the address of who is signed in; nothing for the holder of a key."""
    return me.name if "@" in me.name else ""


def _sources(typed: Mapping[str, str | list[str]]) -> Sources:
    return wording.tidied({part: _text(typed, part) for part in sandbox.PARTS})


def _text(typed: Mapping[str, str | list[str]], name: str) -> str:
    value = typed.get(name, "")
    return value if isinstance(value, str) else value[0]


def _version(typed: Mapping[str, str | list[str]], name: str) -> int:
    text = _text(typed, name)
    if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004 - far more versions than anybody makes
        raise Invalid("The version that this was begun from is missing.", fix="Open the template again.")
    return int(text)
