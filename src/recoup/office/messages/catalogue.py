"""The templates that there are: what each is for, what it may name, and values to try it out with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Declared:
    """A template. ``must_name`` is what the mail is useless without, in its text and in its HTML."""

    name: str
    title: str
    purpose: str
    variables: Mapping[str, str]
    """What each name stands for, in a few words."""
    samples: tuple[Mapping[str, Any], ...] = field(repr=False)
    """Each is a whole context; a template must be fit for all of them. The first one is shown."""
    must_name: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    """What is not always there: name it with ``default``."""
    package: str = "recoup.office.messages"
    """Whose packaged texts they are, in ``folder/<name>``."""
    folder: str = "templates"


_RUN = {
    "title": "Send usage to Clazar",
    "job": "metering.export",
    "run_id": "0198c2d4-7a10-7c2e-9d55-0a1b2c3d4e5f",
    "state": "succeeded",
    "went_well": True,
    "summary": "All 1,284 windows were answered.",
    "counts": {"windows_read": 1_284, "entries_submitted": 91_822},
    "started_at": _NOW - timedelta(minutes=2, seconds=13),
    "finished_at": _NOW,
    "attempt": 1,
}
_CHANGED = {
    "title": "A second factor was added to your sign-in",
    "text": "This concerns the sign-in of ada@example.com.",
    "at": _NOW,
    "client": "192.0.2.7",
    "agent": "Firefox",
}

ALERT = Declared(
    name="alert",
    title="Something needs a person",
    purpose="To the addresses in mail.alerts, when something stops that only a person can mend: at most once a day.",
    variables={
        "title": "what happened, in one line",
        "text": "the same in full",
        "todo": "what to do about it; may be empty",
        "at": "when it was noticed",
    },
    samples=(
        {
            "title": "Nothing leaves through clazar",
            "text": "The credentials were refused: 401 Unauthorized.",
            "todo": "Set CLAZAR_CLIENT_SECRET anew, then open the channel again on the outbox page.",
            "at": _NOW,
        },
        {"title": "The disk is full", "text": "", "todo": "", "at": _NOW},
    ),
)
RUN_FINISHED = Declared(
    name="run_finished",
    title="A run ended",
    purpose="To the people that a job's page names: each success, and a failure once a day until a run goes well.",
    variables={
        "title": "the job's title",
        "job": "the job's name",
        "run_id": "the run's id",
        "state": "succeeded, failed or parked",
        "went_well": "whether nobody has to look",
        "summary": "what it came to, in a sentence; may be empty",
        "counts": "what was counted: pairs of a name and a number",
        "started_at": "when it started; nothing where it never did",
        "finished_at": "when it ended",
        "attempt": "the attempt that ended it",
        "zone": "the time zone to write times in",
        "link": "the address of the run's page",
    },
    optional=("zone", "link"),
    samples=(
        _RUN,
        {
            **_RUN,
            "state": "failed",
            "went_well": False,
            "summary": "",
            "counts": {},
            "started_at": None,
            "attempt": 3,
            "zone": "Europe/Berlin",
            "link": "https://recoup.example.com/desk/runs/0198c2d4-7a10-7c2e-9d55-0a1b2c3d4e5f",
        },
        {**_RUN, "went_well": False, "counts": {f"count_{number}": number for number in range(30)}},
    ),
)
SIGN_IN_CODE = Declared(
    name="sign_in_code",
    title="A sign-in code",
    purpose="To who asked to come in at the portal's door; the code works once, for some minutes.",
    variables={
        "code": "the code itself: whoever looks at the mail here sees dots",
        "minutes": "how many minutes it works",
        "expires_at": "until when it works",
        "client": "the address that it was asked for from",
        "agent": "the browser, as it calls itself",
    },
    must_name=("code",),
    samples=(
        {"code": "482915", "minutes": 10, "expires_at": _NOW, "client": "192.0.2.7", "agent": "Firefox"},
        {"code": "4829150000", "minutes": 5, "expires_at": _NOW, "client": "", "agent": ""},
    ),
)
WELCOME = Declared(
    name="welcome",
    title="An invitation",
    purpose="To somebody whom an administrator added; its link signs them in once, for a day.",
    variables={
        "name": "what the person is called; may be empty",
        "role": "what they are here, such as analyst",
        "portal": "this server's address",
        "link": "the link that signs them in: whoever looks at the mail here sees dots",
        "until": "until when the link works",
    },
    must_name=("link",),
    samples=(
        {
            "name": "Ada Lovelace",
            "role": "analyst",
            "portal": "https://recoup.example.com",
            "link": "https://recoup.example.com/desk/welcome/this-is-a-sample",
            "until": _NOW + timedelta(days=1),
        },
        {"name": "", "role": "customer", "portal": "http://127.0.0.1:8000", "link": "••••••", "until": _NOW},
    ),
)
ACCOUNT_CHANGED = Declared(
    name="account_changed",
    title="Somebody's sign-in changed",
    purpose="To the person concerned, when a factor or a key was added or removed, so that no stranger does it unseen.",
    variables={
        "title": "what changed, in one line",
        "text": "the same in full",
        "at": "when it changed",
        "client": "the address that it was changed from",
        "agent": "the browser, as it calls itself",
    },
    must_name=("title",),
    samples=(_CHANGED, {**_CHANGED, "client": "", "agent": ""}),
)

MAIL_TEST = Declared(
    name="mail_test",
    title="A test of the mail settings",
    purpose="To the address that an administrator gives at Settings, to see that mails arrive.",
    variables={
        "by": "who asked for it",
        "at": "when",
        "server": "the mail server, or the folder that stands in for one",
    },
    samples=({"by": "ada@example.com", "at": _NOW, "server": "mail.example.com:587"},),
)

TEMPLATES: dict[str, Declared] = {
    one.name: one for one in (ALERT, RUN_FINISHED, SIGN_IN_CODE, WELCOME, ACCOUNT_CHANGED, MAIL_TEST)
}
"""By name; ``app.py`` adds those of the areas, before anything is rendered."""


def declare(*templates: Declared) -> None:
    """Add an area's templates; another one of the same name is a mistake in our code."""
    for one in templates:
        if TEMPLATES.setdefault(one.name, one) is not one:
            raise ValueError(f"two templates are called {one.name}")


def choices(_db: object) -> tuple[tuple[str, str], ...]:
    """Return every template by name and title, as a list offers them."""
    return tuple((one.name, one.title) for one in TEMPLATES.values())


FILTERS: Mapping[str, str] = {
    "moment": 'a time, in a zone: at|moment("UTC")',
    "duration": "a length of time: (finished_at - started_at)|duration",
    "number": "a count with its commas",
    "colour": "the colour of a state",
    "shortened": "a long text, cut: text|shortened(longest=1000)",
    "one_line": "a text on one line",
    "default": 'another value where there is none: zone|default("UTC")',
    "format": 'values put into a text: "%s of %s"|format(a, b)',
    "join": "the items of a list with something between them",
    "replace": "every place of a text by another",
    "length": "how many characters or items",
    "first": "the first item",
    "last": "the last item",
    "list": "the items as a list",
    "map": "one of these words, done to every item",
    "max": "the largest item",
    "min": "the smallest item",
    "lower": "in small letters",
    "upper": "in capital letters",
    "capitalize": "with a capital letter at its start",
    "trim": "without blanks at both ends",
    "escape": "safe for HTML, which everything already is",
}
"""What may stand behind a ``|``, and what it makes."""
