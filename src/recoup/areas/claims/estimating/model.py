"""The model: which share of what is claimed is approved, as three quantiles, by gradient boosted trees (extra ``ml``).

Floats live here and in the back-test only: shares from 0 to 1, never sums that are kept. A share rather than a sum is
learnt, as claims of any size then teach each other; errors are counted in money all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from recoup.areas.claims.estimating.cases import Asked, Case

LOW, MIDDLE, HIGH = 0.1, 0.5, 0.9
_SEED = 20_150_101
_NO_POLICY = -1_000_000
"""Days, far from any: the trees cannot learn from a column that is empty."""
_MOST_KINDS = 200
"""Kinds of a word that are told apart; trees take up to 255."""
_WORDS = 2
"""The first columns are words, by number."""

Shares = tuple[float, float, float]
"""Low, middle and high, in this order, from 0 to 1."""


def is_installed() -> bool:
    """Tell whether the extra ``ml`` is here, without loading it."""
    return find_spec("sklearn") is not None


class Model:
    """Learnt from cases; the same cases give the same model."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._types = _numbered(case.claim_type for case in cases)
        self._kinds = _numbered(case.policy_kind for case in cases)
        ensemble: Any = import_module("sklearn.ensemble")
        columns = self._columns(cases)
        shares = [case.share for case in cases]
        self._trees = [
            ensemble.HistGradientBoostingRegressor(
                loss="quantile",
                quantile=quantile,
                max_iter=150,
                learning_rate=0.05,
                max_leaf_nodes=15,
                min_samples_leaf=20,
                categorical_features=list(range(_WORDS)),
                early_stopping=False,  # it would hold back cases by chance, not by time
                random_state=_SEED,
            ).fit(columns, shares)
            for quantile in (LOW, MIDDLE, HIGH)
        ]

    def shares(self, asked: Sequence[Asked]) -> list[Shares]:
        """Return the share that each claim may come to; quantiles that cross are put in order."""
        if not asked:
            return []
        columns = self._columns(asked)
        low, middle, high = (
            [min(1.0, max(0.0, float(share))) for share in trees.predict(columns)] for trees in self._trees
        )
        return [
            (min(one, two, three), two, max(one, two, three))
            for one, two, three in zip(low, middle, high, strict=True)
        ]

    def _columns(self, asked: Sequence[Asked]) -> Any:
        numpy: Any = import_module("numpy")
        unknown = float("nan")  # goes where most went
        return numpy.array(
            [
                (
                    self._types.get(one.claim_type, unknown),
                    self._kinds.get(one.policy_kind, unknown),
                    one.claimed_minor,
                    one.description_length,
                    one.documents,
                    _NO_POLICY if one.days_from_start is None else one.days_from_start,
                    one.month,
                )
                for one in asked
            ],
            dtype=float,
        )


def _numbered(words: Any) -> dict[str, int]:
    return {word: number for number, word in enumerate(sorted(set(words))[:_MOST_KINDS])}
