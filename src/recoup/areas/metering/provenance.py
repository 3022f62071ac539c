"""Where a figure comes from: from an entry to its files as they were read, and to the bytes of each record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from uuid import UUID

from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry
from recoup.areas.metering.queries import entry_rows, source_rows, stream_rows, window_rows
from recoup.areas.metering.reading.results import FileRef
from recoup.areas.metering.reading.spans import Span, find_records
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.schemas import (
    EntryInFull,
    RecordShown,
    SourceShown,
    SubmissionShown,
    Why,
    WindowShown,
)
from recoup.areas.metering.service import streams
from recoup.areas.metering.settings import MeteringSettings
from recoup.core import quantity
from recoup.core.errors import RecoupError
from recoup.core.system import System
from recoup.office.outbox import queries as outbox
from recoup.web.wire import found

MOST_RECORDS = 1_000
PRICE = "_total_price"


def why(system: System, entry_id: UUID, *, with_records: bool = True, most: int = MOST_RECORDS) -> Why:
    """Return what an entry was made of; with records, its files are read once more, as the versions that they were.

    At most ``most`` records are listed, all of them are counted and summed. A file that is gone or changed is told in
    ``remark``; the parts that were kept when it was read stand all the same. Raise NotFound.
    """
    configs = {
        one.key: one for one in streams.configured(system.settings.section("metering", MeteringSettings))
    }
    with system.sessions.begin() as db:
        entry = found(entry_rows.entry(db, entry_id), f"entry {entry_id}", see="metering entries")
        names = {one.id: one.key for one in stream_rows.streams(db)}
        config = configs.get(names[entry.stream_id])
        result = _from_rows(db, entry, names, config)
        files = {
            file.key: FileRef(file.key, file.etag, file.size)
            for file in source_rows.files(db, entry.window_id)
        }
    if with_records and result.sources:
        _read(system, config, result, files, most)
    return result


def _from_rows(db: Session, entry: Entry, names: dict[UUID, str], config: StreamConfig | None) -> Why:
    formula = config.formulas.get(entry.dimension) if config else None
    measured = {name.removesuffix(PRICE) for name in formula.names()} if formula else {entry.dimension}
    window = found(window_rows.window(db, entry.window_id), "such window", see="metering status")
    delivery = outbox.by_id(db, entry.submission_id) if entry.submission_id else None
    parts = source_rows.sources(db, window.id, entry.contract, sorted(measured))
    return Why(
        entry=EntryInFull.of(names, entry),
        window=WindowShown.of(names[entry.stream_id], window),
        formula=f"{entry.dimension} = {formula.text}" if formula else None,
        sources=[SourceShown.model_validate(part) for part in parts],
        submission=SubmissionShown.model_validate(delivery) if delivery else None,
        records=[],
        records_total=None,
        counted_sum=None,
        remark="" if parts else "No file that was read here holds anything of it.",
    )


def _read(
    system: System, config: StreamConfig | None, result: Why, files: dict[str, FileRef], most: int
) -> None:
    if config is None:
        result.remark = "The stream is no longer configured, so its files cannot be read again."
        return
    try:
        store = system.ports.open_store(config.source)
        for dimension in sorted({source.dimension for source in result.sources}):
            spans = find_records(
                store,
                _unit(result.sources, dimension, files),
                contract=result.entry.contract,
                dimension=dimension,
                fold=config.fold,
            )
            _add(result, dimension, spans, most)
    except RecoupError as error:
        result.records, result.records_total, result.counted_sum = [], None, None
        result.remark = f"The records cannot be shown: {error.sentence()}"
        return
    if result.counted_sum != quantity.total(source.quantity for source in result.sources):
        result.remark = "The records do not add up to what was taken: repeats are folded by another rule now."


def _add(result: Why, dimension: str, spans: Iterable[Span], most: int) -> None:
    total, counted = result.records_total or 0, result.counted_sum or quantity.ZERO
    for span in spans:
        total += 1
        if span.counted:
            counted = quantity.add(counted, span.value)
        if len(result.records) < most:
            result.records.append(RecordShown(dimension=dimension, **asdict(span)))
    result.records_total, result.counted_sum = total, counted


def _unit(sources: Sequence[SourceShown], dimension: str, files: dict[str, FileRef]) -> list[FileRef]:
    return [files[key] for key in sorted({one.key for one in sources if one.dimension == dimension})]
