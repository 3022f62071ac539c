"""The table of stored files; the bytes themselves lie in a store, under ``store_key``."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class File(Base):
    """Stored bytes: a name to download them by, their size, their SHA-256 (hexadecimal), and where they lie.

    ``subject`` is what the file belongs to (``jobs/run/…``); a file is never changed once it is kept. ``may`` is the
    permission that opening it needs beyond knowing of it, such as that of the list which it is an export of.
    """

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("size >= 0", name="size_not_negative"),
        CheckConstraint("sha256 ~ '^[0-9a-f]{64}$'", name="sha256_hex"),
        CheckConstraint("name <> '' and length(name) <= 200", name="name_length"),
        Index("ix_files_subject_id", "subject", "id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    name: Mapped[str]
    media_type: Mapped[str]
    size: Mapped[int]
    sha256: Mapped[str]
    store_key: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    subject: Mapped[str]
    may: Mapped[str]


class WithdrawnFile(Base):
    """A file that nobody gets any more: its bytes are removed, its row says that they were."""

    __tablename__ = "withdrawn_files"

    file_id: Mapped[UUID] = mapped_column(ForeignKey("files.id"), primary_key=True)
    at: Mapped[datetime]
    by: Mapped[str]
    reason: Mapped[str]
