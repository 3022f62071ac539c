"""The outbox's pages: what a person sees of deliveries, and settles, one or many."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import select, text, update

from recoup.core.system import System
from recoup.office.journal import queries as journal
from recoup.office.outbox import bodies, queries, service
from recoup.office.outbox.models import Delivery, State, StoppedChannel
from recoup.office.outbox.service import Plan
from recoup.office.people.permissions import Role
from recoup.office.people.rules.limits import Client
from recoup.office.people.service import people, sessions
from support import doors
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database

ATTACK = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    channels = {
        "mail": ScriptedChannel("mail", dedupes=False),
        "market": ScriptedChannel("market", dedupes=True),
    }
    with opened(database, tmp_path, clock=clock, channels=channels) as running:
        yield running


@pytest.fixture
def api(system: System) -> Iterator[httpx2.Client]:
    with doors.api(system) as client:
        yield client


def planned(
    system: System,
    key: str,
    *,
    state: State = State.PLANNED,
    payload: bytes = b"hello",
    channel: str = "mail",
    subject: str = "",
    reason: str | None = None,
    answer: dict[str, object] | None = None,
    sealed: bytes | None = None,
) -> UUID:
    with system.sessions.begin() as db:
        wanted = Plan(
            key=key, kind="message", channel=channel, subject=subject or key, payload=payload, sealed=sealed
        )
        made = service.plan(db, wanted, now=system.clock())
        values = {"state": state, "reason": reason, "answer": answer or {}}
        if state not in {State.PLANNED, State.HELD}:
            values["sealed"] = None
        db.execute(update(Delivery).where(Delivery.id == made).values(values))
    return made


def state_of(system: System, delivery_id: UUID) -> str:
    with system.sessions.begin() as db:
        return db.scalars(select(Delivery.state).where(Delivery.id == delivery_id)).one()


def as_role(system: System, role: Role) -> str:
    """Return what a person of a role shows, without a second factor."""
    with system.sessions.begin() as db:
        person = people.add(
            db, address=f"{role}@example.com", role=role, name="", actor="test", now=system.clock()
        )
        opened_ = sessions.open_session(
            db,
            person,
            kind="browser",
            client=Client("192.0.2.7", "Firefox"),
            now=system.clock(),
            factor=sessions.Factor.NONE,
            how="test",
        )
    return opened_.token


# ---------------------------------------------------------------- the list


def test_the_list_counts_by_state_and_names_stopped_channels(system: System, api: httpx2.Client) -> None:
    planned(system, "a", subject="What a is about")
    planned(system, "b", state=State.UNKNOWN, reason="The line was cut.")
    with system.sessions.begin() as db:
        db.add(StoppedChannel(channel="market", reason="401", since=system.clock(), until=system.clock()))
    page = api.get("/desk/outbox").text
    assert "What a is about" in page
    assert re.search(r"Unknown <span>1</span>", page)
    assert "Nothing leaves through market." in page
    assert 'action="/desk/outbox/channels/market/resume"' in page
    answer = api.post("/desk/outbox/channels/market/resume")
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/outbox")
    assert "Nothing leaves through" not in api.get("/desk/outbox").text
    assert api.post("/desk/outbox/channels/nowhere/resume").status_code == 404


def test_the_list_narrows_by_state_channel_kind_and_key(system: System, api: httpx2.Client) -> None:
    planned(system, "one:1", state=State.UNKNOWN)
    planned(system, "two:1", channel="market")

    def keys(query: str) -> set[str]:
        page = api.get(f"/desk/outbox?{query}").text
        return {key for key in ("one:1", "two:1") if f">{key}<" in page}

    assert keys("") == {"one:1", "two:1"}
    assert keys("state=unknown") == {"one:1"}
    assert keys("channel=market") == {"two:1"}
    assert keys("kind=nothing") == set()
    assert keys("key=two") == {"two:1"}
    assert keys("key=%25") == set()  # a percent sign is no wildcard


@pytest.mark.parametrize("query", ["colour=red", "order=size", "rows=7", "after=nonsense"])
def test_a_query_that_does_not_fit_is_refused(api: httpx2.Client, query: str) -> None:
    answer = api.get(f"/desk/outbox?{query}")
    assert answer.status_code == 422
    assert "This did not work" in answer.text


def test_pages_follow_each_other_in_both_directions(system: System, api: httpx2.Client) -> None:
    for number in range(60):
        planned(system, f"k{number:02}")
    for order, first in (("newest", "k59"), ("oldest", "k00")):
        page = api.get(f"/desk/outbox?order={order}&rows=25").text
        seen = re.findall(r">(k\d\d)<", page)
        assert (seen[0], len(seen)) == (first, 25)
        while following := re.search(r'rel="next" href="([^"]+)"', page):
            page = api.get(following[1].replace("&amp;", "&")).text
            seen += re.findall(r">(k\d\d)<", page)
        assert sorted(seen) == [f"k{number:02}" for number in range(60)]


def test_shown_values_stay_text(system: System, api: httpx2.Client) -> None:
    made = planned(
        system,
        "x",
        subject=ATTACK,
        state=State.UNKNOWN,
        reason=ATTACK,
        payload=ATTACK.encode(),
        answer={ATTACK: ATTACK},
    )
    for path in ("/desk/outbox", f"/desk/outbox/{made}"):
        page = api.get(path).text
        assert "<script>alert" not in page
        assert "{{7*7}}" in page


def test_every_page_of_the_list_is_carried_by_an_index(system: System) -> None:
    with system.sessions.begin() as db:
        db.execute(
            text(
                "insert into deliveries (id, key, kind, channel, subject, payload, is_secret, sha256, headers, state, attempt,"
                " handings, crashes, next_attempt_at, answer, created_at, updated_at)"
                " select gen_random_uuid(), 'bulk:' || n, case when n % 1000 = 0 then 'rare' else 'common' end,"
                " case when n % 1000 = 1 then 'odd' else 'mail' end, 's', 'x', false, 'h', '{}',"
                " case when n % 5000 = 0 then 'unknown' else 'accepted' end, 1, 1, 0, now(), '{}', now(), now()"
                " from generate_series(1, 40000) n"
            )
        )
        db.execute(text("analyze deliveries"))
        for where in (
            "true",
            "state = 'unknown'",
            "state = 'accepted'",
            "kind = 'rare'",
            "channel = 'odd'",
            r"key like 'bulk:39999%' escape '/'",
        ):
            plan = "\n".join(
                db.scalars(
                    text(f"explain select id from deliveries where {where} order by id desc limit 51")
                ).all()
            )
            assert "Seq Scan" not in plan, (where, plan)


# ---------------------------------------------------------------- one delivery


def test_json_is_shown_in_lines_with_every_digit(system: System, api: httpx2.Client) -> None:
    exact = b'{"request":[{"quantity":0.10000000000000000000001,"empty":{},"name":"a,{b"}]}'
    made = planned(system, "j", payload=exact, channel="market")
    page = api.get(f"/desk/outbox/{made}").text
    assert "&#34;quantity&#34;: 0.10000000000000000000001,\n" in page
    assert "&#34;quantity&#34;:0.10000000000000000000001," in page
    download = api.get(f"/desk/outbox/{made}/bytes")
    assert download.content == exact
    assert download.headers["content-disposition"].startswith(f'attachment; filename="delivery-{made}.json"')
    assert download.headers["content-type"] == "application/octet-stream"


def test_bytes_that_are_no_text_are_offered_for_download(system: System, api: httpx2.Client) -> None:
    made = planned(system, "b", payload=b"\xff\x00\xfe")
    assert "These bytes are no text" in api.get(f"/desk/outbox/{made}").text
    assert api.get(f"/desk/outbox/{made}/bytes").content == b"\xff\x00\xfe"


def test_the_answer_of_the_far_side_is_a_table(system: System, api: httpx2.Client) -> None:
    answer = {"status": 200, "results": [{"id": "r-1", "note": None}, {"id": "r-2", "code": 7}]}
    made = planned(system, "t", state=State.ACCEPTED, answer=answer)
    page = api.get(f"/desk/outbox/{made}").text
    assert '<th scope="row">status</th><td>200</td>' in page
    assert '<th scope="col">id</th><th scope="col">code</th>' in page
    assert '<td data-label="code">7</td>' in page
    assert bodies.facts({"a": {"b": [1, {"c": "x"}]}}) == [("a · b 1", "1"), ("a · b 2 · c", "x")]


def test_the_story_is_told_in_its_order(system: System, api: httpx2.Client, clock: MovableClock) -> None:
    made = planned(system, "s", state=State.UNKNOWN, reason="No answer.")
    clock.advance(minutes=5)
    api.post(f"/desk/outbox/{made}/resolve", data={"resolution": "accepted", "note": "Seen in their list."})
    page = api.get(f"/desk/outbox/{made}").text
    told = [
        page.index(words) for words in ("It was planned", "Settled: it was accepted", "Seen in their list.")
    ]
    assert told == sorted(told)
    assert "key:api" in page


def test_what_is_sealed_is_never_shown(system: System, api: httpx2.Client) -> None:
    made = planned(system, "secret", payload=b"code: dots", sealed=b"sealed bytes 4711")
    for path in (f"/desk/outbox/{made}", f"/desk/outbox/{made}/bytes", "/desk/outbox"):
        assert b"4711" not in api.get(path).content
    assert "It carries a secret" in api.get(f"/desk/outbox/{made}").text
    with system.sessions.begin() as db:
        db.execute(update(Delivery).where(Delivery.id == made).values(state=State.UNKNOWN, sealed=None))
    page = api.get(f"/desk/outbox/{made}").text
    assert "It carried a secret, which was erased" in page
    assert re.search(r'value="again" disabled', page)
    answer = api.post(f"/desk/outbox/{made}/resolve", data={"resolution": "again"})
    assert answer.status_code == 409


def test_a_delivery_that_is_not_there_is_not_found(api: httpx2.Client) -> None:
    for path in (f"/desk/outbox/{uuid4()}", f"/desk/outbox/{uuid4()}/bytes", f"/desk/outbox/bulk/{uuid4()}"):
        assert api.get(path).status_code == 404
    assert api.get("/desk/outbox/nonsense").status_code == 422


@pytest.mark.parametrize(
    ("way", "becomes"),
    [("again", "planned"), ("accepted", "accepted"), ("refused", "refused"), ("cancel", "cancelled")],
)
def test_an_unknown_delivery_is_settled_each_way(
    system: System, api: httpx2.Client, way: str, becomes: str
) -> None:
    made = planned(system, "u", state=State.UNKNOWN)
    page = api.get(f"/desk/outbox/{made}").text
    assert f'value="{way}"' in page
    assert "it arrives twice" in page  # this channel cannot tell a second copy
    answer = api.post(f"/desk/outbox/{made}/resolve", data={"resolution": way, "note": "As I saw."})
    assert answer.status_code == 303
    assert state_of(system, made) == becomes


def test_where_the_far_side_dedupes_handing_over_again_is_called_safe(
    system: System, api: httpx2.Client
) -> None:
    made = planned(system, "m", state=State.UNKNOWN, channel="market")
    page = api.get(f"/desk/outbox/{made}").text
    assert "Safe: this far side knows a second copy" in page
    assert "it arrives twice" not in page


def test_a_refused_form_keeps_what_was_typed(system: System, api: httpx2.Client) -> None:
    made = planned(system, "u", state=State.UNKNOWN)
    where = f"/desk/outbox/{made}/resolve"
    answer = api.post(where, data={"note": "typed already"})
    assert answer.status_code == 422
    assert "Choose what is to be done." in answer.text
    assert "typed already" in answer.text
    answer = api.post(where, data={"resolution": "cancel", "note": "x" * 2_001})
    assert answer.status_code == 422
    assert "at most 2,000 characters" in answer.text
    assert api.post(where, data={"resolution": "cancel", "note": "nul \0"}).status_code == 422
    over = planned(system, "o", state=State.ACCEPTED)
    answer = api.post(f"/desk/outbox/{over}/resolve", data={"resolution": "again"})
    assert answer.status_code == 409
    assert "cannot be resolved" in answer.text
    assert state_of(system, over) == "accepted"
    assert state_of(system, made) == "unknown"


# ---------------------------------------------------------------- many


def test_many_are_shown_before_and_told_after(system: System, api: httpx2.Client) -> None:
    unknown = planned(system, "unknown", state=State.UNKNOWN)
    held = planned(system, "held", state=State.HELD, channel="market")
    over = planned(system, "over", state=State.ACCEPTED)
    review = api.post(
        "/desk/outbox/review", data={"way": "again", "id": [str(unknown), str(held), str(over)]}
    )
    assert review.status_code == 200
    assert "Hand it over again: 2 deliveries" in review.text
    assert "a second time, if it arrived before" in review.text
    assert "known by its key" in review.text
    assert "It is over: accepted." in review.text
    seen = re.findall(r'name="seen" value="([^"]+)"', review.text)
    assert sorted(seen) == sorted([f"{unknown} unknown", f"{held} held"])
    assert [state_of(system, one) for one in (unknown, held)] == ["unknown", "held"]  # nothing happened yet

    with system.sessions.begin() as db:  # somebody else settles one meanwhile
        db.execute(update(Delivery).where(Delivery.id == held).values(state=State.CANCELLED))
    answer = api.post("/desk/outbox/settle", data={"way": "again", "seen": seen, "note": "Asked them."})
    assert answer.status_code == 303
    told = api.get(answer.headers["location"]).text
    assert "Done (1)" in told
    assert "Left as it was (1)" in told
    assert "It became cancelled meanwhile." in told
    assert "Asked them." in told
    assert (state_of(system, unknown), state_of(system, held)) == ("planned", "cancelled")
    with system.sessions.begin() as db:
        events = journal.timeline(db, kind="outbox.resolved")
    assert [event.subject for event in events] == [f"outbox/delivery/{unknown}"]


def test_what_cannot_be_settled_together_is_refused(system: System, api: httpx2.Client) -> None:
    made = planned(system, "u", state=State.UNKNOWN)
    for data in (
        {"way": "delete", "id": str(made)},
        {"id": str(made)},
        {"way": "again", "id": "nonsense"},
        {"way": "again", "id": [str(uuid4()) for _ in range(201)]},
    ):
        assert api.post("/desk/outbox/review", data=data).status_code == 422
    assert (
        "1 of what you chose is not there"
        in api.post("/desk/outbox/review", data={"way": "again", "id": str(uuid4())}).text
    )
    assert api.post("/desk/outbox/settle", data={"way": "again"}).status_code == 422
    assert api.post("/desk/outbox/settle", data={"way": "again", "seen": "x y"}).status_code == 422
    nothing = api.post("/desk/outbox/review", data={"way": "again"})
    assert (nothing.status_code, nothing.headers["location"]) == (303, "/desk/outbox")
    assert state_of(system, made) == "unknown"


# ---------------------------------------------------------------- the overview, and who may


def test_the_overview_and_the_search_lead_here(system: System, api: httpx2.Client) -> None:
    made = planned(system, "run:4711", state=State.UNKNOWN, subject="The one to find")
    planned(system, "held", state=State.HELD)
    page = api.get("/desk").text
    assert "Waiting to leave" in page
    assert "Nobody knows whether 1 delivery arrived." in page
    assert "1 delivery is held for a person." in page
    for wanted in ("run:47", str(made)[:13], str(made)):
        assert f"/desk/outbox/{made}" in api.get("/desk/search", params={"q": wanted}).text
    assert f"/desk/outbox/{made}" not in api.get("/desk/search", params={"q": "run:48"}).text


def test_who_is_nobody_is_sent_to_the_door(system: System, api: httpx2.Client) -> None:
    made = planned(system, "u", state=State.UNKNOWN)
    with httpx2.Client(base_url=api.base_url) as stranger:
        for path in ("/desk/outbox", f"/desk/outbox/{made}", f"/desk/outbox/{made}/bytes"):
            answer = stranger.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/desk/sign-in")
        assert stranger.post(f"/desk/outbox/{made}/resolve", data={"resolution": "cancel"}).status_code == 303
    assert state_of(system, made) == "unknown"


def test_an_analyst_may_not_look(system: System, api: httpx2.Client) -> None:
    token = as_role(system, Role.ANALYST)
    with httpx2.Client(base_url=api.base_url, cookies={"recoup": token}) as analyst:
        for path in ("/desk/outbox", "/desk/messages", "/desk/messages/templates"):
            answer = analyst.get(path)
            assert answer.status_code == 403
            assert "You may not do this." in answer.text


def test_counting_stops_where_it_would_take_long(
    system: System, monkeypatch: pytest.MonkeyPatch, api: httpx2.Client
) -> None:
    monkeypatch.setattr(queries, "COUNTED", 2)
    for number in range(5):
        planned(system, str(number))
    with system.sessions.begin() as db:
        assert queries.standing_counts(db)["planned"] == 3
    assert "Planned <span>2+</span>" in api.get("/desk/outbox").text
