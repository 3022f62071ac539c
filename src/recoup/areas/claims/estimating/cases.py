"""Decided claims as the estimates see them: nothing of who it is, and nothing that was known only afterwards."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from recoup.core.errors import Invalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A claim that somebody has to decide: ``claimed_minor`` in minor units of ``currency``, more than 0.

    ``description_length`` is in characters, ``documents`` how many there are. ``days_from_start`` is from the policy's
    first day to the incident, None where no policy is known; ``month`` that of the incident, 1 to 12.
    """

    claim_type: str
    policy_kind: str
    currency: str
    claimed_minor: int
    description_length: int
    documents: int
    days_from_start: int | None
    month: int

    def __post_init__(self) -> None:
        if self.claimed_minor <= 0:
            raise Invalid("What is claimed is more than nothing.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case(Asked):
    """A claim that was decided: ``approved_minor`` is 0 where it was rejected, and never more than was claimed."""

    approved_minor: int

    def __post_init__(self) -> None:
        # Named, since a class with slots is made anew and super() would look for the old one.
        Asked.__post_init__(self)
        if not 0 <= self.approved_minor <= self.claimed_minor:
            raise Invalid("What was approved lies between nothing and what was claimed.")

    @property
    def share(self) -> float:
        """What was approved of what was claimed, from 0 to 1: what the model learns."""
        return self.approved_minor / self.claimed_minor


def sha256_of(cases: Iterable[Case]) -> str:
    """Return a name for these cases in this order, in hex."""
    whole = hashlib.sha256()
    for case in cases:
        whole.update(json.dumps(asdict(case), sort_keys=True).encode() + b"\n")
    return whole.hexdigest()


class Similar:
    """Counts the cases of a claim's type that claimed between half and one and a half times as much."""

    def __init__(self, cases: Sequence[Case]) -> None:
        claimed: dict[str, list[int]] = {}
        for case in cases:
            claimed.setdefault(case.claim_type, []).append(case.claimed_minor)
        self._claimed: Mapping[str, list[int]] = {name: sorted(sums) for name, sums in claimed.items()}

    def to(self, asked: Asked) -> int:
        """Return how many there are."""
        sums = self._claimed.get(asked.claim_type, [])
        least, most = -(-asked.claimed_minor // 2), asked.claimed_minor * 3 // 2
        return bisect_right(sums, most) - bisect_left(sums, least)
