"""Whose claims are whose: other people's are not there, by any door, and the database says so, too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from recoup.core.db import act_as
from recoup.core.system import System
from support.claims import ANA, CARL, DORA, REA, as_, claims_api, file_claim, policy_of, populate, stored

TABLES = (
    *("claims_policies", "claims", "claims_lines", "claims_documents", "claims_history", "claims_decisions"),
    *("claims_payments", "claims_flags", "claims_notes", "claims_drafts", "claims_filings", "claims_views"),
    *("claims_proposals", "claims_estimates"),
)
HIDDEN = {"claims_decisions", "claims_flags", "claims_proposals", "claims_estimates"}


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def claim(system: System, client: httpx2.Client) -> dict[str, Any]:
    return dict(file_claim(client, policy_of(system, populate(system)[CARL])).json())


def test_another_persons_claim_is_not_there(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    document = claim["documents"][0]["id"]
    asked = [
        ("GET", f"/claims/{claim['id']}", None),
        ("GET", f"/claims/{claim['id']}/documents/{document}/refresh-url", None),
        ("GET", f"/claims/{claim['id']}/notes", None),
        ("POST", f"/claims/{claim['id']}/notes", {"text": "Hello"}),
        ("POST", f"/claims/{claim['id']}/withdrawal", {}),
        ("POST", f"/claims/{claim['id']}/appeal", {"note": "x"}),
        ("PATCH", f"/claims/{claim['id']}/status", {"status": "under_review"}),
    ]
    for method, path, body in asked:
        answer = client.request(method, path, json=body, headers=as_(DORA))
        assert answer.status_code == 404, (path, answer.text)
    sent = [("files", ("a.pdf", b"x", "application/pdf"))]
    assert client.post(f"/claims/{claim['id']}/documents", files=sent, headers=as_(DORA)).status_code == 404
    assert client.get("/claims", headers=as_(DORA)).json() == []
    assert stored(system, claim["id"]).version == 1


def test_a_document_of_one_claim_is_not_there_under_another(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    other = file_claim(client, policy_of(system, populate(system)[CARL], "H-2")).json()
    theirs = claim["documents"][0]["id"]
    for who in (CARL, REA):
        path = f"/claims/{other['id']}/documents/{theirs}/refresh-url"
        assert client.get(path, headers=as_(who)).status_code == 404


def test_staff_see_every_claim_and_customers_no_list_of_all(
    client: httpx2.Client, claim: dict[str, Any]
) -> None:
    for who in (REA, ANA):
        assert [one["id"] for one in client.get("/claims/all", headers=as_(who)).json()] == [claim["id"]]
        assert client.get("/claims/stats", headers=as_(who)).json()["total_claims"] == 1
    for path in ("/claims/all", "/claims/stats"):
        assert client.get(path, headers=as_(CARL)).status_code == 403
        assert client.get(path).status_code == 200  # this installation's own key
    assert client.get("/claims", headers={"Authorization": ""}).status_code == 401


@pytest.mark.parametrize("path", ["/claims", "/claims/all", "/policies/my"])
def test_a_list_takes_no_parameter_that_it_does_not_know(client: httpx2.Client, path: str) -> None:
    for query in ("limit=-1", "limit=1000000000", "sort=password", "filter[user_id][$ne]=1", "skip=-1"):
        assert client.get(f"{path}?{query}", headers=as_(REA)).status_code == 422, query


def test_the_database_shows_nobody_what_is_not_theirs(
    system: System, client: httpx2.Client, claim: dict[str, Any]
) -> None:
    ids = populate(system)
    file_claim(client, policy_of(system, ids[DORA], "D-1"), by=DORA)
    assert claim["id"]

    def seen(role: str, person: str) -> dict[str, set[Any]]:
        with system.sessions() as db:
            act_as(db, role=role, person=ids[person] if person else None)
            return {one: set(db.execute(text(f"select person_id from {one}")).scalars()) for one in TABLES}

    nobody, carl, dora = seen("", ""), seen("customer", CARL), seen("customer", DORA)
    assert all(not rows for rows in nobody.values())
    assert all(rows <= {ids[CARL]} for rows in carl.values())
    assert all(rows <= {ids[DORA]} for rows in dora.values())
    assert carl["claims"] == {ids[CARL]}
    assert seen("reviewer", REA)["claims"] == {ids[CARL], ids[DORA]}
    assert all(not carl[one] for one in HIDDEN)


def test_nobody_writes_a_row_in_anothers_name(system: System) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL])
    with system.sessions() as db:
        act_as(db, role="customer", person=ids[DORA])
        moved = db.execute(text("update claims_policies set person_id = :dora"), {"dora": ids[DORA]})
        assert moved.rowcount == 0  # type: ignore[attr-defined]


def test_moves_are_only_ever_added(system: System, claim: dict[str, Any]) -> None:
    assert claim["id"]
    for statement in ("update claims_history set notes = ''", "delete from claims_history"):
        with pytest.raises(Exception, match="permission denied"), system.sessions.begin() as db:
            db.execute(text(statement))
