"""The page of what is owed: open items, the next to lapse first, with exact amounts; and its figure on the overview."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest

from recoup.core.money import Money
from recoup.core.system import System
from recoup.office.owed import desk as owed_desk
from recoup.office.owed import service
from recoup.office.owed.service import Owed
from recoup.office.people.permissions import Role
from support.desk import as_role, desk, links_of, main_of, text_of

SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system) as served:
        yield served


def owe(
    system: System, key: str, *, hours: float | None = None, amount: Money | None = None, party: str = "Acme"
) -> None:
    now = system.clock()
    lapses = None if hours is None else now + timedelta(hours=hours)
    item = Owed(
        key=key,
        area="metering",
        party=party,
        title=f"Usage {key}",
        link="metering/window/S:P:x/2025-07-24T15",
        amount=amount,
        lapses_at=lapses,
    )
    with system.sessions.begin() as db:
        service.put(db, item, now=now)


def order_of(page: httpx2.Response, *keys: str) -> list[str]:
    said = text_of(main_of(page))
    return sorted((key for key in keys if f"Usage {key}" in said), key=lambda key: said.index(f"Usage {key}"))


def test_nothing_owed_says_what_would_stand_here(client: httpx2.Client) -> None:
    assert "Nothing is owed to us right now." in text_of(client.get("/desk/owed"))


def test_what_lapses_next_comes_first_and_what_never_lapses_last(
    client: httpx2.Client, system: System
) -> None:
    owe(system, "later", hours=50)
    owe(system, "never")
    owe(system, "soon", hours=1, amount=Money(123450, "EUR"))
    owe(system, "yen", hours=2, amount=Money(1234, "JPY"))
    page = client.get("/desk/owed")
    assert order_of(page, "later", "never", "soon", "yen") == ["soon", "yen", "later", "never"]
    said = text_of(main_of(page))
    assert "1,234.50 EUR" in said
    assert "1,234 JPY" in said
    assert "/desk/about/metering/window/S:P:x/2025-07-24T15" in links_of(page)
    assert order_of(client.get("/desk/owed?order=lapses_last"), "later", "never", "soon") == [
        "never",
        "later",
        "soon",
    ]


def test_pages_go_on_past_what_never_lapses(client: httpx2.Client, system: System) -> None:
    for number in range(30):
        owe(system, f"n{number:02}", hours=None if number % 2 else number)
    first = client.get("/desk/owed?rows=25")
    second = client.get(next(link for link in links_of(main_of(first)) if "after=" in link))
    keys = [f"n{number:02}" for number in range(30)]
    seen = order_of(first, *keys) + order_of(second, *keys)
    assert len(seen) == 30
    assert set(seen) == set(keys)


def test_only_what_is_open_is_listed_until_somebody_asks(client: httpx2.Client, system: System) -> None:
    owe(system, "open", hours=1)
    owe(system, "paid", hours=2, party=f"Bolt {SCRIPT}")
    with system.sessions.begin() as db:
        service.settle(db, "paid", reason="Paid.", now=system.clock())
    assert order_of(client.get("/desk/owed"), "open", "paid") == ["open"]
    assert order_of(client.get("/desk/owed?state="), "open", "paid") == ["open", "paid"]
    assert order_of(client.get("/desk/owed?state=settled"), "open", "paid") == ["paid"]
    assert order_of(client.get("/desk/owed?state=&party=bolt"), "open", "paid") == ["paid"]
    assert order_of(client.get("/desk/owed?state=&until=2025-07-23"), "open", "paid") == []
    assert SCRIPT not in client.get("/desk/owed?state=").text


def test_the_overview_says_how_much_and_how_soon(client: httpx2.Client, system: System) -> None:
    owe(system, "a", hours=1, amount=Money(123450, "EUR"))
    owe(system, "b", hours=100, amount=Money(50, "EUR"))
    owe(system, "c", hours=100, amount=Money(7, "JPY"))
    said = text_of(main_of(client.get("/desk")))
    assert "1,235.00 EUR +1" in said
    assert "3 items, 1 lapse within 48 hours" in said


def test_a_figure_of_very_many_items_says_that_it_is_a_part(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (owed_desk, owed_desk.queries):
        monkeypatch.setattr(module, "MOST_COUNTED", 2)
    for number in range(4):
        owe(system, str(number), hours=1, amount=Money(100, "EUR"))
    with system.sessions.begin() as db:
        [tile] = owed_desk.tiles(db, system.clock())
    assert (tile.figure, tile.note) == ("> 3.00 EUR", "more than 2 items, more than 2 lapse within 48 hours")


@pytest.mark.parametrize("query", ["?state=stolen", "?order=amount", "?until=x", "?amount=1"])
def test_what_does_not_fit_is_refused(client: httpx2.Client, query: str) -> None:
    assert client.get(f"/desk/owed{query}").status_code == 422


def test_who_may_look(client: httpx2.Client) -> None:
    assert client.get("/desk/owed", headers=as_role(Role.ANALYST)).status_code == 200
    assert client.get("/desk/owed", headers=as_role(Role.CUSTOMER)).status_code == 403
    assert client.get("/desk/owed", headers={"Authorization": "Bearer nobody"}).status_code == 303
