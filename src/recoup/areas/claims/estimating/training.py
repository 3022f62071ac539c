"""One training: tries a model for each currency, and lets those estimate that are better than the plain median."""

from __future__ import annotations

from collections.abc import Sequence

from recoup.areas.claims.estimating.cases import Asked, Case, Similar, sha256_of
from recoup.areas.claims.estimating.model import Model, Shares
from recoup.areas.claims.estimating.results import Card, Expected, Training
from recoup.areas.claims.estimating.trial import Trial, trial, widened
from recoup.core.money import Money

LEAST_CASES = 200
MOST_CASES = 50_000
"""Of one currency, the newest: more take longer and teach nothing new."""


def trained(cases: Sequence[Case], asked: Sequence[tuple[int, Asked]]) -> Training:
    """Train on cases in the order in which they were decided, oldest first, and estimate the numbered claims."""
    cards: list[Card] = []
    estimates: dict[int, Expected] = {}
    for currency in sorted({case.currency for case in cases}):
        known = [case for case in cases if case.currency == currency][-MOST_CASES:]
        tried = trial(known) if len(known) >= LEAST_CASES else None
        cards.append(_card(currency, known, tried))
        if tried is not None and tried.beats:
            wanted = [(number, one) for number, one in asked if one.currency == currency]
            estimates |= _estimates(known, wanted, tried.margin)
    return Training(tuple(cards), estimates)


def _estimates(
    known: Sequence[Case], asked: Sequence[tuple[int, Asked]], margin: float
) -> dict[int, Expected]:
    """Estimate the claims that have similar cases; of others nothing is known."""
    similar = Similar(known)
    counted = [(number, one, count) for number, one in asked if (count := similar.to(one))]
    shares = Model(known).shares([one for _, one, _ in counted]) if counted else []
    return {
        number: _expected(widened(said, margin), one.claimed_minor, count)
        for (number, one, count), said in zip(counted, shares, strict=True)
    }


def _expected(shares: Shares, claimed: int, similar: int) -> Expected:
    low, middle, high = (min(claimed, max(0, round(share * claimed))) for share in shares)
    return Expected(low_minor=low, expected_minor=middle, high_minor=high, similar=similar)


def _card(currency: str, known: Sequence[Case], tried: Trial | None) -> Card:
    return Card(
        currency=currency,
        rows=len(known),
        data_sha256=sha256_of(known),
        error=tried.error if tried else 0,
        median_error=tried.median_error if tried else 0,
        is_used=tried is not None and tried.beats,
        note=_note(currency, len(known), tried),
    )


def _note(currency: str, rows: int, tried: Trial | None) -> str:
    if tried is None:
        return f"No estimates in {currency}: there are {rows} decided claims, and {LEAST_CASES} are needed."
    error, median_error, share_error = (
        Money(minor, currency) for minor in (tried.error, tried.median_error, tried.share_error)
    )
    compared = (
        f"on the newest {tried.tried} of {rows} claims they were off by {error} on average, the plain median of each "
        f"type by {median_error}, its usual share of the claimed by {share_error}"
    )
    if not tried.beats:
        return f"No estimates in {currency}: {compared}; that is no clear gain over the median."
    return f"Estimates in {currency}: {compared}; {tried.held} of them were within the range."
