"""The table of controls: one row per change, never overwritten."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from recoup.core.db import Base


class ControlVersion(Base):
    """What a control was set to by its ``version``-th change; the highest version holds, none means the default.

    ``value`` is JSON; decimals are kept as text, so that no digit is lost.
    """

    __tablename__ = "controls"
    __table_args__ = (CheckConstraint("version > 0", name="version_positive"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    value: Mapped[Any] = mapped_column(JSONB(none_as_null=True), nullable=False)
    changed_at: Mapped[datetime]
    changed_by: Mapped[str]
    note: Mapped[str]
