"""Decisions about too much: codes per person, per number and for the whole house, devices, and how old notices get.

Whoever makes us text costs us money, and there are people who live from that; so codes are few, and the house's number
of them is bounded whoever asks.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from recoup.office.people.rules.limits import RESEND_AFTER, free_again

CODE_LENGTH = 6
CODE_LIFE = timedelta(minutes=10)
CODE_TRIES = 5
A_DAY = timedelta(hours=24)
CODES_PER_PERSON = ((1, RESEND_AFTER), (5, A_DAY))
CODES_PER_NUMBER = ((3, timedelta(hours=1)), (5, A_DAY))
KEPT = timedelta(days=7)
"""How long requests for codes are kept."""
NEWS = timedelta(hours=24)
"""A notice that could not leave for so long is no news any more; the mail has said it."""
MOST_DEVICES = 10


def codes_free_again(
    *,
    person: Sequence[datetime],
    number: Sequence[datetime],
    house: Sequence[datetime],
    per_day: int,
    now: datetime,
) -> datetime | None:
    """Return when the next code may leave, where it may not yet; each list is newest first.

    ``house`` holds the ``per_day`` newest codes of the whole house; with none allowed it is a day from now.
    """
    if per_day <= 0:
        return now + A_DAY
    moments = (
        free_again(person, CODES_PER_PERSON, now=now),
        free_again(number, CODES_PER_NUMBER, now=now),
        free_again(house, ((per_day, A_DAY),), now=now),
    )
    return max((moment for moment in moments if moment is not None), default=None)
