"""Streams: set up from the settings, leased by one run at a time, their hours opened as windows."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import case, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from recoup.areas.metering.formula import Formula, parse
from recoup.areas.metering.models import Stream, Window, WindowState
from recoup.areas.metering.queries import stream_rows
from recoup.areas.metering.rules import hours
from recoup.areas.metering.rules.streams import CLOUDS, StreamConfig
from recoup.areas.metering.settings import DimensionSettings, MeteringSettings, StreamSettings
from recoup.core.clock import HOUR, hour_of
from recoup.core.errors import Conflict, Misconfigured
from recoup.core.ids import new_id
from recoup.core.quantity import ZERO
from recoup.core.workers import is_dead
from recoup.office.jobs import queries as jobs
from recoup.office.jobs.models import RunState
from recoup.office.journal import service as journal

LEASE = timedelta(minutes=2)


def configured(settings: MeteringSettings) -> list[StreamConfig]:
    """Return every stream that the settings name; raise Misconfigured when one is named by halves or twice."""
    named = list(settings.streams)
    one = (settings.service, settings.environment, settings.plan)
    if any(one):
        if not (settings.service and settings.environment and settings.plan):
            raise Misconfigured(
                "A stream is named by halves.",
                fix="Set SERVICE_NAME, ENVIRONMENT_TYPE and PLAN_ID, all three.",
            )
        service, environment, plan = settings.service, settings.environment, settings.plan
        named.insert(0, StreamSettings(service=service, environment=environment, plan=plan))
    configs = [_config(settings, stream) for stream in named]
    keys = [config.key for config in configs]
    if twice := {key for key in keys if keys.count(key) > 1}:
        raise Misconfigured(f"The stream {min(twice)} is configured twice.")
    return configs


def set_up(
    db: Session, config: StreamConfig, *, imported: datetime | None, actor: str, now: datetime
) -> Stream:
    """Return the stream's row, made at its first run with the hour that it starts from."""
    stream = stream_rows.stream(db, config.key)
    if stream is None:
        stream = Stream(
            id=new_id(),
            key=config.key,
            cloud=config.cloud,
            currency=config.currency,
            first_hour=hours.first_hour(config, imported=imported, now=now),
            before_start="",
            created_at=now,
        )
        db.add(stream)
        try:
            db.flush()
        except IntegrityError:
            raise Conflict(f"Another export of {config.key} has just begun.", fix="Run it again.") from None
        journal.record(
            db,
            "metering.stream_started",
            f"metering/stream/{stream.key}",
            actor=actor,
            now=now,
            first_hour=f"{stream.first_hour:%Y-%m-%dT%H:%MZ}",
            imported=imported is not None,
        )
    stream.cloud, stream.currency = config.cloud, config.currency
    return stream


def lease(db: Session, stream_key: str, *, holder: str) -> None:
    """Take or renew the stream's lease for ``holder``, a run and its attempt (``id:attempt``).

    An earlier attempt of the same run, and a run that is over or whose worker is gone, hold nothing any more; raise
    Conflict when another does.
    """
    held_by = db.execute(select(Stream.lease_run).where(Stream.key == stream_key)).scalar_one_or_none()
    mine = (
        held_by is None
        or held_by.split(":")[0] == holder.split(":", maxsplit=1)[0]
        or not _is_running(db, held_by)
    )
    free = (Stream.lease_until.is_(None)) | (Stream.lease_until < func.now())
    if mine:
        free |= Stream.lease_run.is_not_distinct_from(held_by)
    taken = db.execute(
        update(Stream)
        .where(Stream.key == stream_key, free)
        .values(lease_run=holder, lease_until=func.now() + LEASE)
        .returning(Stream.id)
    ).first()
    if taken is None:
        raise Conflict(
            f"Another export of {stream_key} is running.",
            fix="Wait for it; it keeps its place for two minutes.",
        )


def _is_running(db: Session, holder: str) -> bool:
    run = jobs.run(db, UUID(holder.split(":", maxsplit=1)[0]))
    return run is not None and run.state == RunState.RUNNING and not is_dead(run.worker)


def release(db: Session, stream_key: str, *, holder: str) -> None:
    """Give the stream back; harmless when another holds it by now."""
    held = update(Stream).where(Stream.key == stream_key)
    db.execute(held.values(lease_until=case((Stream.lease_run == holder, None), else_=Stream.lease_until)))


def open_windows(db: Session, stream: Stream, *, now: datetime) -> int:
    """Write a window for every hour that has ended since the last one; return how many are new."""
    last = stream_rows.last_hour(db, stream)
    hour = last + HOUR if last is not None else stream.first_hour
    rows = []
    while hour + HOUR <= hour_of(now):
        rows.append(_window(stream, hour))
        hour += HOUR
    if rows:
        db.execute(insert(Window), rows)
    return len(rows)


def _window(stream: Stream, hour: datetime) -> dict[str, object]:
    return {
        "id": new_id(),
        "stream_id": stream.id,
        "hour": hour,
        "state": WindowState.WAITING,
        "reason": "not looked at yet",
        "deadline": hours.deadline(stream.cloud, hour),
        "listing": "",
        "files": 0,
        "records": 0,
        "folded_records": 0,
        "unbilled_records": 0,
        "quarantined_records": 0,
        "quarantined_quantity": ZERO,
    }


def _config(settings: MeteringSettings, stream: StreamSettings) -> StreamConfig:
    cloud = stream.cloud or settings.cloud
    terms = CLOUDS[cloud]
    source = stream.source or settings.source or (f"s3://{settings.bucket}" if settings.bucket else None)
    if source is None:
        raise Misconfigured(
            "It is not said where the usage files are.",
            fix="Set S3_BUCKET_NAME, or metering.source in recoup.toml.",
        )
    dimensions = settings.dimensions if stream.dimensions is None else stream.dimensions
    return StreamConfig(
        service=stream.service,
        environment=stream.environment,
        plan=stream.plan,
        cloud=cloud,
        source=source,
        prefix=settings.prefix.strip("/"),
        start=stream.start or settings.start,
        complete_by=settings.complete_by,
        settle=timedelta(minutes=settings.settle_minutes),
        fold=settings.fold_repeats,
        whole=terms.whole if settings.whole_numbers is None else settings.whole_numbers,
        zeros=terms.zeros if settings.zeros is None else settings.zeros == "send",
        currency=settings.currency,
        formulas={one.name: _formula(one) for one in dimensions},
        recheck=timedelta(hours=settings.recheck_hours),
        most_bad_percent=settings.most_bad_percent,
        most_records=settings.most_records,
    )


def _formula(dimension: DimensionSettings) -> Formula:
    return parse(dimension.formula)
