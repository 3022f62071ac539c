"""Use cases of templates: what holds, change it, go back, try it out. A template that breaks never stops a mail."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from recoup.core.db import lock
from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.journal import queries as journal_queries
from recoup.office.journal import service as journal
from recoup.office.messages import catalogue, outgoing, queries, rendering, rules, sandbox
from recoup.office.messages.catalogue import Declared
from recoup.office.messages.models import Draft, Message, TemplateVersion
from recoup.office.messages.rendering import Sources
from recoup.office.messages.sandbox import Part
from recoup.office.outbox import service as outbox

FELL_BACK = "messages.fell_back"
KIND, CHANNEL = "message", "mail"
MOST_TRIED = 5
"""Real messages that a change is tried on before it holds."""
A_DAY = timedelta(days=1)

log = logging.getLogger("recoup.messages")


def rendered(
    db: Session,
    template: str,
    context: Mapping[str, object],
    *,
    secret: Mapping[str, object] | None,
    now: datetime,
) -> tuple[int, rules.Rendered, rules.Rendered | None]:
    """Render a message with the version that holds; return its number, the message, and the one with ``secret``.

    Where somebody's version fails, the packaged one (0) takes its place, and the administrators are told.
    """
    held = queries.latest(db, template) if template in catalogue.TEMPLATES else None
    if held is not None and held.html is not None:
        declared, sources = catalogue.TEMPLATES[template], sources_of(held)
        try:
            shown = sandbox.render(declared, sources, rendering.given(rendering.kept(context)))
            with_secret = (
                sandbox.render(declared, sources, rendering.given(rendering.kept(secret))) if secret else None
            )
        except sandbox.Broken as broken:
            _note_fall_back(db, held, broken, now)
        else:
            return held.version, shown, with_secret
    return 0, rendering.packaged(template, context), rendering.packaged(template, secret) if secret else None


def sources_of(version: TemplateVersion | None) -> Sources:
    """Return the texts of a version that has any."""
    if version is None or version.subject is None or version.text is None or version.html is None:
        raise NotFound("This version has no texts of its own: it is the packaged one.")
    return {"subject": version.subject, "text": version.text, "html": version.html}


def current(db: Session, declared: Declared) -> tuple[int, Sources]:
    """Return the version that holds (0: none was ever made) and its texts."""
    held = queries.latest(db, declared.name)
    if held is None or held.html is None:
        return (held.version if held else 0), rendering.packaged_sources(declared.name)
    return held.version, sources_of(held)


def texts_at(db: Session, declared: Declared, version: int) -> Sources:
    """Return the texts that a version stands for; 0 is the packaged one. Raise NotFound."""
    row = queries.version(db, declared.name, version) if version else None
    if version and row is None:
        raise NotFound(f"{declared.name} has no version {version}.", fix="Choose one from its history.")
    return sources_of(row) if row and row.html is not None else rendering.packaged_sources(declared.name)


def real_context(db: Session, declared: Declared) -> tuple[Mapping[str, Any], UUID | None]:
    """Return what the latest message of a template was made from, and its delivery; else a sample and None."""
    for message in queries.latest_messages(db, declared.name, limit=1):
        return rendering.given(message.context), message.delivery_id
    return declared.samples[0], None


def problems(db: Session, declared: Declared, sources: Sources) -> list[sandbox.Problem]:
    """Return what is wrong with texts, tried on samples and on what the latest messages were made from."""
    messages = queries.latest_messages(db, declared.name, limit=MOST_TRIED)
    return rendering.problems(declared, sources, tuple(rendering.given(one.context) for one in messages))


def preview(
    db: Session, declared: Declared, sources: Sources
) -> tuple[rules.Rendered | None, UUID | None, list[sandbox.Problem]]:
    """Render texts with real data; return the message, whose data it is, and what is wrong (then there is none)."""
    clean = tidied(sources)
    if found := problems(db, declared, clean):
        return None, None, found
    context, source = real_context(db, declared)
    return sandbox.render(declared, clean, context), source, []


def change(
    db: Session,
    declared: Declared,
    sources: Sources,
    *,
    expected_version: int,
    actor: str,
    now: datetime,
    note: str = "",
) -> TemplateVersion:
    """Put texts in the place of what holds, as a new version; return it.

    Raise Invalid with the places of what is wrong, and Conflict when somebody else changed the template since
    ``expected_version``, or when nothing would change.
    """
    clean = tidied(sources)
    if found := problems(db, declared, clean):
        raise Invalid(" ".join(one.sentence() for one in found))
    _seen(db, declared, expected_version)
    if clean == current(db, declared)[1]:
        raise Conflict("Nothing is different from what holds.")
    return _write(db, declared, clean, before=expected_version, actor=actor, now=now, note=note)


def undo(
    db: Session,
    declared: Declared,
    *,
    to_version: int,
    expected_version: int,
    actor: str,
    now: datetime,
    note: str = "",
) -> TemplateVersion:
    """Go back to a version (0: the packaged texts) as a new one. Raise NotFound, Conflict and Invalid as ``change``."""
    sources = texts_at(db, declared, to_version)
    row = queries.version(db, declared.name, to_version) if to_version else None
    is_packaged = row is None or row.html is None
    if not is_packaged and (found := problems(db, declared, sources)):
        raise Invalid(" ".join(one.sentence() for one in found))
    _seen(db, declared, expected_version)
    note = note or (f"Back to version {to_version}" if to_version else "Back to the packaged texts")
    texts = None if is_packaged else sources
    return _write(db, declared, texts, before=expected_version, actor=actor, now=now, note=note)


def keep_draft(
    db: Session, declared: Declared, sources: Sources, *, seen_version: int, actor: str, now: datetime
) -> None:
    """Keep what somebody typed until they save or discard it, whatever is wrong with it."""
    clean = tidied(sources)
    for part, source in clean.items():
        if len(source) > sandbox.LARGEST_SOURCE:
            raise Invalid(f"{sandbox.NAMES[part]}: it is longer than {sandbox.LARGEST_SOURCE:,} characters.")
    texts = {str(part): source for part, source in clean.items()}
    values: dict[str, Any] = {**texts, "seen_version": seen_version, "changed_at": now}
    row = insert(Draft).values(name=declared.name, actor=actor, **values)
    db.execute(row.on_conflict_do_update(index_elements=[Draft.name, Draft.actor], set_=values))


def discard_draft(db: Session, declared: Declared, *, actor: str) -> None:
    """Forget what somebody typed."""
    db.execute(delete(Draft).where(Draft.name == declared.name, Draft.actor == actor))


def send_test(
    db: Session,
    declared: Declared,
    sources: Sources,
    *,
    to: str,
    sender: str,
    actor: str,
    now: datetime,
) -> UUID:
    """Plan a mail with these texts and real data to ``to``, marked as a test; return the delivery.

    Where the template carries a secret, the test carries what the samples have in its place.
    """
    recipient, author = rules.address(to), rules.mailbox(outgoing.author(db, sender))
    context, _ = real_context(db, declared)
    context = {
        **context,
        **{name: declared.samples[0][name] for name in declared.must_name if name in context},
    }
    try:
        written = sandbox.render(declared, tidied(sources), context)
    except sandbox.Broken as broken:
        raise Invalid(broken.problem.sentence()) from None
    marked = rules.as_test(written)
    key = f"test:{declared.name}:{new_id()}"
    compose = functools.partial(rules.compose, key=key, sender=author, to=recipient, now=now)
    delivery_id = outbox.plan(
        db,
        outbox.Plan(
            key=key,
            kind=KIND,
            channel=CHANNEL,
            subject=f"messages/{declared.name}/{key}",
            payload=compose(marked),
            headers={"from": author.addr_spec, "to": recipient.addr_spec},
        ),
        now=now,
    )
    db.add(
        Message(
            delivery_id=delivery_id,
            template=declared.name,
            version=current(db, declared)[0],
            recipient=recipient.addr_spec.lower(),
            subject=marked.subject,
            is_test=True,
            context=rendering.kept(context),
        )
    )
    subject = f"messages/message/{delivery_id}"
    journal.record(
        db,
        "messages.tested",
        subject,
        actor=actor,
        now=now,
        template=declared.name,
        to=recipient.addr_spec,
    )
    return delivery_id


def tell_of_broken(system: System, now: datetime) -> None:
    """Tell the administrators, once a day, of each template that could not be used today."""
    with system.sessions.begin() as db:
        for event in queries.fell_back(db, since=now - A_DAY):
            version, name = event.detail["version"], event.detail["template"]
            system.alert(
                db,
                key=f"template:{name}:{version}",
                title=f"The template {name} cannot be used as it was changed",
                text=f"Version {version} failed: {event.detail['reason']} Mails leave with the packaged texts "
                f"meanwhile. Mend it at /desk/messages/templates/{name}.",
                now=now,
            )


def tidied(sources: Sources) -> Sources:
    """Give every line the same end, as browsers do not."""
    lines = {part: text.replace("\r\n", "\n").replace("\r", "\n") for part, text in sources.items()}
    return {**lines, "subject": lines["subject"].strip()}


def _seen(db: Session, declared: Declared, expected_version: int) -> None:
    """Keep others from changing the template until this transaction ends, and compare what the caller saw."""
    lock(db, f"recoup.message_template:{declared.name}")
    latest = queries.latest(db, declared.name)
    if (latest.version if latest else 0) != expected_version:
        raise Conflict(
            f"{declared.name} was changed meanwhile" + (f" by {latest.changed_by}." if latest else "."),
            fix="Look at it again, and change it if that is still right.",
        )


def _write(
    db: Session,
    declared: Declared,
    sources: Sources | None,
    *,
    before: int,
    actor: str,
    now: datetime,
    note: str,
) -> TemplateVersion:
    texts: dict[Part, str | None] = {part: sources[part] if sources else None for part in sandbox.PARTS}
    row = TemplateVersion(
        name=declared.name,
        version=before + 1,
        subject=texts["subject"],
        text=texts["text"],
        html=texts["html"],
        changed_at=now,
        changed_by=actor,
        note=note,
    )
    db.add(row)
    db.flush()
    discard_draft(db, declared, actor=actor)
    journal.record(
        db,
        "messages.template_changed",
        f"messages/template/{declared.name}",
        actor=actor,
        now=now,
        version=row.version,
        packaged=sources is None,
        note=note,
    )
    return row


def _note_fall_back(db: Session, held: TemplateVersion, broken: sandbox.Broken, now: datetime) -> None:
    """Write down once a day that a version could not be used; ``tell_of_broken`` reads it."""
    subject = f"messages/template/{held.name}"
    log.warning("Template %s, version %d: %s", held.name, held.version, broken.problem.sentence())
    lock(db, f"recoup.fell_back:{held.name}")
    for event in journal_queries.timeline(db, subject=subject, kind=FELL_BACK, limit=1):
        if event.detail["version"] == held.version and event.at > now - A_DAY:
            return
    journal.record(
        db,
        FELL_BACK,
        subject,
        actor="messages",
        now=now,
        template=held.name,
        version=held.version,
        reason=broken.problem.sentence(),
    )
