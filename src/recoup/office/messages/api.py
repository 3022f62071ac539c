"""The routes of messages and their templates."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Query
from sqlalchemy.orm import Session

from recoup.office.messages import catalogue, queries, rendering, wording
from recoup.office.messages.catalogue import Declared
from recoup.office.messages.lists import MESSAGES
from recoup.office.messages.schemas import (
    BackAsked,
    MessagePage,
    MessageShown,
    Preview,
    TemplateAsked,
    TemplateInFull,
    TemplateShown,
    TestAsked,
    TestShown,
    Texts,
)
from recoup.web.auth import Actor, may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.lists import Wanted
from recoup.web.paging import Limit
from recoup.web.wire import Page, Word

router = Router(prefix="/messages", tags=["messages"], dependencies=[Depends(may("messages.look"))])
changes = Depends(may("messages.change"))


@router.get("", summary="Mails that left or wait, newest first")
def listed(
    *,
    db: Db,
    to: Word | None = None,
    template: Word | None = None,
    state: Word | None = None,
    after: Annotated[str | None, Query(max_length=1_000)] = None,
    limit: Limit = 50,
) -> MessagePage:
    """Return mails; ``to`` finds recipients by how they begin."""
    given = {"to": to, "template": template, "state": state}
    filters = {name: value for name, value in given.items() if value}
    page = queries.mails_page(db, Wanted(filters, MESSAGES.orders[0], after, limit))
    return MessagePage(items=[MessageShown.model_validate(row) for row in page.rows], next=page.next)


@router.get("/templates", summary="The templates of mails")
def templates(db: Db) -> Page[TemplateShown]:
    """Return every template, and which of its versions holds."""
    known = catalogue.TEMPLATES.values()
    return Page[TemplateShown](items=[TemplateShown.of(one, queries.latest(db, one.name)) for one in known])


@router.get("/templates/{name}", summary="One template with its texts and its history")
def template(db: Db, name: str) -> TemplateInFull:
    """Return a template."""
    return shown(db, rendering.named(name))


@router.put("/templates/{name}", summary="Change a template", dependencies=[changes])
def change(*, db: Db, actor: Actor, now: Now, name: str, asked: TemplateAsked) -> TemplateInFull:
    """Put texts in the place of what holds; refused where they cannot be used, or somebody changed it since."""
    declared, seen = rendering.named(name), asked.expected_version
    wording.change(
        db, declared, asked.sources(), expected_version=seen, actor=actor, now=now, note=asked.note
    )
    return shown(db, declared)


@router.post("/templates/{name}/undo", summary="Go back to a version of a template", dependencies=[changes])
def undo(*, db: Db, actor: Actor, now: Now, name: str, asked: BackAsked) -> TemplateInFull:
    """Go back to a version, or to the packaged texts, as a new version."""
    declared = rendering.named(name)
    wording.undo(
        db,
        declared,
        to_version=asked.to_version,
        expected_version=asked.expected_version,
        actor=actor,
        now=now,
        note=asked.note,
    )
    return shown(db, declared)


@router.post("/templates/{name}/preview", summary="See how a template would look", dependencies=[changes])
def preview(db: Db, name: str, asked: Texts) -> Preview:
    """Render texts with what the latest such message was made from; nothing is saved."""
    return Preview.of(*wording.preview(db, rendering.named(name), asked.sources()))


@router.post("/templates/{name}/test", summary="Send a test of a template", dependencies=[changes])
def test(*, db: Db, system: Running, actor: Actor, now: Now, name: str, asked: TestAsked) -> TestShown:
    """Plan a mail that says that it is a test."""
    declared = rendering.named(name)
    sources = asked.texts.sources() if asked.texts else wording.current(db, declared)[1]
    sender = system.settings.mail.sender
    delivery = wording.send_test(db, declared, sources, to=asked.to, sender=sender, actor=actor, now=now)
    return TestShown(delivery=delivery)


def shown(db: Session, declared: Declared) -> TemplateInFull:
    """Return a template as the API and the command line show it."""
    rows = queries.history(db, declared.name)
    return TemplateInFull.with_texts(declared, rows, wording.current(db, declared)[1])
