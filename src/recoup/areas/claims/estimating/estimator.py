"""What the server asks: what do claims like these come to. The training is done by a child process with limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from recoup.areas.claims import confined
from recoup.areas.claims.documents.limits import MEGABYTE, Limits
from recoup.areas.claims.estimating import model
from recoup.areas.claims.estimating.cases import Asked, Case
from recoup.areas.claims.estimating.results import Card, Expected, Training
from recoup.core.errors import Invalid, Misconfigured, Unavailable

CHILD = "recoup.areas.claims.estimating.child"
LIMITS = Limits(memory=3 * 1024 * MEGABYTE, processor=300, clock=600.0, written=64 * MEGABYTE)
"""34,000 cases take about 5 seconds; the libraries reserve more memory than they use."""
_THREADS = 1
"""One gives the same sums in the same order everywhere, and leaves the other processors to what people wait for."""


def available() -> bool:
    """Tell whether estimates can be made: the extra ``ml`` is installed."""
    return model.is_installed()


def train(cases: Sequence[Case], asked: Sequence[tuple[int, Asked]], *, limits: Limits = LIMITS) -> Training:
    """Train on decided claims, oldest decision first, and estimate the numbered claims.

    Where a currency has fewer than 200 cases, or its model does not beat the plain median, it has a card and no
    estimates. Raise Misconfigured where the extra is not installed, Invalid where training needs more than its limits,
    Unavailable when the child was killed or broke.
    """
    if not available():
        raise Misconfigured(
            "Claims cannot be estimated: no learning library is installed.",
            fix="Install it with: pip install 'recoup[ml]'",
        )
    request = {
        "cases": [asdict(case) for case in cases],
        "asked": [(number, asdict(one)) for number, one in asked],
    }
    found = confined.ask(CHILD, request, limits=limits, threads=_THREADS, doing="Estimating claims")
    try:
        return _checked(found, dict(asked))
    except (Invalid, KeyError, TypeError, ValueError) as error:
        raise Unavailable("Estimating claims came to something unreadable.") from error


def _checked(found: Mapping[str, Any], asked: Mapping[int, Asked]) -> Training:
    cards = tuple(Card(**said) for said in found["cards"])
    estimates = {int(number): Expected(**said) for number, said in found["estimates"]}
    for number, expected in estimates.items():
        if expected.high_minor > asked[number].claimed_minor:
            raise ValueError(number)
    return Training(cards, estimates)
