"""The review desk's queue: its orders, its filters, its pages, whose desk, and saved views."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx2
import pytest
from sqlalchemy import text

from recoup.areas.claims.lists import ALL, CLAIMS, QUEUE
from recoup.areas.claims.models import Decision, View
from recoup.areas.claims.queries import desk_rows, narrowing
from recoup.core.db import acting
from recoup.core.errors import Invalid
from recoup.core.ids import new_id
from recoup.core.system import System
from recoup.office.people.permissions import Role
from recoup.office.people.service import people
from support.claim_rows import written
from support.claims import ANA, CARL, DORA, REA, RON, as_, claims_api, populate
from support.desk import text_of

DESK = "/desk/claims"
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def ids(system: System) -> dict[str, UUID]:
    return populate(system)


@pytest.fixture
def client(system: System, ids: dict[str, UUID]) -> Iterator[httpx2.Client]:
    assert ids
    with claims_api(system) as client:
        yield client


def listed(client: httpx2.Client, path: str = DESK, *, by: str = REA, **query: Any) -> list[int]:
    """Return the claims of a list, in its order."""
    answer = client.get(path, params=query, headers=as_(by))
    assert answer.status_code == 200, answer.text
    return [int(number) for number in re.findall(r'<tr data-href="/desk/claims/(\d+)', answer.text)]


def every(client: httpx2.Client, path: str = DESK, **query: Any) -> list[int]:
    """Return the claims of all pages of a list, following the links to the next one."""
    found: list[int] = []
    address: str | None = path
    while address is not None:
        answer = client.get(address, params=query or None, headers=as_(REA))
        found += [int(number) for number in re.findall(r'<tr data-href="/desk/claims/(\d+)', answer.text)]
        following = re.search(r'rel="next" href="([^"]+)"', answer.text)
        address = following[1].replace("&amp;", "&") if following else None
        query = {}
    return found


# ---------------------------------------------------------------- orders and pages


def test_what_is_due_first_stands_on_top(client: httpx2.Client, system: System, ids: dict[str, UUID]) -> None:
    now = system.clock()
    later = written(system, ids[CARL], due_at=now + DAY)
    late = written(system, ids[CARL], due_at=now - DAY)
    soon = written(system, ids[CARL], status="under_review", due_at=now + HOUR)
    written(system, ids[CARL], status="rejected")
    assert listed(client) == [late, soon, later]
    assert listed(client, order="last_due") == [later, soon, late]


def test_the_queue_is_sorted_by_age_amount_flags_and_value_at_risk(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    now = system.clock()
    small_late = written(system, ids[CARL], claim_minor=1_000, due_at=now - HOUR)
    large = written(system, ids[CARL], claim_minor=90_000, due_at=now + DAY)
    flagged = written(system, ids[CARL], claim_minor=40_000, open_flags=2, due_at=now + DAY)
    assert listed(client, order="oldest") == [small_late, large, flagged]
    assert listed(client, order="newest") == [flagged, large, small_late]
    assert listed(client, order="largest") == [large, flagged, small_late]
    assert listed(client, order="smallest") == [small_late, flagged, large]
    assert listed(client, order="flags")[0] == flagged
    assert listed(client, order="risk") == [flagged, small_late]
    page = text_of(client.get(DESK, params={"show": "risk"}, headers=as_(REA)))
    assert "Value at risk: 410.00 EUR ." in page


def test_pages_of_the_queue_neither_repeat_nor_miss_a_claim(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    now = system.clock()
    made = {
        written(
            system,
            ids[CARL],
            claim_minor=100 * (number % 3 + 1),
            open_flags=number % 2,
            due_at=now + number % 4 * HOUR,
        )
        for number in range(60)
    }
    for order in (one.name for one in QUEUE.orders if one.name != "risk"):
        found = every(client, order=order, rows=25)
        assert len(found) == len(made), order
        assert set(found) == made, order


INDEXES: tuple[tuple[Mapping[str, str], str], ...] = (
    ({}, "ix_claims_open_due"),
    ({"order": "oldest"}, "ix_claims_open_id"),
    ({"order": "largest"}, "ix_claims_open_amount"),
    ({"order": "flags"}, "ix_claims_open_flags"),
    ({"order": "risk"}, "ix_claims_open_amount"),
)


def test_an_index_carries_each_order(system: System, ids: dict[str, UUID]) -> None:
    for asked, index in INDEXES:
        wanted = QUEUE.wanted(asked)
        with system.sessions() as db:
            acting(db, role="reviewer", person=ids[REA])
            db.execute(text("set local enable_seqscan = off"))
            db.execute(text("set local enable_bitmapscan = off"))
            statement = desk_rows._open(db, wanted, system.clock()).order_by(
                *(one.desc() if wanted.order.descending else one for one in desk_rows._key(wanted))
            )
            compiled = statement.limit(51).compile(db.get_bind(), compile_kwargs={"literal_binds": True})
            rows = db.execute(text(f"explain {compiled}".replace(":", r"\:")))
            plan = "\n".join(row[0] for row in rows)
        assert index in plan, plan
        assert "Sort" not in plan, plan


# ---------------------------------------------------------------- filters and desks


def test_the_tabs_show_what_needs_a_look(client: httpx2.Client, system: System, ids: dict[str, UUID]) -> None:
    now = system.clock()
    late = written(system, ids[CARL], due_at=now - HOUR)
    flagged = written(system, ids[CARL], open_flags=1)
    asked = written(system, ids[CARL], asked_at=now - HOUR)
    second = written(system, ids[CARL], status="under_review")
    with system.sessions.begin() as db:
        db.add(
            Decision(
                id=new_id(),
                claim_id=second,
                person_id=ids[CARL],
                amount_minor=50_000,
                reason_code="",
                notes="",
                lines=[],
                state="waiting",
                first_by="session:ron@example.com",
                first_at=now,
                second_by=None,
                second_at=None,
                second_note="",
            )
        )
    for show, found in (("overdue", late), ("flagged", flagged), ("asked", asked), ("second", second)):
        assert listed(client, show=show) == [found]
    assert set(listed(client, show="risk")) == {late, flagged}
    page = text_of(client.get(DESK, headers=as_(REA)))
    assert "All open 4 Overdue 1 Flagged 1 At risk Asked for more 1 Second person 1" in page
    assert listed(client, show="overdue", status="under_review") == []


def test_the_queue_is_narrowed_by_status_type_policy_number_and_currency(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    fire = written(system, ids[CARL], claim_type="fire", policy_number="F-77", currency="USD")
    other = written(system, ids[DORA], status="under_review")
    assert listed(client, type="fire") == [fire]
    assert listed(client, status="under_review") == [other]
    assert listed(client, policy="F-77") == [fire]
    assert listed(client, policy="F-7") == []
    assert listed(client, currency="usd") == [fire]
    number = text_of(client.get(f"{DESK}/{other}", headers=as_(REA)))
    assert (found := re.search(r"CLM-\d{8}-[0-9A-F]{8}", number))
    assert listed(client, number=found[0].lower()) == [other]
    assert listed(client, number=found[0][:12]) == sorted((fire, other))


def test_a_claimant_is_found_by_a_part_of_their_name_or_address(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    carl, dora = written(system, ids[CARL]), written(system, ids[DORA])
    for typed in ("car", "arl", "Carl", "customer.test", "carl@customer.test"):
        found = listed(client, claimant=typed)
        assert carl in found, typed
        assert (dora in found) == (typed == "customer.test"), typed


def test_who_may_not_see_people_finds_claimants_by_the_beginning_of_their_name(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    carl = written(system, ids[CARL])
    assert listed(client, by=ANA, claimant="car") == [carl]
    assert listed(client, by=ANA, claimant="customer.test") == []


def test_too_little_of_a_name_and_what_very_many_are_called_is_said(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    assert ids
    short = client.get(DESK, params={"claimant": "ca"}, headers=as_(REA))
    assert short.status_code == 422
    assert "Write at least 3 characters." in text_of(short)
    with system.sessions.begin() as db:
        for number in range(narrowing.MOST_PEOPLE + 1):
            address = f"many{number}@customer.test"
            people.add(db, address=address, role=Role.CUSTOMER, name="Many", actor="test", now=system.clock())
    many = client.get(DESK, params={"claimant": "many"}, headers=as_(REA))
    assert many.status_code == 422
    assert "More than 100 people" in text_of(many)


def test_what_the_queue_cannot_be_narrowed_by_is_said(client: httpx2.Client) -> None:
    for query in ("status=approved", "desk=yours", "show=x", "order=age", "x=y", "currency=EURO"):
        assert client.get(f"{DESK}?{query}", headers=as_(REA)).status_code == 422, query


def test_a_claim_is_on_my_desk_on_another_or_on_nobodys(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    mine = written(system, ids[CARL], assignee_id=ids[REA])
    rons = written(system, ids[CARL], assignee_id=ids[RON])
    free = written(system, ids[CARL])
    assert listed(client, desk="mine") == [mine]
    assert listed(client, desk="others") == [rons]
    assert listed(client, desk="nobody") == [free]
    assert listed(client, by=RON, desk="mine") == [rons]
    taken = client.post(f"{DESK}/{free}/desk", data={"to": "me"}, headers=as_(REA))
    assert taken.status_code == 303
    assert listed(client, desk="mine") == [mine, free]
    client.post(f"{DESK}/{free}/desk", data={"to": "nobody"}, headers=as_(REA))
    assert listed(client, desk="nobody") == [free]


def test_ones_own_claim_is_named_so_and_its_flags_are_not_shown(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    written(system, ids[REA], open_flags=7)
    mine = text_of(client.get(DESK, headers=as_(REA)))
    assert "your own claim" in mine
    assert " 7 " not in mine.partition("With")[2]
    assert " 7 " in text_of(client.get(DESK, headers=as_(RON))).partition("With")[2]


# ---------------------------------------------------------------- who, all claims, exports


def test_only_who_works_here_sees_the_desk_and_only_who_decides_can_move_claims(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    written(system, ids[CARL])
    for path in (DESK, f"{DESK}/all", f"{DESK}/figures"):
        assert client.get(path, headers=as_(CARL)).status_code == 403
        assert client.get(path, headers=as_(ANA)).status_code == 200
    assert "/desk/claims/bulk" not in client.get(DESK, headers=as_(ANA)).text
    assert "/desk/claims/bulk" in client.get(DESK, headers=as_(REA)).text


def test_all_claims_has_the_decided_ones_and_imported_history(
    client: httpx2.Client, system: System, ids: dict[str, UUID]
) -> None:
    now, path = system.clock(), f"{DESK}/all"
    open_ = written(system, ids[CARL])
    rejected = written(system, ids[CARL], status="rejected", created_at=now - 3 * DAY)
    past = written(system, ids[CARL], status="completed", created_at=now - 900 * DAY, is_history=True)
    assert listed(client, path) == [open_, rejected, past]
    assert listed(client, path, order="oldest") == [past, rejected, open_]
    assert listed(client, path, history="no") == [open_, rejected]
    assert listed(client, path, history="yes") == [past]
    assert listed(client, path, status="rejected") == [rejected]
    day = (now - 3 * DAY).date().isoformat()
    assert listed(client, path, since=day, until=day) == [rejected]


def test_an_export_has_what_its_asker_has_on_their_desk(system: System, ids: dict[str, UUID]) -> None:
    mine = written(system, ids[CARL], assignee_id=ids[REA])
    written(system, ids[CARL], assignee_id=ids[RON])
    with system.sessions() as db:
        acting(db, role="reviewer", person=ids[REA])
        rows = list(QUEUE.every(db, QUEUE.wanted({"desk": "mine"})))
        assert [row.id for row in rows] == [mine]
        assert len(list(CLAIMS.every(db, CLAIMS.wanted({})))) == 2
        for listing in ALL:
            for row in listing.every(db, listing.wanted({})):
                assert [column.value(row) for column in listing.columns]


# ---------------------------------------------------------------- saved views


def test_a_view_is_saved_opened_replaced_and_removed(client: httpx2.Client, system: System) -> None:
    kept = client.post(
        f"{DESK}/views", data={"name": "Large fires", "query": "type=fire&order=largest"}, headers=as_(REA)
    )
    assert kept.headers["location"] == f"{DESK}?type=fire&order=largest"
    page = client.get(DESK, headers=as_(REA)).text
    assert f'href="{DESK}?type=fire&amp;order=largest"' in page
    assert "Large fires" not in client.get(DESK, headers=as_(RON)).text
    client.post(f"{DESK}/views", data={"name": "Large fires", "query": "type=fire"}, headers=as_(REA))
    with system.sessions() as db:
        (view,) = db.query(View).all()
        assert view.query == "type=fire"
    others = client.post(f"{DESK}/views/{view.id}/remove", headers=as_(RON))
    assert others.status_code == 404
    gone = client.post(f"{DESK}/views/{view.id}/remove", data={"query": "type=fire"}, headers=as_(REA))
    assert gone.headers["location"] == f"{DESK}?type=fire"
    assert ">Large fires</a>" not in client.get(DESK, headers=as_(REA)).text


def test_what_is_no_view_is_not_saved(client: httpx2.Client) -> None:
    for name, query in (
        ("", "type=fire"),
        ("x" * 61, "type=fire"),
        ("Odd", "type=water"),
        ("Odd", "a" * 5_000),
    ):
        answer = client.post(f"{DESK}/views", data={"name": name, "query": query}, headers=as_(REA))
        assert answer.status_code == 422, name


def test_nobody_saves_views_without_end(client: httpx2.Client, system: System) -> None:
    for number in range(30):
        client.post(f"{DESK}/views", data={"name": f"View {number}", "query": "type=fire"}, headers=as_(REA))
    one_more = client.post(f"{DESK}/views", data={"name": "One more", "query": ""}, headers=as_(REA))
    assert one_more.status_code == 409
    with system.sessions() as db:
        assert db.query(View).count() == 30


def test_a_list_of_figures_cannot_be_read_from_a_made_up_place(system: System) -> None:
    figures = next(one for one in ALL if one.name == "claims_figures")
    with system.sessions() as db, pytest.raises(Invalid, match="cannot be found"):
        figures.rows(db, figures.wanted({"after": "x1"}))
