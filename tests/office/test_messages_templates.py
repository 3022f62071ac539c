"""Templates that a person wrote: refused with a sentence at their line, bounded, kept as versions, never in the way."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.sealing import Sealer
from recoup.office.journal import queries as journal
from recoup.office.messages import catalogue, queries, rendering, rules, sandbox, service, wording
from recoup.office.messages.models import TemplateVersion
from recoup.office.messages.rendering import Sources
from recoup.office.outbox import queries as outbox
from recoup.office.outbox import rules as outbox_rules

Sessions = sessionmaker[Session]
SENDER = "Recoup <recoup@example.com>"
ALERT = catalogue.TEMPLATES["alert"]
MINE: Sources = {
    "subject": "Look: {{ title }}",
    "text": "{{ title }}\n{{ text }}\n",
    "html": "<h1>{{ title }}</h1>\n<p>{{ text }}</p>\n",
}


def change(sessions: Sessions, now: datetime, sources: Sources = MINE, *, seen: int = 0) -> TemplateVersion:
    with sessions.begin() as db:
        return wording.change(
            db, ALERT, sources, expected_version=seen, actor="ada", now=now, note="in our words"
        )


def alert(sessions: Sessions, now: datetime, *, key: str = "k", title: str = "The disk is full") -> str:
    """Send an alert and return its mail's exact bytes as text."""
    with sessions.begin() as db:
        (made,) = service.alert(
            db,
            key=key,
            title=title,
            text="Twice 7 is {{ 7*7 }}",
            recipients=["ada@example.com"],
            sender=SENDER,
            now=now,
        )
    with sessions.begin() as db:
        row = outbox.by_id(db, made)
        assert row is not None
        return row.payload.decode()


# ---------------------------------------------------------------- the sandbox (security.md, 52)

REFUSED = [
    ("{{ ''.__class__ }}", "'__class__' is not to be had"),
    ("{{ ''['__class__'] }}", "unsafe"),
    ("{{ title|attr('__class__') }}", "there is no filter 'attr'"),
    ("{{ title.format.__globals__ }}", "'__globals__' is not to be had"),
    ("{{ '{0.__class__}'.format(title) }}", "unsafe"),
    ("{{ '{:>999999999}'.format('x') }}", "unsafe"),
    ("{{ self.__init__ }}", "'__init__' is not to be had"),
    ("{% include '/etc/passwd' %}", "no file can be included"),
    ("{% include 'layout.html' %}", "no file can be included"),
    ("{% extends '/etc/passwd' %}", "no file can be included"),
    ("{% import '../alert/body.txt' as x %}", "no file can be included"),
    ("{% from 'parts.html' import heading %}", "no file can be included"),
    ("{% import title as x %}", "no file can be included"),
    (
        "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
        "more than 20,000 steps",
    ),
    ("{% for a in range(10000000000) %}{% endfor %}", "a range has at most 1,000 numbers"),
    ("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "a loop cannot call itself"),
    ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "nested too deeply"),
    (
        "{% macro m(n) %}{% if n %}{{ m(n - 1) }}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(20) }}",
        "more than 20,000 steps",
    ),
    ("{{ 'a' * 1000000000 }}", "only numbers can be multiplied"),
    ("{{ [1] * 1000000000 }}", "only numbers can be multiplied"),
    ("{{ 9 ** 9 ** 9 }}", "there are no powers here"),
    ("{{ title.ljust(1000000000) }}", "grows beyond 100,000"),
    ("{{ '%1000000000d'|format(1) }}", "cannot be widened"),
    (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
        "grows beyond 100,000",
    ),
    (
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}",
        "grows beyond 10,000 items",
    ),
    (
        "{% set ns = namespace(x='aa') %}{% for i in range(60) %}{% set ns.x = ns.x|replace('a', 'aaa') %}{% endfor %}",
        "grows beyond 100,000",
    ),
    ("{% for i in range(1000) %}" + "x" * 3_000 + "{% endfor %}", "more than 2,000,000 characters"),
    ("{{ title|safe }}", "there is no filter 'safe'"),
    ("{{ [title]|map('safe')|first }}", "there is no filter 'safe'"),
    ("{% filter safe %}x{% endfilter %}", "there is no filter 'safe'"),
    ("{% autoescape false %}{{ title }}{% endautoescape %}", "autoescape stays on"),
    ("{{ nothing }}", "there is no 'nothing' here. There are: title, text, todo, at."),
    ("{{ lipsum(n=1000000) }}", "there is no 'lipsum' here"),
    ("{{ cycler }}", "there is no 'cycler' here"),
    ("{{ title.nothing }}", "has no attribute 'nothing'"),
    ("{{ at.strftime('x') }}", "unsafe"),
    ("{{ [title, text] }}", "a list cannot be written as it is"),
    ("{{ at|moment('Mars/Base') }}", "'Mars/Base' is not a time zone"),
    ("{% if title %}", "end of template"),
    ("{{ title", "end of print statement"),
    ("{% do title %}", "unknown tag 'do'"),
]


@pytest.mark.parametrize("part", ["text", "html"])
@pytest.mark.parametrize(("source", "reason"), REFUSED)
def test_what_a_template_may_not_is_refused_at_its_line_and_at_once(
    source: str, reason: str, part: sandbox.Part
) -> None:
    started = time.thread_time()
    (problem,) = rendering.problems(ALERT, {**MINE, part: f"first\nsecond\n{source}"})
    assert time.thread_time() - started < 5
    assert problem.part == part
    assert problem.line == 3
    assert reason in problem.reason
    assert problem.sentence().startswith(f"{sandbox.NAMES[part]}, line 3: ")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{{ " + "(" * 3_000 + "1" + ")" * 3_000 + " }}", "nested too deeply"),
        ("{% if title %}" * 300 + "{% endif %}" * 300, "nested too deeply"),
        ("x" * 60_001, "longer than 60,000"),
        (" \n", "it is empty"),
        ("{# only a remark #}", "nothing is left of it"),
    ],
)
def test_what_is_no_template_as_a_whole_is_refused(source: str, reason: str) -> None:
    (problem,) = rendering.problems(ALERT, {**MINE, "text": source})
    assert reason in problem.reason


def test_a_subject_is_one_line() -> None:
    for subject in ("{{ text }}" * 30, "{{ title }}\x07"):
        assert [one.part for one in rendering.problems(ALERT, {**MINE, "subject": subject})] == ["subject"]


@pytest.mark.parametrize("name", sorted(catalogue.TEMPLATES))
def test_every_packaged_text_is_fit_for_the_editor_and_renders_the_same(name: str) -> None:
    declared, sources = catalogue.TEMPLATES[name], rendering.packaged_sources(name)
    assert rendering.problems(declared, sources) == []
    for context in declared.samples:
        assert set(context) | set(declared.optional) == set(declared.variables)
        assert sandbox.render(declared, sources, context) == rendering.packaged(name, context)


def test_html_of_others_stays_text_in_a_persons_template(sessions: Sessions, now: datetime) -> None:
    change(sessions, now)
    mail = alert(sessions, now, title="<script>alert(1)</script>")
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in mail
    assert "{{ 7*7 }}" in mail
    assert "49" not in mail.partition("\n\n")[2]


def test_the_code_cannot_be_left_out() -> None:
    declared = catalogue.TEMPLATES["sign_in_code"]
    sources = rendering.packaged_sources("sign_in_code")
    (problem,) = rendering.problems(declared, {**sources, "text": "Hello"})
    assert "{{ code }} is missing" in problem.reason


# ---------------------------------------------------------------- versions


def test_a_version_holds_from_the_next_mail_on(sessions: Sessions, now: datetime) -> None:
    assert "Subject: Needs a person: The disk is full" in alert(sessions, now)
    assert change(sessions, now).version == 1
    mail = alert(sessions, now, key="another")
    assert "Subject: Look: The disk is full" in mail
    with sessions.begin() as db:
        latest, earlier = queries.latest_messages(db, "alert", limit=2)
        assert (latest.version, earlier.version) == (1, 0)
        assert (latest.recipient, latest.subject) == ("ada@example.com", "Look: The disk is full")
        assert rendering.given(latest.context)["at"] == now
        (event,) = journal.timeline(db, kind="messages.template_changed")
    assert (event.actor, event.subject) == ("ada", "messages/template/alert")


def test_going_back_is_a_version_of_its_own(sessions: Sessions, now: datetime) -> None:
    change(sessions, now)
    change(sessions, now, {**MINE, "subject": "Second: {{ title }}"}, seen=1)

    def undo(to: int, seen: int) -> int:
        with sessions.begin() as db:
            return wording.undo(db, ALERT, to_version=to, expected_version=seen, actor="bob", now=now).version

    assert undo(1, seen=2) == 3
    assert "Subject: Look: " in alert(sessions, now, key="a")
    assert undo(0, seen=3) == 4
    assert "Subject: Needs a person: " in alert(sessions, now, key="b")
    assert undo(2, seen=4) == 5
    assert "Subject: Second: " in alert(sessions, now, key="c")
    with sessions.begin() as db:
        assert [row.version for row in queries.history(db, "alert")] == [5, 4, 3, 2, 1]
        assert queries.history(db, "alert")[1].html is None
    with pytest.raises(NotFound, match="no version 9"):
        undo(9, seen=5)


def test_two_people_do_not_overwrite_each_other(sessions: Sessions, now: datetime) -> None:
    change(sessions, now)
    with pytest.raises(Conflict, match="changed meanwhile by ada"):
        change(sessions, now, {**MINE, "subject": "Mine: {{ title }}"}, seen=0)
    with pytest.raises(Conflict, match="Nothing is different"):
        change(sessions, now, seen=1)


def test_what_cannot_be_used_is_not_saved(sessions: Sessions, now: datetime) -> None:
    with pytest.raises(Invalid, match=r"Text, line 2: there is no 'nothing' here"):
        change(sessions, now, {**MINE, "text": "a\n{{ nothing }}"})
    with sessions.begin() as db:
        assert queries.latest(db, "alert") is None


def test_a_change_is_tried_on_what_was_sent_before(sessions: Sessions, now: datetime) -> None:
    alert(sessions, now, title="odd")
    only_ours = "{% if title == 'odd' %}{{ title.nothing }}{% endif %}x"
    with pytest.raises(Invalid, match="has no attribute 'nothing'"):
        change(sessions, now, {**MINE, "text": only_ours})


def test_a_version_is_never_overwritten(sessions: Sessions, now: datetime) -> None:
    change(sessions, now)
    for statement in ("update message_templates set note = 'x'", "delete from message_templates"):
        with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as db:
            db.execute(text(statement))


# ---------------------------------------------------------------- when one fails


def broken(owner_sessions: Sessions, now: datetime) -> None:
    """Put a version there that no longer renders, as a later Recoup might find it."""
    with owner_sessions.begin() as db:
        db.add(
            TemplateVersion(
                name="alert",
                version=1,
                subject="x",
                text="{{ gone }}",
                html="x",
                changed_at=now,
                changed_by="ada",
                note="",
            )
        )


def test_a_template_that_fails_never_stops_a_mail(
    sessions: Sessions, owner_sessions: Sessions, now: datetime
) -> None:
    broken(owner_sessions, now)
    for key in ("a", "b"):
        assert "Subject: Needs a person: The disk is full" in alert(sessions, now, key=key)
    with sessions.begin() as db:
        (event,) = journal.timeline(db, kind="messages.fell_back")  # once, however many mails
        assert event.detail["version"] == 1
        assert "there is no 'gone' here" in event.detail["reason"]
        assert [one.subject for one in queries.fell_back_lately(db)] == ["messages/template/alert"]
    alert(sessions, now + timedelta(days=2), key="c")
    with sessions.begin() as db:
        assert len(journal.timeline(db, kind="messages.fell_back")) == 2


def test_a_secret_is_kept_out_of_what_is_stored(sessions: Sessions, now: datetime) -> None:
    declared = catalogue.TEMPLATES["sign_in_code"]
    sealer = Sealer(b"k" * 32)
    with sessions.begin() as db:
        sources: Sources = {
            "subject": "Code",
            "text": "Yours: {{ code }}",
            "html": "<b>{{ code }}</b>",
        }
        wording.change(db, declared, sources, expected_version=0, actor="ada", now=now)
        context = {**declared.samples[0]}
        code = context.pop("code")
        made = service.send(
            db,
            key="k",
            to="ada@example.com",
            template="sign_in_code",
            context=context,
            sender=SENDER,
            now=now,
            hidden=service.Hidden({"code": code}, sealer),
        )
    with sessions.begin() as db:
        row, message = outbox.by_id(db, made), queries.by_delivery(db, made)
        assert row is not None
        assert row.sealed is not None
        assert message is not None
        assert code not in row.payload.decode()
        assert code not in str(message.context)
        assert message.version == 1
        assert code in sealer.open(row.sealed, about=outbox_rules.sealed_for("k")).decode()


# ---------------------------------------------------------------- tests and contexts


def test_a_test_says_so(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        made = wording.send_test(db, ALERT, MINE, to="bob@example.com", sender=SENDER, actor="ada", now=now)
    with sessions.begin() as db:
        row, message = outbox.by_id(db, made), queries.by_delivery(db, made)
        assert row is not None
        assert message is not None
        mail = row.payload.decode()
        assert "Subject: Test: Look: " in mail
        assert mail.count("This is a test of a template.") == 2
        assert message.is_test
        assert queries.latest_messages(db, "alert", limit=5) == []  # a test is no real data
    with pytest.raises(Invalid, match="not a mail address"), sessions.begin() as db:
        wording.send_test(db, ALERT, MINE, to="bob", sender=SENDER, actor="ada", now=now)
    with pytest.raises(Invalid, match="Text, line 1"), sessions.begin() as db:
        wording.send_test(
            db, ALERT, {**MINE, "text": "{{ x }}"}, to="b@c.de", sender=SENDER, actor="ada", now=now
        )


def test_the_mark_of_a_test_stands_within_the_body() -> None:
    marked = rules.as_test(rules.Rendered("s" * 200, "t", "<html><BODY class='x'>y</BODY></html>"))
    assert len(marked.subject) <= rules.LONGEST_SUBJECT
    assert "<BODY class='x'><p style=" in marked.html
    assert rules.as_test(rules.Rendered("s", "t", "y")).html.endswith("</p>y")


def test_a_context_comes_back_as_it_was(now: datetime) -> None:
    context = {"at": now, "n": 1, "yes": True, "none": None, "rows": {"a": 1}, "list": [now, "x"]}
    assert rendering.given(rendering.kept(context)) == context
    assert rendering.kept({"x": "a\0b\ud800"}) == {"x": "a\ufffdb\ufffd"}
