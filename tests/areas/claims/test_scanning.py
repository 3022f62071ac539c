"""The virus scanner: what it finds is refused, and while it is silent documents are held, not passed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from recoup.adapters.clamd import Clamd
from recoup.areas.claims.jobs import scanning
from recoup.areas.claims.models import Claim
from recoup.core.ids import parse_id
from recoup.core.system import System
from recoup.office.files import service as files
from recoup.office.jobs import execution
from recoup.office.jobs import queries as runs
from recoup.office.jobs.models import Run
from recoup.office.journal.models import Event
from recoup.office.messages.models import Message
from recoup.sandbox.clamd import EICAR, SIGNATURE, ClamdStandIn
from support.claims import CARL, REA, as_, claims_api, file_claim, looked_at, pdf, policy_of, populate


@pytest.fixture
def clamd() -> Iterator[ClamdStandIn]:
    with ClamdStandIn() as running:
        yield running


@pytest.fixture
def guarded(system: System, clamd: ClamdStandIn) -> System:
    scanner = Clamd(clamd.address, connect_seconds=2, step_seconds=2)
    return replace(system, ports=replace(system.ports, scanner=scanner))


@pytest.fixture
def client(guarded: System) -> Iterator[httpx2.Client]:
    with claims_api(guarded) as client:
        yield client


def infected() -> list[Any]:
    """Return a PDF that carries the test virus in plain bytes."""
    body = pdf()
    return [("files", ("bill.pdf", body[:-6] + b"% " + EICAR + b"\n" + body[-6:], "application/pdf"))]


def scan(system: System) -> Run:
    """Run the job once."""
    return execution.execute_here(system, system.parts.jobs["claims.scan"], {}, actor="test")


def test_what_the_scanner_finds_is_refused_and_written_down(system: System, client: httpx2.Client) -> None:
    policy = policy_of(system, populate(system)[CARL])
    answer = file_claim(client, policy, files=infected())
    assert (answer.status_code, SIGNATURE in answer.json()["detail"]) == (422, True)
    with system.sessions.begin() as db:
        assert db.execute(select(func.count()).select_from(Claim)).scalar_one() == 0
        (event,) = db.scalars(select(Event).where(Event.kind == "claims.virus_refused"))
        assert (event.detail["name"], event.detail["found"]) == ("bill.pdf", SIGNATURE)
    assert list(system.ports.files.list("files/")) == []
    assert file_claim(client, policy).status_code == 200


def test_while_the_scanner_is_silent_a_document_is_held_and_then_released(
    system: System, guarded: System, client: httpx2.Client, clamd: ClamdStandIn
) -> None:
    clamd.stall()
    claim = file_claim(client, policy_of(system, populate(system)[CARL])).json()
    (document,) = claim["documents"]
    assert (document["state"], document["s3_url"]) == ("held", None)
    path = f"/claims/{claim['id']}/documents/{document['id']}/refresh-url"
    for who in (CARL, REA):
        refused = client.get(path, headers=as_(who))
        assert (refused.status_code, "held" in refused.json()["detail"]) == (409, True)
    with system.sessions.begin() as db:
        for _ in range(2):
            scanning.sweep(db, system.clock())
        assert [one.job for one in runs.runs(db)] == ["claims.scan"]
    waits = scan(guarded)
    assert waits.needs_person
    clamd.go_on()
    assert scan(guarded).counts == {"released": 1}
    url = client.get(path, headers=as_(CARL)).json()["url"]
    assert client.get(url).status_code == 200
    assert scan(guarded).summary == "No document is held."
    with system.sessions.begin() as db:
        before = len(runs.runs(db))
        scanning.sweep(db, system.clock() + timedelta(hours=1))
        assert len(runs.runs(db)) == before


def test_a_held_document_that_turns_out_bad_is_withdrawn_and_its_claimant_told(
    system: System, guarded: System, client: httpx2.Client, clamd: ClamdStandIn
) -> None:
    clamd.stall()
    claim = file_claim(client, policy_of(system, populate(system)[CARL])).json()
    looked_at(system, claim["id"])
    clamd.go_on()
    found = replace(guarded, ports=replace(guarded.ports, scanner=_Finds()))
    assert scan(found).counts == {"infected": 1}
    shown = client.get(f"/claims/{claim['id']}", headers=as_(CARL)).json()
    assert (shown["documents"][0]["state"], shown["documents"][0]["s3_url"]) == ("infected", None)
    with system.sessions.begin() as db:
        subjects = set(db.scalars(select(Message.subject)))
        assert f"A document could not be taken - {claim['claim_number']}" in subjects
        (removed,) = db.scalars(select(Event.subject).where(Event.kind == "files.withdrawn"))
        files.remove_bytes(db, system.ports.files, parse_id(removed.rpartition("/")[2]))
    assert list(system.ports.files.list("files/")) == []
    again = [("files", ("again.pdf", pdf("Again"), "application/pdf"))]
    answer = client.post(f"/claims/{claim['id']}/documents", files=again, headers=as_(CARL))
    assert answer.status_code == 200, answer.text
    more = client.post(f"/claims/{claim['id']}/documents", files=again, headers=as_(CARL))
    assert (more.status_code, "when a reviewer asks" in more.json()["detail"]) == (409, True)


class _Finds:
    """A scanner that finds something in everything."""

    def ping(self) -> None:
        raise NotImplementedError

    def scan(self, body: object) -> str | None:
        assert body is not None
        return "Win.Test.Bad"


def test_without_a_scanner_nothing_is_held(system: System) -> None:
    policy = policy_of(system, populate(system)[CARL])
    with claims_api(system) as client:
        assert file_claim(client, policy).json()["documents"][0]["state"] == "kept"
