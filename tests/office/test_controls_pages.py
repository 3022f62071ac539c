"""Pages of the controls: what a person sees of them, and changing, refusing, undoing through forms."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx2
import pytest

from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.controls import queries, service
from recoup.office.controls.rules import Control
from recoup.office.journal import queries as journal
from recoup.office.people.permissions import Role
from support.desk import as_role, desk, links_of, main_of, text_of
from support.doors import typed
from support.house import MovableClock, ScriptedChannel, opened
from support.postgres import Database

EVIL = "<script>alert(1)</script>{{7*7}}"
MINUTES = Control("test.minutes", int, 90, "How long it <b>settles</b>.", minimum=0, maximum=1440)
DRY = Control("test.dry", bool, True, "Plan only.")  # noqa: FBT003 - the default
SHARE = Control("test.share", Decimal, Decimal("0.01"), "What may differ.", minimum=0)
MODE = Control("test.mode", str, "strict", "How strict.", choices=("strict", "lenient"))
LIST = Control("test.plans", list[str], ["basic"], "Which plans.")
TEXT = Control("other.text", str, "", "Something to say.")
SECRET = Control("other.word", str, "", "A word that nobody reads.", secret=True)
FIXED = Control("other.host", str, "", "Where it leads.", setting="mail.smtp_host")
EVERY = (MINUTES, DRY, SHARE, MODE, LIST, TEXT, SECRET, FIXED)


@pytest.fixture
def system(database: Database, tmp_path: Path, clock: MovableClock) -> Iterator[System]:
    channels = {"mail": ScriptedChannel("mail", dedupes=False)}
    environ = {"SMTP_HOST": "set.example.com"}
    with opened(database, tmp_path, clock=clock, channels=channels, environ=environ) as composed:
        parts = replace(composed.parts, controls={one.name: one for one in EVERY})
        yield replace(composed, parts=parts)


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with desk(system) as served:
        served.headers["Sec-Fetch-Site"] = "same-origin"  # as a browser says with our own forms
        yield served


def held(system: System, control: Control[Any]) -> Any:
    with system.sessions.begin() as db:
        return service.value(db, control, sealer=sealer_of(system.settings))


def save(client: httpx2.Client, name: str, **form: str) -> httpx2.Response:
    return client.post(f"/desk/controls/{name}", data={"expected_version": "0", **form})


def undo(client: httpx2.Client, name: str, *, to: int, seen: int) -> httpx2.Response:
    form = {"to_version": str(to), "expected_version": str(seen)}
    return client.post(f"/desk/controls/{name}/undo", data=form)


# ---------------------------------------------------------------- looking


def test_every_control_is_listed_by_part_with_what_holds(client: httpx2.Client) -> None:
    save(client, "test.minutes", value="30")
    page = client.get("/desk/controls")
    said = text_of(main_of(page))
    assert said.index("Other") < said.index("Test")
    assert "Minutes How long it <b>settles</b>. 30 90" in said
    assert "How long it &lt;b&gt;settles" in page.text
    assert "administrator@example.com" in said
    assert {f"/desk/controls/{one.name}" for one in EVERY} <= set(links_of(page))
    assert "set.example.com" in said
    assert "from environment (SMTP_HOST)" in said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("differ", {"test.share"}),
        ("PLANS which", {"test.plans"}),
        ("other.", {"other.text", "other.word", "other.host"}),
    ],
)
def test_controls_are_found_by_name_and_help(client: httpx2.Client, text: str, found: set[str]) -> None:
    page = client.get("/desk/controls", params={"q": text})
    shown = {one.name for one in EVERY if f"/desk/controls/{one.name}" in links_of(page)}
    assert shown == found


def test_a_search_that_finds_nothing_says_so_and_escapes_what_was_asked(client: httpx2.Client) -> None:
    page = client.get("/desk/controls", params={"q": EVIL})
    assert "Nothing matches" in text_of(page)
    assert "<script>alert" not in page.text
    assert "{{7*7}}" in text_of(page)
    assert client.get("/desk/controls", params={"q": "x" * 201}).status_code == 422


def test_the_desk_finds_controls_and_those_who_may_not_look_find_none(client: httpx2.Client) -> None:
    found = "/desk/controls/test.share"
    assert found in links_of(client.get("/desk/search?q=differ"))
    page = client.get("/desk/search?q=differ", headers=as_role(Role.ANALYST))
    assert found not in links_of(page)


def test_a_control_that_is_none_is_a_page_that_says_so(client: httpx2.Client) -> None:
    page = client.get("/desk/controls/no.such")
    assert page.status_code == 404
    assert "no.such" in text_of(page)


# ---------------------------------------------------------------- changing


@pytest.mark.parametrize(
    ("control", "written", "value"),
    [
        (MINUTES, "0", 0),
        (DRY, "yes", True),
        (SHARE, "0.000000000000000001", Decimal("0.000000000000000001")),
        (MODE, "lenient", "lenient"),
        (LIST, "pro\r\nmax, basic\r\n", ["pro", "max", "basic"]),
        (LIST, "", []),
        (TEXT, EVIL, EVIL),
    ],
)
def test_each_type_is_set_as_it_was_typed(
    client: httpx2.Client, system: System, control: Control[Any], written: str, value: object
) -> None:
    answer = save(client, control.name, value=written, note="asked for")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/controls/{control.name}")
    assert held(system, control) == value
    page = client.get(f"/desk/controls/{control.name}")
    assert "holds as you set it" in text_of(page)
    assert "asked for" in text_of(page)
    assert "<script>alert" not in page.text
    with system.sessions.begin() as db:
        event = journal.timeline(db, kind="controls.")[0]
        assert (event.actor, event.detail["note"]) == ("session:administrator@example.com", "asked for")


def test_a_switch_that_is_off_sends_nothing_and_means_no(client: httpx2.Client, system: System) -> None:
    assert "checked" in client.get("/desk/controls/test.dry").text
    assert save(client, "test.dry").status_code == 303
    assert held(system, DRY) is False
    assert "checked" not in main_of(client.get("/desk/controls/test.dry"))


def test_a_field_fits_its_type(client: httpx2.Client) -> None:
    whole = main_of(client.get("/desk/controls/test.minutes"))
    assert 'type="number"' in whole
    assert 'min="0" max="1440"' in whole
    assert '<option value="strict" selected>' in client.get("/desk/controls/test.mode").text
    assert ">basic</textarea>" in client.get("/desk/controls/test.plans").text


@pytest.mark.parametrize(
    ("name", "written", "sentence"),
    [
        ("test.minutes", "1441", "Give a whole number from 0 to 1440."),
        ("test.minutes", EVIL, "Give a whole number"),
        ("test.minutes", "", "Give a whole number"),
        ("test.share", "1,5", "Give a decimal number"),
        ("test.mode", "loose", "Give one of strict, lenient."),
        ("other.text", "exe.fdp\u202e", "visible characters"),
        ("other.word", "", "nothing was typed"),
    ],
)
def test_what_does_not_fit_is_told_beside_the_field_with_what_was_typed(
    client: httpx2.Client, system: System, name: str, written: str, sentence: str
) -> None:
    page = save(client, name, value=written, note="my reason")
    assert page.status_code == 422
    assert sentence in text_of(main_of(page))
    assert 'aria-invalid="true"' in page.text
    assert 'value="my reason"' in page.text
    assert "<script>alert" not in page.text
    with system.sessions.begin() as db:
        assert queries.history(db, name) == []


@pytest.mark.parametrize(
    "form", [{"expected_version": "x"}, {"expected_version": "-1"}, {"note": "x" * 2_001}]
)
def test_a_form_that_is_not_the_pages_changes_nothing(
    client: httpx2.Client, system: System, form: dict[str, str]
) -> None:
    assert save(client, "test.minutes", value="30", **form).status_code == 422
    assert held(system, MINUTES) == 90


def test_who_did_not_see_the_last_change_sees_both_and_may_then_insist(
    client: httpx2.Client, system: System
) -> None:
    save(client, "test.minutes", value="30")
    page = save(client, "test.minutes", value="45")
    assert page.status_code == 409
    said = text_of(main_of(page))
    assert "Somebody changed this since you looked. administrator@example.com set it to 30" in said
    assert "you wrote 45" in said
    assert 'value="45"' in page.text
    assert held(system, MINUTES) == 30
    assert 'name="expected_version" value="1"' in page.text
    assert save(client, "test.minutes", value="45", expected_version="1").status_code == 303
    assert held(system, MINUTES) == 45


def test_saving_the_same_again_adds_no_version(client: httpx2.Client, system: System) -> None:
    save(client, "test.minutes", value="30")
    assert save(client, "test.minutes", value="30", expected_version="1").status_code == 303
    with system.sessions.begin() as db:
        assert len(queries.history(db, "test.minutes")) == 1


# ---------------------------------------------------------------- taking back


def test_any_version_can_be_set_back_and_the_default_too(client: httpx2.Client, system: System) -> None:
    save(client, "test.minutes", value="30")
    save(client, "test.minutes", value="60", expected_version="1")
    page = client.get("/desk/controls/test.minutes")
    assert page.text.count("Set back to this") == 1
    assert undo(client, "test.minutes", to=1, seen=2).status_code == 303
    assert held(system, MINUTES) == 30
    assert undo(client, "test.minutes", to=0, seen=3).status_code == 303
    assert held(system, MINUTES) == 90
    assert "Back to the default" in text_of(client.get("/desk/controls/test.minutes"))


def test_taking_back_is_refused_where_it_cannot_be(client: httpx2.Client, system: System) -> None:
    save(client, "test.minutes", value="30")
    for to, seen, status in ((0, 0, 409), (7, 1, 404)):
        assert undo(client, "test.minutes", to=to, seen=seen).status_code == status
    assert client.post("/desk/controls/test.minutes/undo", data={}).status_code == 422
    assert held(system, MINUTES) == 30


def test_a_long_history_goes_on_page_by_page(client: httpx2.Client, system: System) -> None:
    with system.sessions.begin() as db:
        for version in range(30):
            service.change(
                db, MINUTES, version, expected_version=version, actor="command:ada", now=system.clock()
            )
    first = client.get("/desk/controls/test.minutes")
    older = next(link for link in links_of(first) if "before=" in link)
    page = client.get(older)
    assert main_of(first).count("<time") > main_of(page).count("<time")
    assert "ada by command" in text_of(page)
    assert "Set back to this" in page.text
    assert client.get("/desk/controls/test.minutes?before=x").status_code == 422


# ---------------------------------------------------------------- secrets and settings


def test_a_secret_is_kept_sealed_and_shown_nowhere(client: httpx2.Client, system: System) -> None:
    for number, word in enumerate(("hunter2-first", "hunter2-second")):
        assert save(client, "other.word", value=word, expected_version=str(number)).status_code == 303
    assert held(system, SECRET) == "hunter2-second"
    shown = client.get("/desk/controls/other.word")
    assert "set" in text_of(main_of(shown))
    refused = save(client, "other.word", value="hunter2-third")
    told = [
        shown.text,
        refused.text,
        client.get("/desk/controls").text,
        client.get("/controls/other.word").text,
        client.get("/controls").text,
        client.get("/journal/events").text,
        typed(system, "controls", "show", "other.word", "--json").out,
        typed(system, "controls", "list").out,
    ]
    assert refused.status_code == 409
    assert "hunter2" not in "".join(told)
    with system.sessions.begin() as db:
        assert "hunter2" not in str([row.value for row in queries.history(db, "other.word")])
    undo(client, "other.word", to=1, seen=2)
    assert held(system, SECRET) == "hunter2-first"
    undo(client, "other.word", to=0, seen=3)
    assert held(system, SECRET) == ""


def test_a_command_reads_a_secret_that_is_not_to_stand_among_its_words(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("hunter2\n"))
    said = typed(system, "controls", "set", "other.word", "-")
    assert (said.code, held(system, SECRET)) == (0, "hunter2")
    assert "hunter2" not in said.out + said.err
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
    assert typed(system, "controls", "set", "other.word", "-").code == 65
    assert held(system, SECRET) == "hunter2"


def test_what_the_process_was_started_with_wins_and_the_page_says_so(client: httpx2.Client) -> None:
    page = client.get("/desk/controls/other.host")
    assert "environment (SMTP_HOST) wins. This process was started with set.example.com." in text_of(page)
    assert "/desk/settings#mail.smtp_host" in links_of(page)


def test_what_no_longer_fits_is_named(client: httpx2.Client, system: System) -> None:
    wider = Control("test.minutes", int, 90, "h", maximum=100_000)
    with system.sessions.begin() as db:
        service.change(db, wider, 5_000, expected_version=0, actor="command:ada", now=system.clock())
    assert "no longer fits" in text_of(client.get("/desk/controls"))
    page = client.get("/desk/controls/test.minutes")
    assert "What was set no longer fits. test.minutes cannot be 5000." in text_of(page)


# ---------------------------------------------------------------- who may


def test_only_administrators_see_and_change_controls(client: httpx2.Client, system: System) -> None:
    for role in (Role.CUSTOMER, Role.ANALYST, Role.REVIEWER):
        for path in ("/desk/controls", "/desk/controls/test.minutes"):
            assert client.get(path, headers=as_role(role)).status_code == 403
        answer = client.post(
            "/desk/controls/test.minutes",
            data={"value": "30", "expected_version": "0"},
            headers=as_role(role),
        )
        assert answer.status_code == 403
    assert held(system, MINUTES) == 90
    with httpx2.Client(base_url=client.base_url) as stranger:
        answer = stranger.get("/desk/controls")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/desk/sign-in?next=%2Fdesk%2Fcontrols",
        )


def test_another_sites_form_changes_nothing(client: httpx2.Client, system: System) -> None:
    answer = client.post(
        "/desk/controls/test.minutes",
        data={"value": "30", "expected_version": "0"},
        headers={"Sec-Fetch-Site": "cross-site", "Cookie": "recoup=x"},
    )
    assert answer.status_code == 403
    assert held(system, MINUTES) == 90
