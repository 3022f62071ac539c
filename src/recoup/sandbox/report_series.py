"""Series of reports as YouTube really makes them: late, with days left out, days made anew, and no form that holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from random import Random

from recoup.sandbox.claim_reports import CLAIM_COLUMNS, MUSIC_ASSET_COLUMNS, ClaimsWorld, csv_of
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_reports import ASSETS, CLAIMS, OWNER, Dress, Report

LAG = timedelta(hours=62)
"""How long after a day's beginning its report was usually seen."""
BACKFILL_LAG = timedelta(days=2)
IN_CALIFORNIA = time(8)
"""About midnight there, in UTC."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How often in a hundred days something happens to a report."""

    left_out: int = 5
    shuffled: int = 20
    plain: int = 10
    packed_twice: int = 5
    made_anew: int = 10
    """First without one row in ten, and whole two days later."""
    cut: int = 5
    """Ends in the middle, and is made anew."""
    more_columns: int = 5


def publish(
    youtube: YouTubeStandIn,
    *,
    seed: int,
    claims: int,
    days: int,
    until: datetime,
    owner: str = OWNER,
    habits: Habits | None = None,
) -> list[Report]:
    """Publish the reports of so many days of a made-up owner, both kinds, the last one made by ``until``."""
    kept, dice = habits or Habits(), Random(f"habits {seed}")
    first = (until - LAG).date() - timedelta(days=days - 1)
    world = ClaimsWorld(seed, claims=claims, day=first)
    reports = []
    for _ in range(days):
        for kind, columns, rows in (
            (CLAIMS, CLAIM_COLUMNS, list(world.claim_rows())),
            (ASSETS, MUSIC_ASSET_COLUMNS, list(world.asset_rows())),
        ):
            if _happens(dice, kept.left_out):
                continue
            shuffled = seed if _happens(dice, kept.shuffled) else None
            more = ("a_column_of_tomorrow",) if _happens(dice, kept.more_columns) else ()
            whole = csv_of(columns, rows, shuffled=shuffled, more=more)
            made, dress = _made(world.day), _dress(dice, kept)
            bodies = [(made, whole)]
            if _happens(dice, kept.made_anew):
                part = [row for place, row in enumerate(rows) if place % 10]
                bodies = [(made, csv_of(columns, part)), (made + BACKFILL_LAG, whole)]
            elif _happens(dice, kept.cut):
                bodies = [(made, whole[: len(whole) // 2]), (made + BACKFILL_LAG, whole)]
            reports += [
                youtube.publish(world.day, body, kind=kind, owner=owner, created=at, dress=dress)
                for at, body in bodies
            ]
        world.pass_a_day()
    return reports


def _made(day: date) -> datetime:
    return datetime.combine(day, IN_CALIFORNIA, UTC) + LAG


def _dress(dice: Random, habits: Habits) -> Dress:
    if _happens(dice, habits.plain):
        return Dress.PLAIN
    return Dress.BOTH if _happens(dice, habits.packed_twice) else Dress.GZIP


def _happens(dice: Random, in_a_hundred: int) -> bool:
    return dice.randrange(100) < in_a_hundred
