"""Messages and their templates as they are shown, and what is asked of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from pydantic import Field

from recoup.office.messages import rules, sandbox
from recoup.office.messages.catalogue import Declared
from recoup.office.messages.models import TemplateVersion
from recoup.office.messages.rendering import Sources
from recoup.office.messages.sandbox import Problem
from recoup.web.wire import Asked, Instant, Note, Shown, Word


class MessageShown(Shown):
    """A mail that left or waits; its delivery has the same id."""

    id: UUID
    recipient: str
    subject: str
    template: str
    version: int = Field(description="Of the template that it was written with; 0: the packaged one.")
    is_test: bool
    state: str
    reason: str | None
    created_at: Instant
    updated_at: Instant


class MessagePage(Shown):
    """A page of mails."""

    items: list[MessageShown]
    next: str | None = Field(description="Give it as `after` for the next page; null on the last.")


class VersionShown(Shown):
    """One change of a template."""

    version: int
    is_packaged: bool
    changed_at: Instant
    changed_by: str
    note: str


class TemplateShown(Shown):
    """A template, and which of its versions holds."""

    name: str
    title: str
    purpose: str
    version: int = Field(description="0: never changed. Give it back when you change the template.")
    is_packaged: bool = Field(description="Whether the packaged texts hold.")

    @classmethod
    def of(cls, declared: Declared, row: TemplateVersion | None) -> TemplateShown:
        """Show a template with the version that holds."""
        return cls(
            name=declared.name,
            title=declared.title,
            purpose=declared.purpose,
            version=row.version if row else 0,
            is_packaged=row is None or row.html is None,
        )


class TemplateInFull(TemplateShown):
    """A template with the texts that hold, what they may name, and its history, newest first."""

    subject: str
    text: str
    html: str
    variables: dict[str, str]
    must_name: list[str]
    history: list[VersionShown]

    @classmethod
    def with_texts(
        cls, declared: Declared, rows: Sequence[TemplateVersion], sources: Sources
    ) -> TemplateInFull:
        """Show a template whose versions are ``rows``, newest first."""
        history = [
            VersionShown(
                version=row.version,
                is_packaged=row.html is None,
                changed_at=row.changed_at,
                changed_by=row.changed_by,
                note=row.note,
            )
            for row in rows
        ]
        return cls(
            **TemplateShown.of(declared, rows[0] if rows else None).model_dump(),
            subject=sources["subject"],
            text=sources["text"],
            html=sources["html"],
            variables=dict(declared.variables),
            must_name=list(declared.must_name),
            history=history,
        )


_Source = Field(max_length=sandbox.LARGEST_SOURCE)


class Texts(Asked):
    """The three texts of a template."""

    subject: str = _Source
    text: str = _Source
    html: str = _Source

    def sources(self) -> Sources:
        """Return them by part."""
        return {"subject": self.subject, "text": self.text, "html": self.html}


class TemplateAsked(Texts):
    """Other texts for a template."""

    expected_version: int = Field(ge=0, description="The version that you saw.")
    note: Note = ""


class BackAsked(Asked):
    """Back to what a template was."""

    to_version: int = Field(ge=0, description="0: the packaged texts.")
    expected_version: int = Field(ge=0, description="The version that you saw.")
    note: Note = ""


class TestAsked(Asked):
    """Where a test goes, and with which texts: those that hold where none are given."""

    __test__ = False

    to: Word
    texts: Texts | None = None


class TestShown(Shown):
    """The test that was planned."""

    __test__ = False

    delivery: UUID


class ProblemShown(Shown):
    """What is wrong with a template, and where."""

    part: str
    line: int | None
    detail: str


class Preview(Shown):
    """A message as it would be, or what is wrong with its template."""

    subject: str | None = None
    text: str | None = None
    html: str | None = None
    source: UUID | None = Field(
        default=None, description="The message whose values were used; null: made-up ones."
    )
    problems: list[ProblemShown] = Field(default_factory=list)

    @classmethod
    def of(cls, rendered: rules.Rendered | None, source: UUID | None, problems: Sequence[Problem]) -> Preview:
        """Show what was rendered, and what is wrong."""
        shown = [ProblemShown(part=one.part, line=one.line, detail=one.reason) for one in problems]
        if rendered is None:
            return cls(problems=shown)
        return cls(
            subject=rendered.subject,
            text=rendered.text,
            html=rendered.html,
            source=source,
            problems=shown,
        )
