"""Decisions about too much: codes per address and per network, guesses, and how long somebody has to wait."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

RESEND_AFTER = timedelta(seconds=60)
CODES_PER_ADDRESS = ((3, timedelta(minutes=15)), (5, timedelta(hours=1)))
CODES_PER_NETWORK = ((20, timedelta(hours=1)),)
COUNTED = timedelta(hours=1)
"""How far back codes are counted."""

FACTOR_TRIES = 5
FACTOR_WINDOW = timedelta(minutes=15)

_FREE_FAILURES = 2
_FIRST_DELAY, _LONGEST_DELAY = timedelta(seconds=30), timedelta(hours=1)
_LONGER_CODES = ((30, 10), (10, 8))
_IPV6_HOUSEHOLD = 64


@dataclass(frozen=True, slots=True)
class Client:
    """Where a request comes from, and what the program calls itself."""

    address: str = ""
    agent: str = ""

    @property
    def network(self) -> str:
        """What is counted as one sender: an address, for IPv6 the network that one household gets."""
        try:
            found = ip_address(self.address)
        except ValueError:
            return self.address[:64]
        if isinstance(found, IPv6Address):
            if found.ipv4_mapped is not None:
                return str(found.ipv4_mapped)
            return str(ip_network((found, _IPV6_HOUSEHOLD), strict=False))
        return str(found)


def free_again(
    at: Sequence[datetime], limits: Sequence[tuple[int, timedelta]], *, now: datetime
) -> datetime | None:
    """Return when the next one fits, where it does not yet; ``at``: when the earlier ones were, newest first."""
    waits = [
        at[most - 1] + window for most, window in limits if len(at) >= most and at[most - 1] > now - window
    ]
    return max(waits, default=None)


def delay_after(failures: int) -> timedelta:
    """Return how long after its last failure an address waits for a code: 30 s at the third, an hour at the tenth."""
    if failures <= _FREE_FAILURES:
        return timedelta(0)
    return min(_FIRST_DELAY * (1 << min(failures - _FREE_FAILURES - 1, 20)), _LONGEST_DELAY)


def code_length(wanted: int, *, failures: int) -> int:
    """Return how many digits a code has: more while somebody guesses, so that nobody has to be locked out."""
    return max(wanted, next((digits for most, digits in _LONGER_CODES if failures >= most), wanted))


def seconds_until(moment: datetime, *, now: datetime) -> int:
    """Return whole seconds to wait, at least one."""
    return max(1, -int(-(moment - now).total_seconds() // 1))
