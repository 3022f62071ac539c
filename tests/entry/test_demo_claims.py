"""The proof of the demo's third act would notice: each check fails when what it compares is made different."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from recoup.entry.demo_claims_figures import PLANNED, ClaimsBooks, checks
from recoup.sandbox.claim_documents import SCRIPT

FILED = {name: number for number, name in enumerate(PLANNED, 1)}
SENT, MOVES = 7, 8
REFUSED = "bill.pdf does not hold what its name says."


def books() -> ClaimsBooks:
    """Return books that are right."""
    keys = [f"claims:{one}:filed" for one in FILED.values()]
    keys += [f"claims:1:{number}" for number in range(2, 2 + MOVES)] + ["claims:6:note"]
    flags: dict[int, set[str]] = {one: set() for one in FILED.values()}
    flags[FILED["same bill"]] = flags[FILED["tooth"]] = {"same_document", "early"}
    return ClaimsBooks(
        statuses={FILED[name]: status for name, status in PLANNED.items()},
        moves=MOVES,
        documents={f"{number}.pdf": b"%PDF-1.7 a bill" for number in range(SENT)},
        flags=flags,
        open_payments={"claims:CLM-1": 48_990},
        owed={"claims:CLM-1": 48_990},
        planned=Counter(keys),
    )


def failing(ours: ClaimsBooks, *, refused: str = REFUSED) -> set[int]:
    """Return the places of the checks that fail."""
    found = checks(ours, FILED, sent=SENT, refused=refused)
    return {place for place, one in enumerate(found) if not one.ok}


def test_right_books_pass() -> None:
    assert failing(books()) == set()


CHANGES: tuple[tuple[int, Callable[[ClaimsBooks], object]], ...] = (
    (0, lambda ours: ours.statuses.update({1: "approved"})),
    (0, lambda ours: ours.documents.pop("0.pdf")),
    (1, lambda ours: ours.damaged.append("0.pdf")),
    (1, lambda ours: ours.documents.update({"0.pdf": SCRIPT.encode()})),
    (1, lambda ours: ours.documents.update({"0.pdf": b"Exif\0\0"})),
    (3, lambda ours: ours.flags[1].add("same_document")),
    (3, lambda ours: ours.flags[FILED["tooth"]].clear()),
    (4, lambda ours: ours.owed.update({"claims:CLM-1": 48_991})),
    (4, lambda ours: ours.owed.clear()),
    (4, lambda ours: (ours.owed.clear(), ours.open_payments.clear())),
    (5, lambda ours: ours.planned.update(["claims:1:filed"])),
    (5, lambda ours: ours.planned.pop("claims:1:filed")),
    (5, lambda ours: ours.planned.pop("claims:6:note")),
)


@pytest.mark.parametrize(("place", "change"), CHANGES)
def test_wrong_books_do_not(place: int, change: Callable[[ClaimsBooks], object]) -> None:
    ours = books()
    change(ours)
    assert failing(ours) == {place}


def test_a_page_that_was_taken_for_a_document_is_noticed() -> None:
    assert failing(books(), refused="") == {2}
