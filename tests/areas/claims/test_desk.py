"""What claims say on the overview, in the search and in the journal."""

from __future__ import annotations

import string
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

import httpx2
import pytest

from recoup.areas.claims import desk, told
from recoup.areas.claims.area import AREA
from recoup.areas.claims.models import Decision, Document, Payment
from recoup.areas.claims.queries import review_rows
from recoup.core.db import acting
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.journal import service as journal
from recoup.office.journal.telling import Telling
from support.claim_rows import written
from support.claims import ANA, CARL, DORA, REA, as_, claims_api, policy_of, populate
from support.desk import links_of, text_of

DESK = "/desk/claims"
DAY = timedelta(days=1)


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.fixture
def client(system: System, ids: dict[str, UUID]) -> Iterator[httpx2.Client]:
    assert ids
    with claims_api(system) as client:
        yield client


def test_a_fresh_installation_says_nothing_yet_and_what_to_do_first(
    system: System, ids: dict[str, UUID]
) -> None:
    with system.sessions.begin() as db:
        assert desk.tiles(db, system.clock()) == []
        assert desk.waiting(db, system.clock()) == []
        (step,) = desk.first_steps(system, db)
    assert (step.is_done, step.href) == (False, f"{DESK}/policies/import")
    policy_of(system, ids[CARL])
    with system.sessions.begin() as db:
        assert desk.first_steps(system, db)[0].is_done


def test_the_overview_has_the_figures_and_what_waits_for_a_person(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    now = system.clock()
    late = written(system, ids[CARL], due_at=now - DAY)
    owed = written(system, ids[CARL], status="approved")
    with system.sessions.begin() as db:
        rest = {"reference": "", "ended_at": None, "ended_by": "", "opened_at": now}
        sum_ = {"amount_minor": 123_456, "currency": "EUR", "state": "open"}
        db.add(Payment(id=new_id(), claim_id=owed, person_id=ids[CARL], **sum_, **rest))
        first = {"first_by": "session:rea@example.com", "first_at": now - 2 * DAY, "state": "waiting"}
        second = {"second_by": None, "second_at": None, "second_note": ""}
        what = {"amount_minor": 50_000, "reason_code": "", "notes": "", "lines": []}
        db.add(Decision(id=new_id(), claim_id=late, person_id=ids[CARL], **first, **second, **what))
        file = {"file_id": None, "file_name": "a.pdf", "kind": "pdf", "media_type": "application/pdf"}
        sizes = {"size": 1, "original_size": 1, "original_sha256": "0" * 64, "fingerprint": None, "facts": {}}
        state = {"removed": [], "state": "held", "reason": "", "uploaded_at": now, "uploaded_by": "x"}
        db.add(Document(claim_id=late, draft_id=None, person_id=ids[CARL], **file, **sizes, **state))
        journal.record(
            db, "claims.mail_refused", review_rows.subject(late), actor="claims", now=now, reason="550"
        )
    with system.sessions.begin() as db:
        tiles = {one.title: (one.figure, one.tone, one.href) for one in desk.tiles(db, now)}
        waits = [(one.text, one.tone, one.href) for one in desk.waiting(db, now)]
    assert tiles == {
        "Claims to decide": ("1", "", DESK),
        "Overdue claims": ("1", "bad", f"{DESK}?show=overdue"),
        "Wait for a second person": ("1", "warn", f"{DESK}?show=second"),
        "Owed and unpaid": ("1,234.56 EUR", "", f"{DESK}/all?unpaid=yes"),
    }
    assert waits == [
        ("1 claim is overdue.", "bad", f"{DESK}?show=overdue"),
        ("1 approval waits for a second person.", "warn", f"{DESK}?show=second"),
        ("1 document of a claim waits for the virus scanner.", "warn", "/desk/jobs/claims.scan"),
        ("A mail about a claim did not reach its claimant.", "warn", f"{DESK}/{late}"),
    ]
    for _, _, href in (*tiles.values(), *waits):
        assert client.get(href, headers=as_(REA)).status_code == 200
    page = client.get("/desk", headers=as_(REA))
    assert "1 claim is overdue." in text_of(page)
    with system.sessions.begin() as db:
        journal.record(db, review_rows.REACHED, review_rows.subject(late), actor="x", now=now, note="Called.")
        assert all("mail" not in one.text for one in desk.waiting(db, now))
        assert len(desk.waiting(db, now + 31 * DAY)) == 3


def test_search_finds_claims_by_number_policy_and_claimant(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    policy = policy_of(system, ids[DORA], "H-2025-000117")
    carl = written(system, ids[CARL], person_name="Carl Gauss", policy_number="X-1")
    dora = written(
        system, ids[DORA], person_name="Dora Maar", policy_number="H-2025-000117", policy_id=policy
    )
    with system.sessions.begin() as db:
        acting(db, role="reviewer", person=ids[REA])

        def hits(text: str) -> set[str]:
            return {hit.href for hit in desk.search(db, text)}

        both = {f"{DESK}/{carl}", f"{DESK}/{dora}"}
        assert hits("CLM-2025") == hits("clm-2025") == both
        assert hits("H-2025-000117") == {f"{DESK}/{dora}", f"{DESK}/policies/{policy}"}
        assert hits("H-2025") == {f"{DESK}/policies/{policy}"}
        assert hits("carl gau") == hits("Carl") == hits("carl@cust") == {f"{DESK}/{carl}"}
        assert hits("no such thing") == hits("ca") == hits("a\0bcd") == set()
        (hit,) = desk.search(db, "Dora M")
        assert hit.note == "Dora Maar: medical expense, 500.00 EUR, pending"
    assert f"{DESK}/{carl}" in links_of(client.get("/desk/search?q=carl", headers=as_(REA)))
    assert f"{DESK}/{carl}" in links_of(client.get("/desk/search?q=carl+g", headers=as_(ANA)))
    assert client.get("/desk/search?q=carl", headers=as_(CARL)).status_code == 403


def test_every_event_of_the_desk_reads_as_a_sentence_and_leads_somewhere() -> None:
    telling = Telling([AREA])
    assert telling.href("claims/claim/12") == f"{DESK}/12"
    assert telling.href("claims/bulk/0198") == f"{DESK}/bulk/0198"
    for kind in ("claims.moved_together", "claims.reading_settled", "claims.reached", "claims.assigned"):
        names = [name for _, name, _, _ in string.Formatter().parse(told.EVENTS[kind]) if name]
        assert names, kind
