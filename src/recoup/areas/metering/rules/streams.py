"""What a stream is, and what each cloud takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from recoup.areas.metering.formula import Formula


@dataclass(frozen=True, slots=True)
class CloudRules:
    """What a cloud takes (contracts: AWS BatchMeterUsage, Azure usageEvent, GCP services.report).

    ``whole``: whole numbers only. ``zeros``: a zero is submitted. ``warn``/``expire``: ages, counted from the
    window's start. ``month_end``: usage of a month is refused from 06:00 UTC of the next month's first day on.
    """

    whole: bool
    zeros: bool
    warn: timedelta
    expire: timedelta | None
    month_end: bool = False


_WARN, _DAY = timedelta(hours=18), timedelta(hours=24)
CLOUDS: Mapping[str, CloudRules] = {
    "aws": CloudRules(whole=True, zeros=False, warn=_WARN, expire=_DAY, month_end=True),
    "azure": CloudRules(whole=False, zeros=False, warn=_WARN, expire=_DAY),
    "gcp": CloudRules(whole=False, zeros=False, warn=_WARN, expire=None),
}


@dataclass(frozen=True, slots=True)
class StreamConfig:
    """A stream as configured. ``formulas`` is empty when every measured dimension is submitted as it is."""

    service: str
    environment: str
    plan: str
    cloud: str
    source: str
    prefix: str
    start: datetime | None
    complete_by: str
    settle: timedelta
    fold: bool
    whole: bool
    zeros: bool
    currency: str
    formulas: Mapping[str, Formula]
    recheck: timedelta
    most_bad_percent: int
    most_records: int

    @property
    def key(self) -> str:
        """The producer's name of the stream: ``service:environment:plan``."""
        return f"{self.service}:{self.environment}:{self.plan}"

    @property
    def folder(self) -> str:
        """The folder of all its hours, as the producer lays it out."""
        return f"{self.prefix}/{self.service}/{self.environment}/{self.plan}/"
