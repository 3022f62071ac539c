"""How claims move: all 25 pairs of statuses, and what each move needs, against a table written down here."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.areas.claims.models import Status
from recoup.areas.claims.rules import statuses
from recoup.areas.claims.rules.statuses import Asked, ServiceLevels
from recoup.core.errors import Conflict, Invalid

P, U, A, R, C = "pending", "under_review", "approved", "rejected", "completed"
# contracts/claims.md, 4.2, as a picture: a row is where a claim stands, a column where it is to go.
POSSIBLE = {(P, U), (P, R), (U, A), (U, R), (U, P), (A, C), (R, U)}
CLAIMED = 500_000


def _whole(status: str, was: str) -> Asked:
    """Return a move to ``status`` that lacks nothing."""
    match status:
        case "approved":
            return Asked(status, "Paid in full.", amount=CLAIMED)
        case "rejected" if was == P:
            return Asked(status, "Filed twice.", "duplicate")
    return Asked(status, "Because.")


@pytest.mark.parametrize(("was", "status"), [pair for pair in product(Status, Status) if pair[0] != pair[1]])
def test_a_claim_moves_along_the_machine_and_nowhere_else(was: Status, status: Status) -> None:
    asked = _whole(status, was)
    if (was.value, status.value) in POSSIBLE:
        statuses.check(asked, was=was, claimed=CLAIMED)
    else:
        with pytest.raises(Conflict, match="cannot become"):
            statuses.check(asked, was=was, claimed=CLAIMED)


@pytest.mark.parametrize("status", list(Status))
def test_staying_takes_notes_and_nothing_else(status: Status) -> None:
    statuses.check(Asked(status, "Looked at it again."), was=status, claimed=CLAIMED)
    with pytest.raises(Invalid):
        statuses.check(Asked(status), was=status, claimed=CLAIMED)
    with pytest.raises(Conflict):
        statuses.check(Asked(status, "More.", amount=1), was=status, claimed=CLAIMED)
    with pytest.raises(Conflict):
        statuses.check(Asked(status, "More.", "other"), was=status, claimed=CLAIMED)


@given(
    amount=st.one_of(st.none(), st.integers(-(10**18), 10**18)),
    most=st.one_of(st.none(), st.integers(1, 10**9)),
)
def test_an_approval_lies_between_nothing_and_what_was_claimed_and_covered(
    amount: int | None, most: int | None
) -> None:
    fits = amount is not None and 0 < amount <= CLAIMED and (most is None or amount <= most)
    asked = Asked(A, "Yes.", amount=amount)
    if fits:
        statuses.check(asked, was=U, claimed=CLAIMED, most=most)
    else:
        with pytest.raises(Invalid):
            statuses.check(asked, was=U, claimed=CLAIMED, most=most)


@pytest.mark.parametrize("status", [P, R])
def test_only_an_approval_has_an_amount(status: str) -> None:
    with pytest.raises(Invalid, match="approved amount"):
        statuses.check(Asked(status, "No.", amount=1), was=U, claimed=CLAIMED)


@pytest.mark.parametrize(
    ("was", "asked"),
    [
        (U, Asked(R)),
        (U, Asked(R, reason_code="not_covered")),
        (U, Asked(P)),
        (R, Asked(U)),
        (P, Asked(R, "Not covered.", "not_covered")),
        (P, Asked(R, "Just so.")),
        (P, Asked(R, reason_code="withdrawn")),
        (U, Asked(R, "No.", "because_i_say_so")),
    ],
)
def test_a_move_that_lacks_its_reason_is_refused(was: str, asked: Asked) -> None:
    with pytest.raises(Invalid):
        statuses.check(asked, was=was, claimed=CLAIMED)


def test_a_claim_with_an_open_payment_is_not_completed() -> None:
    statuses.check(Asked(C), was=A, claimed=CLAIMED)
    with pytest.raises(Conflict, match="not paid"):
        statuses.check(Asked(C), was=A, claimed=CLAIMED, has_open_payment=True)


def test_each_status_is_due_after_its_own_time() -> None:
    days = [timedelta(days=number) for number in (2, 5, 14, 30)]
    levels, since = ServiceLevels(*days), datetime(2025, 7, 24, tzinfo=UTC)
    assert [levels.due(one, since) for one in (P, U, A, R)] == [since + one for one in days]
    assert levels.due(C, since) is None
