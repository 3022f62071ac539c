"""Tables of messages: what each was made from, templates as people changed them, and drafts of that."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class Message(Base):
    """What a planned mail was made from. ``context`` holds dots where the mail holds a secret."""

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("version >= 0", name="version"),
        Index("ix_messages_template_delivery_id", "template", "delivery_id"),
        Index("ix_messages_recipient", "recipient", postgresql_ops={"recipient": "text_pattern_ops"}),
    )

    delivery_id: Mapped[UUID] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True
    )
    template: Mapped[str]
    version: Mapped[int]
    """The version of the template that it was written with; 0: the packaged one."""
    recipient: Mapped[str]
    """In lower case, to be found by."""
    subject: Mapped[str]
    is_test: Mapped[bool]
    context: Mapped[dict[str, Any]]


class TemplateVersion(Base):
    """A template as somebody changed it; a version is never overwritten. Without texts: back to the packaged ones."""

    __tablename__ = "message_templates"
    __table_args__ = (
        CheckConstraint("version > 0", name="version_positive"),
        CheckConstraint(
            "(subject is null) = (text is null) and (text is null) = (html is null)", name="all_or_nothing"
        ),
    )

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    subject: Mapped[str | None]
    text: Mapped[str | None]
    html: Mapped[str | None]
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    note: Mapped[str]


class Draft(Base):
    """What somebody has typed and not saved yet: looked at, tried out, used for no mail but a test."""

    __tablename__ = "message_drafts"

    name: Mapped[str] = mapped_column(primary_key=True)
    actor: Mapped[str] = mapped_column(primary_key=True)
    seen_version: Mapped[int]
    """The version that it was begun from."""
    subject: Mapped[str]
    text: Mapped[str]
    html: Mapped[str]
    changed_at: Mapped[datetime]
