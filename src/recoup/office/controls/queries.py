"""Every SELECT of the controls."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from recoup.office.controls.models import ControlVersion


def latest(db: Session, name: str) -> ControlVersion | None:
    """Return the version that holds, or None where the default does."""
    statement = select(ControlVersion).where(ControlVersion.name == name)
    return db.scalars(statement.order_by(ControlVersion.version.desc()).limit(1)).first()


def version_of(db: Session, name: str, version: int) -> ControlVersion | None:
    """Return one version of a control."""
    return db.get(ControlVersion, (name, version))


def current(db: Session, names: Collection[str]) -> dict[str, ControlVersion]:
    """Return the version that holds, by name; a control that still has its default is left out."""
    newest = (
        select(ControlVersion.name, func.max(ControlVersion.version))
        .where(ControlVersion.name.in_(names))
        .group_by(ControlVersion.name)
    )
    statement = select(ControlVersion).where(tuple_(ControlVersion.name, ControlVersion.version).in_(newest))
    return {row.name: row for row in db.scalars(statement)}


def history(
    db: Session, name: str, *, before: int | None = None, limit: int = 50
) -> Sequence[ControlVersion]:
    """Return the versions of a control, newest first; ``before`` continues a page."""
    statement = select(ControlVersion).where(ControlVersion.name == name)
    if before is not None:
        statement = statement.where(ControlVersion.version < before)
    return db.scalars(statement.order_by(ControlVersion.version.desc()).limit(limit)).all()
