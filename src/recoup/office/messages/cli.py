"""The commands of messages and their templates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from recoup.core.errors import Invalid
from recoup.office.messages import catalogue, queries, rendering, sandbox, wording
from recoup.office.messages.api import shown
from recoup.office.messages.lists import MESSAGES
from recoup.office.messages.rendering import Sources
from recoup.office.messages.schemas import MessagePage, MessageShown, Preview, TemplateShown
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.lists import Wanted
from recoup.web.output import Json, Limit, Note
from recoup.web.wire import Page

Name = Annotated[str, Parameter(help="Its name, from `recoup messages templates list`.")]
Folder = Annotated[Path, Parameter(help="A folder with subject.txt, body.txt and body.html.")]


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``messages``."""
    these = _Commands(opened)
    group = cyclopts.App(name="messages", help="Mails that left or wait, and the templates they are made of.")
    group.command(these.listed, name="list")
    templates = cyclopts.App(name="templates", help="What mails say: every version is kept.")
    templates.command(these.templates, name="list")
    templates.command(these.show)
    templates.command(these.set_, name="set")
    templates.command(these.undo)
    templates.command(these.preview)
    templates.command(these.test)
    group.command(templates)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(
        self,
        *,
        to: Annotated[str | None, Parameter(help="Only to addresses that begin so.")] = None,
        template: Annotated[str | None, Parameter(help="Only of this template.")] = None,
        after: Annotated[str | None, Parameter(help="Go on behind an earlier page.")] = None,
        limit: Limit = 50,
        json: Json = False,
    ) -> None:
        """List mails, newest first."""
        filters = {name: value for name, value in (("to", to), ("template", template)) if value}
        with self._opened() as system, system.sessions.begin() as db:
            page = queries.mails_page(db, Wanted(filters, MESSAGES.orders[0], after, limit))
            items = [MessageShown.model_validate(row) for row in page.rows]
        if json:
            output.document(MessagePage(items=items, next=page.next))
            return
        columns: output.Columns = {
            "ID": lambda row: row.id,
            "STATE": lambda row: row.state,
            "TO": lambda row: row.recipient,
            "SUBJECT": lambda row: row.subject,
            "WRITTEN": lambda row: row.created_at,
        }
        output.table(columns, items, empty="No mail was written yet.")
        if page.next:
            output.note(f"There are more: add --after {page.next}")

    def templates(self, *, json: Json = False) -> None:
        """List the templates."""
        with self._opened() as system, system.sessions.begin() as db:
            items = [
                TemplateShown.of(one, queries.latest(db, one.name)) for one in catalogue.TEMPLATES.values()
            ]
        columns: output.Columns = {
            "NAME": lambda row: row.name,
            "TITLE": lambda row: row.title,
            "HOLDS": lambda row: "as packaged" if row.is_packaged else f"version {row.version}",
        }
        output.listing(Page[TemplateShown](items=items), columns, as_json=json, empty="There are none.")

    def show(
        self,
        template: Name,
        *,
        into: Annotated[Path | None, Parameter(help="Write the three texts into this folder.")] = None,
        json: Json = False,
    ) -> None:
        """Show a template: its texts, what it may name, and its versions."""
        with self._opened() as system, system.sessions.begin() as db:
            full = shown(db, rendering.named(template))
        if into is not None:
            into.mkdir(parents=True, exist_ok=True)
            for part, name in rendering.FILES.items():
                (into / name).write_text(getattr(full, part), encoding="utf-8")
        if json:
            output.document(full)
            return
        output.fields(full.model_dump(exclude={"text", "html", "variables", "history"}))
        output.say("\nIt may name:")
        output.fields(full.variables)
        for part in ("text", "html"):
            output.say(f"\n--- {part}")
            for line in getattr(full, part).splitlines():
                output.say(output.clean(line))
        for row in full.history:
            output.say(
                f"\nversion {row.version}, {output.shown(row.changed_at)}, {row.changed_by}: {row.note}"
            )

    def set_(self, template: Name, folder: Folder, *, note: Note = "", json: Json = False) -> None:
        """Put the texts of a folder in the place of what holds, as a new version."""
        sources = _read(folder)
        with self._opened() as system, system.sessions.begin() as db:
            declared = rendering.named(template)
            seen, _ = wording.current(db, declared)
            actor, now = output.actor(), system.clock()
            wording.change(db, declared, sources, expected_version=seen, actor=actor, now=now, note=note)
            full = shown(db, declared)
        self._told(full.version, json=json, template=template)

    def undo(
        self,
        template: Name,
        *,
        to: Annotated[int, Parameter(help="The version; 0: the packaged texts.")] = 0,
        note: Note = "",
        json: Json = False,
    ) -> None:
        """Go back to a version, or to the packaged texts."""
        with self._opened() as system, system.sessions.begin() as db:
            declared = rendering.named(template)
            seen, _ = wording.current(db, declared)
            actor, now = output.actor(), system.clock()
            row = wording.undo(
                db, declared, to_version=to, expected_version=seen, actor=actor, now=now, note=note
            )
        self._told(row.version, json=json, template=template)

    def preview(self, template: Name, folder: Folder, *, json: Json = False) -> None:
        """Show how the texts of a folder would read, or what is wrong with them; nothing is saved."""
        sources = _read(folder)
        with self._opened() as system, system.sessions.begin() as db:
            rendered, source, problems = wording.preview(db, rendering.named(template), sources)
        if json:
            output.document(Preview.of(rendered, source, problems))
        elif rendered is None:
            raise Invalid(" ".join(one.sentence() for one in problems))
        else:
            output.say(f"Subject: {output.clean(rendered.subject)}\n")
            for line in rendered.text.splitlines():
                output.say(output.clean(line))

    def test(
        self,
        template: Name,
        *,
        to: Annotated[str, Parameter(help="The address that it goes to.")],
        folder: Annotated[Path | None, Parameter(help="With the texts of this folder, unsaved.")] = None,
        json: Json = False,
    ) -> None:
        """Send a mail that says that it is a test."""
        with self._opened() as system, system.sessions.begin() as db:
            declared = rendering.named(template)
            sources = _read(folder) if folder else wording.current(db, declared)[1]
            delivery = wording.send_test(
                db,
                declared,
                sources,
                to=to,
                sender=system.settings.mail.sender,
                actor=output.actor(),
                now=system.clock(),
            )
        if json:
            output.document({"delivery": str(delivery)})
        else:
            output.say(f"A test goes to {to}: delivery {delivery}.")

    def _told(self, version: int, *, json: bool, template: str) -> None:
        if json:
            output.document({"template": template, "version": version})
        else:
            output.say(f"Version {version} of {template} holds from now on.")


def _read(folder: Path) -> Sources:
    """Read the three texts of a template from a folder; raise Invalid."""
    texts: dict[sandbox.Part, str] = {}
    for part, name in rendering.FILES.items():
        try:
            texts[part] = (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise Invalid(
                f"{folder / name} cannot be read: {error}.",
                fix="Write the folder with `recoup messages templates show NAME --into FOLDER`, and change it.",
            ) from None
    return texts
