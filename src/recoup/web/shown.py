"""How pages write values: instants in the reader's zone, exact quantities, amounts with their currency, states."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from markupsafe import Markup, escape

from recoup.core import quantity as exact
from recoup.core.clock import to_text
from recoup.core.money import Money

TONES = {
    "ok": "succeeded accepted taken active settled run ended ok delivered on added approved ACTIVE",
    "calm": "running queued planned leased handing waiting open opened sealed changed found kept pending asked",
    "warn": "held late parked caught_up warn paused due stopped gone under_review PENDING",
    "odd": "unknown carried restamped completed second_person",
    "bad": "failed refused rejected expired duplicate quarantined lapsed missed fail disabled revoked overdue",
    "dull": "superseded INACTIVE cancelled skipped dismissed none off over empty",
}
TONE = {state: tone for tone, states in TONES.items() for state in states.split()}
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
LONGEST_ID = 24
UNITS = ("bytes", "kB", "MB", "GB", "TB")
KILO = 1_000
MINUTE, HOUR, DAY = 60, 3_600, 86_400
RECENT = timedelta(days=2)
NEVER = Markup('<span class="text-secondary">never</span>')


def tone(state: str) -> str:
    """Return the tone that a state is shown in."""
    return TONE.get(state, "dull")


def words(name: str) -> str:
    """Write a name of ours as words: ``caught_up`` as ``caught up``."""
    return name.replace("_", " ")


class Moments:
    """Writes instants for one reader: in their zone, and as how long ago they are."""

    def __init__(self, now: datetime, zone: str) -> None:
        self._now = now
        self._zone = ZoneInfo(zone)
        self._named = escape(zone)

    def moment(self, at: datetime | None, *, seconds: bool = False) -> Markup:
        """Write an instant; what hovers over it is the exact instant in UTC."""
        if at is None:
            return NEVER
        written, exact = _written(at.astimezone(self._zone), seconds=seconds), to_text(at)
        return Markup(  # noqa: S704 - digits, letters of months, and the zone, which is escaped
            f'<time datetime="{exact}" title="{exact} UTC · shown in {self._named}">{written}</time>'
        )

    def ago(self, at: datetime | None) -> Markup:
        """Write how long ago (or in how long) an instant is, up to two days; beyond that when it is."""
        if at is None:
            return NEVER
        apart = self._now - at
        if abs(apart) > RECENT:
            return self.moment(at)
        length = duration(abs(apart))
        past = f"{length} ago" if apart > timedelta() else f"in {length}"
        text = "now" if abs(apart) < timedelta(seconds=2) else past
        local, exact = _written(at.astimezone(self._zone), seconds=True), to_text(at)
        return Markup(  # noqa: S704 - as above
            f'<time datetime="{exact}" title="{local} {self._named} · {exact}">{text}</time>'
        )


def _written(at: datetime, *, seconds: bool) -> str:
    """Write ``%d %b %Y, %H:%M``, with ``:%S``: in a third of strftime's time, and in any locale alike."""
    end = f":{at.second:02d}" if seconds else ""
    return f"{at.day:02d} {MONTHS[at.month]} {at.year}, {at.hour:02d}:{at.minute:02d}{end}"


@functools.lru_cache(maxsize=500)
def state(name: str, note: str = "") -> Markup:
    """Write a state as a word in its colour."""
    title = Markup(' title="{}"').format(note) if note else ""
    return Markup('<span class="state {}"{}>{}</span>').format(tone(name), title, words(name))


def day(at: datetime, zone: str) -> str:
    """Write the day of an instant in ``zone``: ``Wed 19 Nov``."""
    return f"{at.astimezone(ZoneInfo(zone)):%a %d %b}"


def clock(at: datetime, zone: str) -> str:
    """Write the time of day of an instant in ``zone``."""
    return f"{at.astimezone(ZoneInfo(zone)):%H:%M:%S}"


def duration(length: timedelta | None) -> str:
    """Write a length of time: ``48 s``, ``2 min 3 s``, ``26 h 5 min``, ``3 days``."""
    if length is None:
        return ""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < MINUTE:
        return f"{seconds} s"
    if seconds < HOUR:
        return (
            f"{seconds // MINUTE} min {seconds % MINUTE} s"
            if seconds % MINUTE
            else f"{seconds // MINUTE} min"
        )
    if seconds < 2 * DAY:
        return f"{seconds // HOUR} h {seconds % HOUR // MINUTE} min"
    return f"{seconds // DAY} days"


def whole(count: int | None) -> str:
    """Write a count: ``12,345``."""
    return "" if count is None else f"{count:,}"


def quantity(value: Decimal | None) -> str:
    """Write an exact decimal, all its digits, with commas before the point: ``1,234.5``."""
    return "" if value is None else _grouped(exact.to_text(value))


def money(amount: Money | None) -> Markup:
    """Write an amount with its currency: ``1,234.50 EUR``."""
    if amount is None:
        return Markup('<span class="text-secondary">unpriced</span>')
    figure, _, currency = str(amount).partition(" ")
    return Markup('{} <span class="text-secondary">{}</span>').format(_grouped(figure), currency)


def short(name: object) -> Markup:
    """Write an id: its beginning and end where it is long; what hovers over it is the whole."""
    text = str(name)
    if len(text) <= LONGEST_ID:
        return escape(text)
    return Markup('<span class="text-nowrap" title="{0}">{1}…{2}</span>').format(text, text[:8], text[-4:])


def size(count: int) -> str:
    """Write a number of bytes: ``1.4 MB``."""
    left, unit = Decimal(count), 0
    while left >= KILO and unit < len(UNITS) - 1:
        left, unit = left / KILO, unit + 1
    return f"{left:.1f} {UNITS[unit]}" if unit else f"{count:,} bytes"


def _grouped(figure: str) -> str:
    sign = "-" if figure.startswith("-") else ""
    before, point, after = figure.removeprefix("-").partition(".")
    return f"{sign}{int(before):,}{point}{after}"
