"""Pages, API and commands of messages: mails as they look, templates changed, tried out and brought back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import httpx2
import pytest
from sqlalchemy import text

from recoup.core.system import System
from recoup.office.messages import catalogue, jobs, queries, rendering, service
from recoup.office.outbox import queries as outbox
from support import doors
from support.house import MovableClock

HERE = "/desk/messages/templates/alert"
MINE = {
    "subject": "Look: {{ title }}",
    "text": "{{ title }}\n{{ text }}\n",
    "html": '<h1 style="color:#055">{{ title }}</h1>\n<p>{{ text }}</p>\n',
}


@pytest.fixture
def api(system: System) -> Iterator[httpx2.Client]:
    """A client that keeps no cookies, as programs do."""
    with doors.api(system) as client:
        client.event_hooks = {"response": [lambda _response: client.cookies.clear()]}
        yield client


def alert(
    system: System, *, to: str = "ada@example.com", key: str = "k", title: str = "The disk is full"
) -> UUID:
    with system.sessions.begin() as db:
        (made,) = service.alert(
            db,
            key=key,
            title=title,
            text="Make room.",
            recipients=[to],
            sender="Recoup <recoup@example.com>",
            now=system.clock(),
        )
    return made


def save(api: httpx2.Client, *, seen: int = 0, **changes: str) -> httpx2.Response:
    api.cookies.clear()
    return api.post(f"{HERE}/save", data={**MINE, "seen_version": str(seen), **changes})


def get(api: httpx2.Client, path: str) -> str:
    api.cookies.clear()
    answer = api.get(path)
    assert answer.status_code == 200, answer.text[:500]
    return answer.text


# ---------------------------------------------------------------- mails


def test_mails_are_listed_and_narrowed(system: System, api: httpx2.Client) -> None:
    first, second = alert(system), alert(system, to="Bob@example.com", title="Other")
    page = get(api, "/desk/messages")
    assert "Needs a person: The disk is full" in page
    assert "bob@example.com" in page
    for query, seen, unseen in (
        ("to=bob", second, first),
        ("to=BOB%40", second, first),
        ("to=ada&template=alert&state=planned", first, second),
    ):
        page = get(api, f"/desk/messages?{query}")
        assert f"/desk/messages/{seen}" in page
        assert f"/desk/messages/{unseen}" not in page
    for query in ("template=welcome", "state=accepted", "to=%25"):
        assert "Nothing matches" in get(api, f"/desk/messages?{query}")
    for query in ("colour=red", "after=x", "order=x"):
        assert api.get(f"/desk/messages?{query}").status_code == 422


def test_a_mail_is_shown_as_it_looks(system: System, api: httpx2.Client) -> None:
    made = alert(system, title="<script>alert(1)</script> {{7*7}}")
    page = get(api, f"/desk/messages/{made}")
    assert f'src="/desk/messages/{made}/look" sandbox' in page
    assert "<script>alert" not in page
    assert "{{7*7}}" in page
    assert "Make room." in page
    assert f'href="/desk/outbox/{made}"' in page
    for path in (f"/desk/messages/{made}/look", f"/desk/outbox/{made}/look"):
        look = api.get(path)
        assert "unsafe" not in look.headers["content-security-policy"]
        assert "sandbox" in look.headers["content-security-policy"]
        assert look.headers["x-frame-options"] == "SAMEORIGIN"
        assert " style=" not in look.text
        assert "<script" not in look.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in look.text
        assert "border-top:4px solid #8a5a00" in look.text  # its look is kept, in the sheet
    assert api.get("/desk/messages").headers["x-frame-options"] == "DENY"
    assert api.get(f"/desk/messages/{uuid4()}").status_code == 404


def test_a_mail_on_the_outbox_page_is_decoded(system: System, api: httpx2.Client) -> None:
    made = alert(system, title="Größe")
    page = get(api, f"/desk/outbox/{made}")
    assert "Alert, to ada@example.com" in page
    assert '<th scope="row">Subject</th><td>Needs a person: Größe</td>' in page
    assert "Content-Transfer-Encoding: quoted-printable" in page  # the exact bytes, too
    assert api.get(f"/desk/outbox/{made}/bytes").headers["content-disposition"].count(".eml") == 2


def test_the_search_finds_recipients_and_templates(system: System, api: httpx2.Client) -> None:
    made = alert(system)
    assert f"/desk/messages/{made}" in get(api, "/desk/search?q=ada%40ex")
    assert "/desk/messages/templates/sign_in_code" in get(api, "/desk/search?q=sign-in")


# ---------------------------------------------------------------- templates


def test_every_template_has_its_page(api: httpx2.Client) -> None:
    listed = get(api, "/desk/messages/templates")
    for name, declared in catalogue.TEMPLATES.items():
        assert f'href="/desk/messages/templates/{name}"' in listed
        page = get(api, f"/desk/messages/templates/{name}")
        for variable in declared.variables:
            assert f"<dt>{variable}</dt>" in page
        assert "<h1" in get(api, f"/desk/messages/templates/{name}/look?which=packaged") or name
    assert api.get("/desk/messages/templates/nothing").status_code == 404
    assert api.get(f"{HERE}?view=huge").status_code == 422


def test_a_template_is_saved_and_shows_what_differs(system: System, api: httpx2.Client) -> None:
    answer = save(api, note="In our words")
    assert (answer.status_code, answer.headers["location"]) == (303, HERE)
    page = get(api, HERE)
    assert "version 1" in page
    assert "In our words" in page
    assert '<li class="diff-added">Look: {{ title }}</li>' in page
    assert '<li class="diff-removed">Needs a person: {{ title }}</li>' in page
    made = alert(system)
    assert "Look: The disk is full" in get(api, f"/desk/messages/{made}")
    assert "version 1" in get(api, f"/desk/messages/{made}")
    look = get(api, f"{HERE}/look")  # with what that mail was made from
    assert "The disk is full" in look
    assert "{color:#055}" in look


def test_problems_are_shown_at_their_line_with_what_was_typed(api: httpx2.Client) -> None:
    answer = save(api, text="one\ntwo {{ nope }}\nthree <b>", html="{% include '/etc/passwd' %}")
    assert answer.status_code == 422
    assert "Text, line 2: there is no &#39;nope&#39; here." in answer.text
    assert '<li data-line="2" class="wrong">two {{ nope }}</li>' in answer.text
    assert "HTML, line 1: no file can be included" in answer.text
    assert "three &lt;b&gt;" in answer.text
    assert "as packaged" in get(api, HERE)


def test_somebody_who_saved_meanwhile_is_not_overwritten(api: httpx2.Client) -> None:
    save(api)
    answer = save(api, subject="Mine: {{ title }}", seen=0)
    assert answer.status_code == 409
    assert "alert was changed meanwhile by key:api." in answer.text
    assert "Mine: {{ title }}" in answer.text
    for seen in ("", "x", "-1", "99999999999"):
        api.cookies.clear()
        assert api.post(f"{HERE}/save", data={**MINE, "seen_version": seen}).status_code == 422
    assert save(api, seen=1, note="x" * 2_001, subject="S").status_code == 422


def test_a_draft_is_looked_at_and_tried_before_it_is_saved(system: System, api: httpx2.Client) -> None:
    answer = api.post(f"{HERE}/draft", data={**MINE, "seen_version": "0"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"{HERE}#preview")
    page = get(api, HERE)
    assert "Your draft, not saved." in page
    assert "Look: {{ title }}" in page
    assert f'src="{HERE}/look?which=draft"' in page
    assert "{color:#055}" in get(api, f"{HERE}/look?which=draft")
    assert "{color:#055}" not in get(api, f"{HERE}/look")
    assert "Needs a person" in get(api, f"/desk/messages/{alert(system)}")  # mails say what was saved

    api.cookies.clear()
    answer = api.post(f"{HERE}/test", data={"to": "bob@example.com"})
    assert answer.status_code == 303
    mail = get(api, answer.headers["location"])
    assert "Test: Look: " in mail
    assert "This is a test of a template" in mail
    api.cookies.clear()
    assert api.post(f"{HERE}/discard").status_code == 303
    assert "Your draft" not in get(api, HERE)


def test_a_draft_may_be_wrong_and_is_kept(api: httpx2.Client) -> None:
    assert api.post(f"{HERE}/draft", data={**MINE, "html": "{{ x", "seen_version": "0"}).status_code == 303
    page = get(api, HERE)
    assert "HTML, line 1:" in page
    assert "HTML, line 1:" in get(api, f"{HERE}/look?which=draft")
    api.cookies.clear()
    too_long = api.post(f"{HERE}/draft", data={**MINE, "text": "x" * 60_001, "seen_version": "0"})
    assert too_long.status_code == 422
    assert "longer than 60,000 characters" in too_long.text


def test_a_test_goes_to_an_address_only(api: httpx2.Client) -> None:
    for to in ("", "nobody", "a@b.de\r\nBcc: c@d.de"):
        answer = api.post(f"{HERE}/test", data={"to": to})
        assert answer.status_code == 422
        assert "is not a mail address" in answer.text


def test_versions_are_looked_at_and_brought_back(api: httpx2.Client) -> None:
    save(api)
    save(api, seen=1, subject="Second: {{ title }}")
    page = get(api, f"{HERE}/versions/1")
    assert '<li class="diff-added">Look: {{ title }}</li>' in page
    assert "{color:#055}" in get(api, f"{HERE}/look?version=1")
    assert "Nothing: they are the same." in get(api, f"{HERE}/versions/0")
    assert api.get(f"{HERE}/versions/9").status_code == 404
    api.cookies.clear()
    back = api.post(f"{HERE}/undo", data={"to_version": "0", "seen_version": "2"})
    assert back.status_code == 303
    assert "as packaged" in get(api, HERE)
    api.cookies.clear()
    late = api.post(f"{HERE}/undo", data={"to_version": "1", "seen_version": "2"})
    assert late.status_code == 409
    assert "changed meanwhile" in late.text


def test_administrators_are_told_of_a_template_that_fails(
    system: System, api: httpx2.Client, owner_sessions: object, clock: MovableClock
) -> None:
    insert = (
        "insert into message_templates values ('run_finished', 1, 'x', '{{ gone }}', 'x', now(), 'ada', '')"
    )
    with owner_sessions.begin() as db:  # type: ignore[attr-defined]
        db.execute(text(insert))
    declared = catalogue.TEMPLATES["run_finished"]
    with system.sessions.begin() as db:
        service.send(
            db,
            key="r",
            to="bob@example.com",
            template="run_finished",
            context=declared.samples[0],
            sender="r@example.com",
            now=system.clock(),
        )
    for _ in range(3):
        jobs.tick(system, clock())
    with system.sessions.begin() as db:
        (told,) = queries.latest_messages(db, "alert", limit=5)
        row = outbox.by_id(db, told.delivery_id)
        assert row is not None
        assert told.recipient == "administrator@localhost"
        assert "run_finished cannot be used" in told.subject
        assert (
            "there is no =27gone=27" in row.payload.decode() or "there is no 'gone'" in row.payload.decode()
        )
    assert "packaged: yours fails" in get(api, "/desk/messages/templates")
    assert "Text, line 1: there is no" in get(api, "/desk/messages/templates/run_finished")


def test_who_may_not_change_sees_no_button(system: System, api: httpx2.Client) -> None:
    with httpx2.Client(base_url=api.base_url) as stranger:
        assert stranger.get(HERE).headers["location"].startswith("/desk/sign-in")
        assert stranger.post(f"{HERE}/save", data=MINE).status_code == 303
    with system.sessions.begin() as db:
        assert queries.latest(db, "alert") is None
    assert re.search(r"<button[^>]*>[^<]*<svg.*?Save as version 1", get(api, HERE), re.DOTALL)


# ---------------------------------------------------------------- API and commands


def test_the_api_changes_previews_and_tests(system: System, api: httpx2.Client) -> None:
    listed = api.get("/messages/templates").json()["items"]
    assert {one["name"] for one in listed} == set(catalogue.TEMPLATES)
    full = api.get("/messages/templates/alert").json()
    assert full["version"] == 0
    assert full["subject"] == rendering.packaged_sources("alert")["subject"]

    preview = api.post("/messages/templates/alert/preview", json=MINE).json()
    assert preview["subject"] == "Look: Nothing leaves through clazar"
    wrong = api.post("/messages/templates/alert/preview", json={**MINE, "text": "{{ x }}"}).json()
    assert wrong["subject"] is None
    assert [(one["part"], one["line"]) for one in wrong["problems"]] == [("text", 1)]

    changed = api.put("/messages/templates/alert", json={**MINE, "expected_version": 0, "note": "n"})
    assert changed.json()["version"] == 1
    assert api.put("/messages/templates/alert", json={**MINE, "expected_version": 0}).status_code == 409
    refused = api.put("/messages/templates/alert", json={**MINE, "text": "{{ x }}", "expected_version": 1})
    assert refused.status_code == 422
    assert "Text, line 1" in refused.json()["detail"]

    test = api.post("/messages/templates/alert/test", json={"to": "bob@example.com"}).json()
    found = api.get("/messages", params={"to": "bob"}).json()["items"]
    assert [(one["id"], one["is_test"]) for one in found] == [(test["delivery"], True)]
    back = api.post("/messages/templates/alert/undo", json={"to_version": 0, "expected_version": 1})
    assert back.json()["is_packaged"]
    assert api.get("/messages/templates/nothing").status_code == 404
    alert(system)
    first = api.get("/messages", params={"limit": 1}).json()
    second = api.get("/messages", params={"limit": 1, "after": first["next"]}).json()
    assert first["items"][0]["id"] != second["items"][0]["id"]
    assert second["next"] is None


def test_the_commands_do_the_same(system: System, tmp_path: Path) -> None:
    alert(system)
    assert "The disk is full" in doors.typed(system, "messages", "list").out
    assert "run_finished" in doors.typed(system, "messages", "templates", "list").out
    folder = tmp_path / "alert"
    shown = doors.typed(system, "messages", "templates", "show", "alert", "--into", str(folder))
    assert "what happened, in one line" in shown.out
    assert sorted(one.name for one in folder.iterdir()) == ["body.html", "body.txt", "subject.txt"]
    (folder / "subject.txt").write_text("Look: {{ title }}")
    seen = doors.typed(system, "messages", "templates", "preview", "alert", str(folder))
    assert seen.out.startswith("Subject: Look: The disk is full")
    assert "Version 1" in doors.typed(system, "messages", "templates", "set", "alert", str(folder)).out
    sent = doors.typed(system, "messages", "templates", "test", "alert", "--to", "bob@example.com", "--json")
    assert UUID(sent.document["delivery"])
    assert "Version 2" in doors.typed(system, "messages", "templates", "undo", "alert").out
    (folder / "body.txt").write_text("{{ x }}")
    bad = doors.typed(system, "messages", "templates", "set", "alert", str(folder))
    assert bad.code == 65
    assert "Text, line 1" in bad.err
    missing = doors.typed(system, "messages", "templates", "preview", "alert", str(tmp_path / "nowhere"))
    assert missing.code == 65
    assert "cannot be read" in missing.err
