"""One stream's books in a transaction of their own: windows are taken straight from texts, without a run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from sqlalchemy import select
from sqlalchemy.orm import Session

from recoup.areas.metering.models import Entry, Remainder
from recoup.areas.metering.queries import window_rows
from recoup.areas.metering.reading.results import FileReading
from recoup.areas.metering.reading.units import read_unit, read_window
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.service import streams, windows
from recoup.areas.metering.service.windows import Taken
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.clock import HOUR
from recoup.core.ports import BlobInfo
from support.usage_texts import TextStore

FIRST = datetime.fromisoformat("2025-07-24T10:00:00+00:00")
NAME = {"service": "Postgres", "environment": "PROD", "plan": "pt-a"}


def stream_config(**changes: object) -> StreamConfig:
    """Return the stream that these settings configure; most are left at their defaults."""
    given = {**NAME, "source": "/usage", "start": FIRST, **changes}
    (config,) = streams.configured(MeteringSettings.model_validate(given))
    return config


class Books:
    """The rows of one stream; whoever opened the session commits or rolls back."""

    def __init__(self, db: Session, config: StreamConfig, *, hours: int, now: datetime | None = None) -> None:
        self.db, self.config = db, config
        self.now = now or FIRST + hours * HOUR
        self.stream = streams.set_up(db, config, imported=None, actor="test", now=self.now)
        streams.open_windows(db, self.stream, now=FIRST + hours * HOUR)

    def read(self, files: Mapping[str, bytes]) -> list[FileReading]:
        """Read the files of one window."""
        store = TextStore(files)
        return read_window(
            store.refs(),
            lambda units: (read_unit(store, unit, fold=self.config.fold) for unit in units),
            fold=self.config.fold,
        )

    def take(self, hour: datetime, files: Mapping[str, bytes], *, now: datetime | None = None) -> Taken:
        """Take one window, as it is read now."""
        window = window_rows.window_at(self.db, self.config.key, hour)
        assert window is not None
        taken = windows.take(
            self.db,
            self.stream,
            self.config,
            window.id,
            self.read(files),
            listing=[BlobInfo(key, len(body), "etag", self.now) for key, body in files.items()],
            completed_by="marker",
            actor="test",
            now=now or self.now,
        )
        self.db.flush()
        return taken

    def entries(self) -> list[Entry]:
        """Return the entries, oldest hour first."""
        of_stream = select(Entry).where(Entry.stream_id == self.stream.id)
        return list(self.db.scalars(of_stream.order_by(Entry.hour, Entry.contract, Entry.dimension)))

    def carried(self) -> dict[tuple[str, str], Decimal]:
        """Return what is carried on."""
        rows = self.db.scalars(select(Remainder).where(Remainder.stream_id == self.stream.id))
        return {(row.contract, row.dimension): row.carried for row in rows if row.carried}
