"""What the child process runs that trains: JSON in, numbers and sentences out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from recoup.areas.claims import confined
from recoup.areas.claims.estimating.cases import Asked, Case
from recoup.areas.claims.estimating.training import trained


def train(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Train on ``cases`` and estimate what is ``asked``, pairs of a number and a claim."""
    cases = [Case(**said) for said in request["cases"]]
    training = trained(cases, [(number, Asked(**said)) for number, said in request["asked"]])
    return {
        "cards": [asdict(card) for card in training.cards],
        "estimates": [[number, asdict(expected)] for number, expected in training.estimates.items()],
    }


if __name__ == "__main__":
    confined.serve(train)
