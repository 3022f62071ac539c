"""Help for the reviewer: what documents say and what similar claims came to is kept beside the claim, and decides nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from random import Random

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.areas.claims.estimating import estimator
from recoup.areas.claims.jobs.reading import read_task
from recoup.areas.claims.models import Claim, Document, Estimate, ModelCard, Proposal
from recoup.core.system import System
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run
from support.claims import CARL, as_, claims_api, file_claim, looked_at, picture, policy_of, populate, stored
from support.invoices import TONGUES, Invoice

ENOUGH = 200


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


def test_documents_are_read_once_and_what_they_say_is_proposed(system: System, client: httpx2.Client) -> None:
    day = date(2025, 7, 21)
    tongue = next(iter(TONGUES.values()))
    bill = Invoice(
        tongue, 0, day, day + timedelta(days=14), day, (Decimal("1234.50"), Decimal("89.90"))
    ).pdf()
    sent = [("files", ("bill.pdf", bill, "application/pdf"))]
    claim = file_claim(client, policy_of(system, populate(system)[CARL]), files=sent).json()
    looked_at(system, claim["id"])
    for _ in range(2):
        read_task(system, claim_id=str(claim["id"]))
    with system.sessions.begin() as db:
        found = {one.field: one for one in db.scalars(select(Proposal).order_by(Proposal.confidence))}
        assert db.execute(select(Document.read_at)).scalar_one() == system.clock()
    assert {"date", "amount", "currency"} <= set(found)
    assert all(len(one.box) == 4 and one.taken is None for one in found.values())
    assert stored(system, claim["id"]).claim_minor == 500_000


def test_a_picture_waits_for_the_recogniser_where_none_is_installed(
    system: System, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recoup.areas.claims.reading.reader.available", lambda: False)
    sent = [("files", ("photo.jpg", picture(), "image/jpeg"))]
    claim = file_claim(client, policy_of(system, populate(system)[CARL]), files=sent).json()
    read_task(system, claim_id=str(claim["id"]))
    with system.sessions.begin() as db:
        assert db.execute(select(Document.read_at)).scalar_one() is None


def decided(system: System, number: int, *, policy: int) -> None:
    """Write down claims that were decided: of each kind a steady part is approved."""
    random, ids = Random(7), populate(system)
    share = {"medical": 0.9, "theft": 0.5, "fire": 0.2}
    with system.sessions.begin() as db:
        for each in range(number):
            kind, claimed = random.choice(sorted(share)), random.randrange(10_000, 900_000)
            at = system.clock() - timedelta(hours=number - each)
            db.add(
                Claim(
                    claim_number=f"CLM-20250101-{each:08X}", person_id=ids[CARL], person_name="Carl", policy_id=policy,
                    policy_number="H-1", claim_type=kind, incident_date=at.date(), description="d", currency="EUR",
                    claim_minor=claimed, approved_minor=int(claimed * share[kind]), status="completed", status_notes="",
                    reason_code="", version=3, open_flags=0, is_history=False, created_at=at, updated_at=at,
                    status_since=at, due_at=None, decided_at=at, looked_at=at, loss_location="", cause="",
                    police_report_no="",
                )
            )  # fmt: skip


def estimate(system: System) -> Run:
    """Run the job once."""
    return execution.execute_here(system, system.parts.jobs["claims.estimate"], {}, actor="test")


def test_open_claims_are_estimated_from_enough_decided_ones_only(
    system: System, client: httpx2.Client
) -> None:
    if not estimator.available():
        pytest.skip("the extra ml is not installed")
    policy = policy_of(system, populate(system)[CARL])
    claim = file_claim(client, policy, claim_type="fire").json()
    decided(system, ENOUGH - 1, policy=policy)
    assert estimate(system).state == "succeeded"
    with system.sessions.begin() as db:
        assert db.execute(select(func.count()).select_from(Estimate)).scalar_one() == 0
        assert db.execute(select(ModelCard.is_used)).scalar_one() is False
        db.execute(Claim.__table__.delete().where(Claim.status == "completed"))  # type: ignore[attr-defined]
    decided(system, ENOUGH + 100, policy=policy)
    assert estimate(system).counts == {"estimated": 1}
    with system.sessions.begin() as db:
        made = db.get_one(Estimate, claim["id"])
        assert 0 <= made.low_minor <= made.expected_minor <= made.high_minor <= 500_000
        assert abs(made.expected_minor - 100_000) < 50_000
        card = db.scalars(select(ModelCard).order_by(ModelCard.made_at, ModelCard.rows.desc())).first()
        assert card is not None
        assert card.error < card.median_error
    assert stored(system, claim["id"]).status == "pending"
    shown = client.get(f"/claims/{claim['id']}", headers=as_(CARL)).json()
    assert "estimate" not in shown
