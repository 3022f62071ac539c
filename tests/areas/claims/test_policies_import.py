"""Policies brought in: what would change is told first, then exactly that is done, or nothing."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, text, update

from recoup.areas.claims import controls, importing
from recoup.areas.claims.jobs.looking_again import look_again_task
from recoup.areas.claims.models import Flag, Policy
from recoup.areas.claims.service import policies
from recoup.areas.claims.service.policies import Plan
from recoup.core.errors import Conflict
from recoup.core.system import System
from recoup.office.controls import service as house
from recoup.office.files import queries as file_rows
from recoup.office.files import service as files
from recoup.office.files.models import File
from recoup.office.journal.models import Event
from recoup.office.people.models import Person
from support.claims import (
    ADA,
    ANA,
    CARL,
    DORA,
    INCIDENT,
    REA,
    as_,
    claims_api,
    file_claim,
    policy_of,
    populate,
)
from support.house import MovableClock
from support.policy_sheets import HEADER, csv_of, xlsx_of

ALL_OF = (
    "policy_number",
    "kind",
    "start_date",
    "end_date",
    "premium_minor",
    "sum_insured_minor",
    "currency",
    "status",
)


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


def brought(system: System, body: bytes, *, seen: str | None = None, now: MovableClock | None = None) -> Plan:
    """Bring a sheet in as a door does."""
    with (
        system.sessions() as db,
        _lying(system, body).open("rb") as lying,
        importing.sheet(system, db, lying, name="policies.csv") as read,
    ):
        done = policies.apply(
            db,
            system.ports.files,
            read,
            body=io.BytesIO(body),
            media_type=importing.CSV,
            seen=seen,
            actor="test",
            now=(now or system.clock)(),
        )
        db.commit()
        return done


def looked_at(system: System, body: bytes) -> Plan:
    with (
        system.sessions() as db,
        _lying(system, body).open("rb") as lying,
        importing.sheet(system, db, lying, name="policies.csv") as read,
    ):
        return policies.plan(db, read)


def _lying(system: System, body: bytes) -> Path:
    path = system.home / "sheet.csv"
    path.write_bytes(body)
    return path


def standing(system: System) -> dict[str, Policy]:
    with system.sessions.begin() as db:
        return {one.policy_number: one for one in db.scalars(select(Policy))}


def holder(system: System, number: str) -> str:
    with system.sessions.begin() as db:
        statement = select(Person.address).join(Policy, Policy.person_id == Person.id)
        return db.scalars(statement.where(Policy.policy_number == number)).one()


def events(system: System, kind: str) -> list[Mapping[str, Any]]:
    with system.sessions.begin() as db:
        return [one.detail for one in db.scalars(select(Event).where(Event.kind == kind).order_by(Event.id))]


def sent(
    client: httpx2.Client, body: bytes, *, by: str = ADA, dry: bool = False, **fields: str
) -> httpx2.Response:
    return client.post(
        "/policies/import",
        params={"dry_run": "true"} if dry else None,
        files=[("file", ("policies.csv", body, "text/csv"))],
        data=fields or None,
        headers=as_(by),
    )


# ---------------------------------------------------------------- what would change


def test_a_sheet_is_told_apart_into_new_changed_same_and_rejected(system: System) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1")
    policy_of(system, ids[CARL], "H-2")
    same = {"policy_number": "H-2", "auto_renew": "yes"}
    body = csv_of(
        {"premium": "130.50", "end_date": "2026-06-30"}, same, {"policy_number": "H-3"}, {"type": "boat"}
    )
    plan = looked_at(system, body)
    assert (plan.rows, plan.new, plan.changed, plan.same, plan.rejected) == (4, 1, 1, 1, 1)
    assert plan.rows == plan.new + plan.changed + plan.same + plan.rejected
    (change,) = plan.changes
    assert (change.was_premium_minor, change.premium_minor) == (12_000, 13_050)
    assert (change.was_end_date, change.end_date) == (date(2025, 12, 31), date(2026, 6, 30))
    assert [one.line for one in plan.rejections] == [5]
    assert standing(system)["H-1"].premium_minor == 12_000


def test_looking_writes_nothing(system: System) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1")
    before = _counted(system)
    looked_at(system, csv_of({"premium": "1"}, {"policy_number": "H-9", "holder_email": "new@customer.test"}))
    assert _counted(system) == before


def _counted(system: System) -> tuple[int, ...]:
    with system.sessions.begin() as db:
        return tuple(
            db.execute(select(func.count()).select_from(table)).scalar_one()
            for table in (Policy, Person, Event, File)
        )


# ---------------------------------------------------------------- done


def test_what_was_looked_at_is_done_and_the_file_is_kept_as_evidence(system: System) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1")
    new = {
        "policy_number": "H-2",
        "holder_email": "New@Customer.test",
        "holder_name": "Nadja",
        "sum_insured": "900",
    }
    body = csv_of({"premium": "99.99", "status": "cancelled", "auto_renew": "no"}, new, {"type": ""})
    plan = looked_at(system, body)
    done = brought(system, body, seen=plan.digest)
    assert (done.new, done.changed, done.rejected, done.people) == (1, 1, 1, 1)
    held = standing(system)
    assert (held["H-1"].premium_minor, held["H-1"].status, held["H-1"].auto_renew) == (
        9_999,
        "cancelled",
        False,
    )
    assert held["H-1"].person_id == ids[CARL]
    assert (held["H-2"].sum_insured_minor, held["H-2"].currency) == (90_000, "EUR")
    assert holder(system, "H-2") == "new@customer.test"
    with system.sessions.begin() as db:
        person = db.scalars(select(Person).where(Person.address == "new@customer.test")).one()
        assert (person.name, person.role, person.state, person.created_by) == (
            "Nadja",
            "customer",
            "active",
            "test",
        )
        (event,) = db.scalars(select(Event).where(Event.kind == "claims.policies_imported"))
        assert {name: event.detail[name] for name in ("rows", "added", "changed", "same", "rejected", "people")} == {
            "rows": 3, "added": 1, "changed": 1, "same": 0, "rejected": 1, "people": 1,
        }  # fmt: skip
        (file,) = file_rows.of_subject(db, event.subject)
        assert (str(file.id), file.name, file.may) == (event.detail["file"], "policies.csv", "claims.import")
        with files.open_file(system.ports.files, file) as kept:
            assert kept.read() == body
    assert len(events(system, "people.added_together")) == 1


def test_the_same_file_again_changes_nothing(system: System, clock: MovableClock) -> None:
    populate(system)
    body = csv_of(
        {}, {"policy_number": "H-2", "status": "", "auto_renew": "", "sum_insured": "5"}, {"type": "x"}
    )
    assert brought(system, body).new == 2
    before = {
        number: tuple(getattr(one, name) for name in ALL_OF) for number, one in standing(system).items()
    }
    counted = _counted(system)
    clock.advance(days=1)
    again = brought(system, body)
    assert (again.new, again.changed, again.same, again.rejected, again.does) == (0, 0, 2, 1, 0)
    held = standing(system)
    assert {number: tuple(getattr(one, name) for name in ALL_OF) for number, one in held.items()} == before
    assert {one.updated_at for one in held.values()} == {one.created_at for one in held.values()}
    assert _counted(system) == counted


def test_what_a_sheet_says_nothing_about_stays(system: System) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1", insured=500_000, status="expired")
    policy_of(system, ids[CARL], "H-7")
    header = tuple(one for one in HEADER if one not in {"sum_insured", "status", "auto_renew"})
    brought(system, csv_of({"premium": "1"}, header=header))
    held = standing(system)
    one = held["H-1"]
    assert (one.premium_minor, one.sum_insured_minor, one.status, one.auto_renew) == (
        100,
        500_000,
        "expired",
        True,
    )
    assert held["H-7"].premium_minor == 12_000  # nothing is deleted either
    brought(system, csv_of({"premium": "1", "status": "", "auto_renew": ""}))
    one = standing(system)["H-1"]
    assert (one.sum_insured_minor, one.status, one.auto_renew) == (None, "expired", True)


def test_a_person_who_is_known_keeps_their_role_and_their_name(system: System) -> None:
    populate(system)
    body = csv_of(
        {"holder_email": "REA@example.com", "holder_name": "Somebody Else"},
        {"policy_number": "H-2", "holder_email": "two@customer.test", "holder_name": ""},
        {"policy_number": "H-3", "holder_email": "two@customer.test", "holder_name": "Two"},
    )
    assert brought(system, body).people == 1
    with system.sessions.begin() as db:
        rea = db.scalars(select(Person).where(Person.address == REA)).one()
        assert (rea.role, rea.name) == ("reviewer", "Rea")
        assert db.scalars(select(Person.name).where(Person.address == "two@customer.test")).one() == "Two"


def test_a_sheet_without_a_currency_is_in_that_of_the_control(system: System) -> None:
    populate(system)
    with system.sessions.begin() as db:
        house.change(db, controls.CURRENCY, "JPY", expected_version=0, actor="test", now=system.clock())
    brought(system, csv_of({"currency": "", "premium": "1250"}))
    assert (standing(system)["H-1"].currency, standing(system)["H-1"].premium_minor) == ("JPY", 1250)


def test_what_stands_may_not_change_between_looking_and_doing(system: System) -> None:
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1")
    body = csv_of({"premium": "1"}, {"policy_number": "H-2"})
    plan = looked_at(system, body)
    with system.sessions.begin() as db:
        db.execute(update(Policy).values(premium_minor=7))
    with pytest.raises(Conflict, match="What stands has changed since you looked"):
        brought(system, body, seen=plan.digest)
    assert set(standing(system)) == {"H-1"}
    assert brought(system, body, seen=looked_at(system, body).digest).changed == 1


def test_another_file_is_not_what_was_looked_at(system: System) -> None:
    populate(system)
    plan = looked_at(system, csv_of({}))
    with pytest.raises(Conflict, match="or this is another file"):
        brought(system, csv_of({}, {"policy_number": "H-2"}), seen=plan.digest)
    with pytest.raises(Conflict):
        brought(system, csv_of({}, {"type": "x"}), seen=plan.digest)
    assert standing(system) == {}


def test_what_happens_to_policies_that_stay_is_no_other_plan(system: System, client: httpx2.Client) -> None:
    ids = populate(system)
    policy = policy_of(system, ids[CARL], "H-1")
    body = csv_of({}, {"policy_number": "H-2"})
    plan = looked_at(system, body)
    assert (plan.same, plan.new) == (1, 1)
    assert file_claim(client, policy).status_code == 200
    assert brought(system, body, seen=plan.digest).new == 1


# ---------------------------------------------------------------- claims on policies that change


def test_open_claims_that_lose_their_cover_are_told_and_looked_at_again(
    system: System, client: httpx2.Client
) -> None:
    ids = populate(system)
    policy = policy_of(system, ids[CARL], "H-1")
    claim = file_claim(client, policy).json()
    later = csv_of({"start_date": "2025-07-18", "end_date": "2026-12-31"})
    plan = looked_at(system, later)
    assert (plan.touched, plan.claims) == (0, [])
    _forget_tasks(system)
    brought(system, later)
    (task,) = _tasks(system)
    assert task == {"claim_ids": str(claim["id"])}
    look_again_task(system, **task)
    with system.sessions.begin() as db:
        assert "early" in set(db.scalars(select(Flag.kind).where(Flag.claim_id == claim["id"])))
    gone = looked_at(system, csv_of({"start_date": "2025-08-01", "end_date": "2026-12-31"}))
    (touched,) = gone.claims
    assert (gone.touched, touched.claim_number, touched.incident_date) == (1, claim["claim_number"], INCIDENT)
    assert touched.why == "The policy would no longer apply on that day."
    cancelled = looked_at(system, csv_of({"status": "cancelled"}))
    assert [one.why for one in cancelled.claims] == ["The policy would be cancelled."]
    moved = looked_at(system, csv_of({"holder_email": DORA}))
    assert [one.why for one in moved.claims] == ["The policy would belong to somebody else."]


def _tasks(system: System) -> list[dict[str, str]]:
    with system.sessions.begin() as db:
        found = text("select args from procrastinate_jobs where task_name = :name order by id")
        return list(db.scalars(found, {"name": policies.LOOK_AGAIN}))


def _forget_tasks(system: System) -> None:
    with system.sessions.begin() as db:
        db.execute(text("delete from procrastinate_jobs"))


def test_very_many_claims_are_looked_at_by_few_tasks(system: System, client: httpx2.Client) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-1")
    first = file_claim(client, policy).json()["id"]
    with system.sessions.begin() as db:
        columns = [one.name for one in db.execute(text("select * from claims limit 0")).cursor.description]  # type: ignore[union-attr]
        others = ", ".join(one for one in columns if one not in {"id", "claim_number"})
        db.execute(
            text(
                f"insert into claims (claim_number, {others}) select 'CLM-20250724-' || lpad(upper(to_hex(n)), 8, '0'), "
                f"{others} from claims, generate_series(1, 1200) n where id = :first"
            ),
            {"first": first},
        )
    _forget_tasks(system)
    brought(system, csv_of({"end_date": "2026-12-31"}))
    assert [len(one["claim_ids"].split(",")) for one in _tasks(system)] == [500, 500, 201]


def test_the_currency_of_a_policy_with_claims_stays(system: System, client: httpx2.Client) -> None:
    ids = populate(system)
    file_claim(client, policy_of(system, ids[CARL], "H-1"))
    policy_of(system, ids[CARL], "H-2", insured=100)
    policy_of(system, ids[CARL], "H-3")
    usd = {"currency": "USD"}
    lines = (usd, {"policy_number": "H-2", **usd}, {"policy_number": "H-3", **usd})
    plan = looked_at(system, csv_of(*lines))
    assert (plan.changed, plan.rejected) == (2, 1)
    (one,) = plan.rejections
    assert one.line == 2
    assert "H-1 is kept in EUR, and this line has USD." in one.reason
    without = looked_at(
        system, csv_of(*lines, header=tuple(name for name in HEADER if name != "sum_insured"))
    )
    assert [each.line for each in without.rejections] == [2, 3]
    assert brought(system, csv_of(*lines)).changed == 2
    assert {number: row.currency for number, row in standing(system).items()} == {
        "H-1": "EUR", "H-2": "USD", "H-3": "USD",
    }  # fmt: skip


# ---------------------------------------------------------------- previews


def test_the_file_of_a_preview_is_withdrawn_after_a_day(system: System, clock: MovableClock) -> None:
    with system.sessions.begin() as db:
        file = policies.keep_preview(
            db,
            system.ports.files,
            name="policies.csv",
            body=io.BytesIO(csv_of({})),
            media_type=importing.CSV,
            actor="test",
            now=clock(),
        )
    for hours, is_there in ((20, True), (5, False)):
        clock.advance(hours=hours)
        with system.sessions.begin() as db:
            for sweep in system.parts.sweeps:
                sweep(db, clock())
            assert (file_rows.withdrawn(db, file.id) is None) == is_there


# ---------------------------------------------------------------- the API


def test_the_api_answers_with_what_would_change_and_then_does_it(
    system: System, client: httpx2.Client
) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    body = csv_of(
        {"premium": "130.50"}, {"policy_number": "H-2", "holder_email": "n@c.test"}, {"type": "boat"}
    )
    preview = sent(client, body, dry=True)
    assert preview.status_code == 200, preview.text
    told = preview.json()
    assert (told["applied"], told["rows"], told["added"], told["changed"], told["rejected"]) == (
        False,
        3,
        1,
        1,
        1,
    )
    assert told["changes"] == [
        {
            "line": 2,
            "policy_number": "H-1",
            "differences": [{"column": "premium", "before": "120.00 EUR", "after": "130.50 EUR"}],
        }
    ]
    assert told["rejections"] == [
        {
            "line": 4,
            "reason": "The type 'boat' is not known. Give one of auto, health, life, home, travel, other.",
        }
    ]
    assert set(standing(system)) == {"H-1"}
    done = sent(client, body, apply=told["apply"]).json()
    assert (done["applied"], done["added"], done["changed"], done["apply"]) == (True, 1, 1, None)
    assert set(standing(system)) == {"H-1", "H-2"}
    again = sent(client, body, apply=told["apply"])
    assert again.status_code == 409
    assert "What stands has changed" in again.json()["detail"]
    at_once = sent(client, csv_of({"policy_number": "H-3"})).json()
    assert (at_once["applied"], at_once["added"]) == (True, 1)


def test_the_api_takes_workbooks(system: System, client: httpx2.Client) -> None:
    populate(system)
    body = xlsx_of(
        HEADER, ["H-1", "a@b.test", "A", "auto", date(2025, 1, 1), date(2025, 12, 31), 9.5, "", "", "", True]
    )
    done = client.post("/policies/import", files={"file": ("p.xlsx", body)}, headers=as_(ADA))
    assert done.json()["added"] == 1, done.text
    assert standing(system)["H-1"].premium_minor == 950
    with system.sessions.begin() as db:
        (file,) = db.scalars(select(File).where(File.name == "p.xlsx"))
        assert file.media_type == importing.XLSX


@pytest.mark.parametrize(
    ("who", "status"), [(ADA, 200), (REA, 403), (ANA, 403), (CARL, 403), ("nobody", 401)]
)
def test_only_administrators_bring_policies_in(
    system: System, client: httpx2.Client, who: str, status: int
) -> None:
    assert sent(client, csv_of({}), by=who, dry=True).status_code == status
    assert sent(client, csv_of({}), by=who).status_code == status
    assert bool(standing(system)) == (status == 200)


@pytest.mark.parametrize(
    ("files_", "data", "status", "told"),
    [
        ({"file": ("x.csv", b"hello\n")}, {}, 422, "The sheet has no column policy_number"),
        ({"file": ("x.csv", b"\0")}, {}, 422, "This is no CSV file"),
        ({"other": ("x.csv", b"")}, {}, 400, "No file is taken as 'other'."),
        ({"file": ("x.csv", csv_of({}))}, {"role": "x"}, 422, "An import has no field 'role'."),
        ({"file": ("x.csv", csv_of({}))}, {"apply": "x"}, 409, "another file"),
        (None, {"apply": "x"}, 400, "multipart form"),
        ({"file": ("x.csv", b"x" * (20 * 1024 * 1024 + 1))}, {}, 413, "larger than 20 MB"),
    ],
)
def test_what_cannot_be_brought_in_is_answered_with_a_sentence(
    client: httpx2.Client, files_: Any, data: dict[str, str], status: int, told: str
) -> None:
    answer = client.post("/policies/import", files=files_, data=data, headers=as_(ADA))
    assert (answer.status_code, told in answer.json()["detail"]) == (status, True), answer.text


def test_staff_list_everybody_s_policies_a_page_at_a_time(system: System, client: httpx2.Client) -> None:
    ids = populate(system)
    for number in range(1, 6):
        policy_of(
            system, ids[CARL if number % 2 else DORA], f"H-{number}", kind="auto" if number > 3 else "health"
        )
    first = client.get("/policies", params={"limit": 3}, headers=as_(REA))
    assert [one["policy_number"] for one in first.json()] == ["H-5", "H-4", "H-3"]
    assert first.json()[0]["holder_email"] == CARL
    rest = client.get(first.links["next"]["url"], headers=as_(REA)).json()
    assert [one["policy_number"] for one in rest] == ["H-2", "H-1"]

    def numbers(**query: str) -> list[str]:
        return [
            one["policy_number"] for one in client.get("/policies", params=query, headers=as_(REA)).json()
        ]

    assert numbers(text="dora@") == ["H-4", "H-2"]
    assert numbers(text="h-3") == ["H-3"]
    assert numbers(text="100%") == []
    assert numbers(policy_type="auto") == ["H-5", "H-4"]
    assert numbers(status="expired") == []
    plain = client.get("/policies", headers=as_(ANA)).json()
    assert {one["holder_email"] for one in plain} == {None}  # analysts decide nothing, and see no people
    assert client.get("/policies", headers=as_(CARL)).status_code == 403
    assert client.get("/policies", params={"status": "x"}, headers=as_(REA)).status_code == 422
    assert client.get("/policies", params={"limit": "-1"}, headers=as_(REA)).status_code == 422
