"""Puts the editor's page together: texts, what is wrong with them and where, how they look, what was before."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from fastapi import Request
from fastapi.responses import Response
from sqlalchemy.orm import Session

from recoup.core.errors import RecoupError
from recoup.office.messages import catalogue, queries, rendering, sandbox, wording
from recoup.office.messages.catalogue import Declared
from recoup.office.messages.rendering import Sources
from recoup.office.messages.sandbox import Part, Problem
from recoup.web import pages

AROUND = 3
"""Lines that are shown before and behind one that is wrong."""


@dataclass(frozen=True, slots=True)
class Place:
    """A problem with the lines around it; ``first`` is the number of the first one."""

    problem: Problem
    first: int
    lines: Sequence[str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A line of a comparison: kept, added or removed; a gap stands for lines that are the same."""

    kind: str
    text: str


def shown(
    request: Request,
    db: Session,
    declared: Declared,
    *,
    actor: str,
    status: int = 200,
    view: str = "wide",
    problem: RecoupError | None = None,
    typed: Sources | None = None,
    seen: int | None = None,
    note: str = "",
    test_problem: RecoupError | None = None,
    to: str | None = None,
) -> Response:
    """Answer with the page of a template, as it holds, as somebody's draft has it, or as it was just typed."""
    held, saved = wording.current(db, declared)
    draft = queries.draft(db, declared.name, actor)
    texts = typed or (_of(draft.subject, draft.text, draft.html) if draft else saved)
    wrong = problems(db, declared, texts)
    context, source_id = wording.real_context(db, declared)
    preview: dict[Part, str] = {}
    if not typed or not wrong:
        for part in sandbox.PARTS:
            try:
                preview[part] = sandbox.render_part(declared, part, texts[part], context)
            except sandbox.Broken:
                continue
    packaged = rendering.packaged_sources(declared.name)
    return pages.render(
        request,
        "messages/template.html",
        status=status,
        declared=declared,
        filters=catalogue.FILTERS,
        names=sandbox.NAMES,
        texts=texts,
        held=held,
        seen=seen if seen is not None else draft.seen_version if draft and not typed else held,
        draft=draft,
        is_typed=typed is not None,
        is_changed=texts != saved,
        problem=problem,
        places=[_place(one, texts[one.part]) for one in wrong],
        preview=preview,
        which="draft" if draft else "saved",
        view=view,
        source_id=source_id,
        history=queries.history(db, declared.name),
        differences=differences(packaged, texts),
        note=note,
        test_problem=test_problem,
        to=to,
    )


def problems(db: Session, declared: Declared, texts: Sources) -> list[Problem]:
    """Return what is wrong with texts."""
    return wording.problems(db, declared, texts)


def sources(db: Session, declared: Declared, *, which: str, actor: str) -> Sources:
    """Return somebody's draft where they have one, what holds, or the packaged texts."""
    if which == "packaged":
        return rendering.packaged_sources(declared.name)
    draft = queries.draft(db, declared.name, actor) if which == "draft" else None
    return _of(draft.subject, draft.text, draft.html) if draft else wording.current(db, declared)[1]


def differences(before: Sources, after: Sources) -> dict[Part, list[Difference]]:
    """Compare the parts of a template line by line; a part that is the same is left out."""
    found: dict[Part, list[Difference]] = {}
    for part in sandbox.PARTS:
        one, two = before[part].splitlines(), after[part].splitlines()
        if one != two:
            found[part] = [
                _difference(line) for line in difflib.unified_diff(one, two, n=AROUND, lineterm="")
            ][2:]
    return found


def told(problem: Problem) -> str:
    """Write a problem as a document, where a preview would stand."""
    return f'<p style="font:15px/24px sans-serif;padding:24px;color:#b3261e">{escape(problem.sentence())}</p>'


def _difference(line: str) -> Difference:
    kinds = {"+": "added", "-": "removed", "@": "gap"}
    kind = kinds.get(line[:1], "kept")
    return Difference(kind, "⋯" if kind == "gap" else line[1:])


def _place(problem: Problem, source: str) -> Place:
    lines = source.split("\n")
    if problem.line is None or not 0 < problem.line <= len(lines):
        return Place(problem, 1, [])
    first = max(problem.line - AROUND, 1)
    return Place(problem, first, lines[first - 1 : problem.line + AROUND])


def _of(subject: str, text: str, html: str) -> Sources:
    return {"subject": subject, "text": text, "html": html}
