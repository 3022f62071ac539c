"""The back-test: what the model would have said of the newest cases, had it known only the older ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from recoup.areas.claims.estimating.cases import Case
from recoup.areas.claims.estimating.model import HIGH, LOW, Model, Shares

NEWEST = 0.2
"""The share of the cases that the model is tried on; as many before them show how wide its range must be."""
CERTAIN = 2.0
"""Standard errors that the gain over the plain median must have: by chance alone it does so once in forty times."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Mean absolute errors in minor units, and how many of the ``tried`` cases were within the range.

    ``share_error`` is that of the usual share of each type. ``margin`` is by which share a range must be wider on both
    sides to hold as many cases as it says. ``beats``: the gain over the plain median is more than chance.
    """

    tried: int
    error: int
    median_error: int
    share_error: int
    held: int
    margin: float
    beats: bool


def trial(cases: Sequence[Case]) -> Trial:
    """Try the model on the newest of the cases, which are in the order in which they were decided, oldest first."""
    count = max(1, round(len(cases) * NEWEST))
    older, newest = cases[:-count], cases[-count:]
    _, earlier = _said(older[:-count], older[-count:])
    shares, later = _said(older, newest)
    margin = _margin(earlier)
    errors = [
        abs(round(middle * case.claimed_minor) - case.approved_minor)
        for (_, middle, _), case in zip(shares, newest, strict=True)
    ]
    by_median = [
        abs(guess - case.approved_minor) for guess, case in zip(_medians(older, newest), newest, strict=True)
    ]
    by_share = [
        abs(guess - case.approved_minor) for guess, case in zip(_usual(older, newest), newest, strict=True)
    ]
    return Trial(
        tried=count,
        error=round(fmean(errors)),
        median_error=round(fmean(by_median)),
        share_error=round(fmean(by_share)),
        held=sum(missed <= margin for missed in later),
        margin=_margin([*earlier, *later]),
        beats=_is_gain([was - now for was, now in zip(by_median, errors, strict=True)]),
    )


def widened(shares: Shares, margin: float) -> Shares:
    """Return a range that is wider by a margin, within 0 and 1."""
    low, middle, high = shares
    return max(0.0, low - margin), middle, min(1.0, high + margin)


def _said(known: Sequence[Case], asked: Sequence[Case]) -> tuple[list[Shares], list[float]]:
    """Return what a model of the known cases says of others, and by how much each lies outside its range."""
    shares = Model(known).shares(asked)
    missed = [
        max(low - case.share, case.share - high) for (low, _, high), case in zip(shares, asked, strict=True)
    ]
    return shares, missed


def _margin(missed: Sequence[float]) -> float:
    """Return the margin with which a range would have held as many as it says (split conformal); none is below 0."""
    rank = math.ceil((len(missed) + 1) * (HIGH - LOW))
    return max(0.0, sorted(missed)[min(rank, len(missed)) - 1])


def _medians(known: Sequence[Case], asked: Sequence[Case]) -> list[int]:
    """Say of each case the plain median of its type, or of all where there is none of it."""
    by_type: dict[str, list[int]] = {}
    for case in known:
        by_type.setdefault(case.claim_type, []).append(case.approved_minor)
    guesses = {name: round(median(sums)) for name, sums in by_type.items()}
    of_all = round(median(case.approved_minor for case in known))
    return [guesses.get(case.claim_type, of_all) for case in asked]


def _usual(known: Sequence[Case], asked: Sequence[Case]) -> list[int]:
    """Say of each case what it claimed times the median share of its type."""
    by_type: dict[str, list[float]] = {}
    for case in known:
        by_type.setdefault(case.claim_type, []).append(case.share)
    usual = {name: median(shares) for name, shares in by_type.items()}
    of_all = median(case.share for case in known)
    return [round(case.claimed_minor * usual.get(case.claim_type, of_all)) for case in asked]


def _is_gain(gains: Sequence[int]) -> bool:
    """Tell whether gains, case by case, are more than chance."""
    if len(gains) < 2:  # noqa: PLR2004 - no spread of one
        return False
    return fmean(gains) > CERTAIN * stdev(gains) / math.sqrt(len(gains))
