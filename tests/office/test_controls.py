"""Controls: typed, bounded, every version kept, and nobody overwrites what they did not see."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.errors import Conflict, Invalid, Misconfigured, NotFound
from recoup.office.controls import queries, rules, service
from recoup.office.controls.rules import Control
from recoup.office.journal import queries as journal

Sessions = sessionmaker[Session]

MINUTES = Control("metering.settle_minutes", int, 90, "How long a window settles.", minimum=0, maximum=1440)
SHARE = Control("metering.tolerance", Decimal, Decimal("0.01"), "What may differ.", minimum=0)
DRY = Control("metering.dry_run", bool, False, "Plan, and hand nothing over.")  # noqa: FBT003 - the default
WORD = Control("metering.mode", str, "strict", "How strict.", choices=("strict", "lenient"))
TEXT = Control("office.footer", str, "", "What stands under a mail.")
LIST = Control("metering.plans", list[str], ["basic"], "Which plans.", choices=("basic", "pro", "max"))
EVERY = (MINUTES, SHARE, DRY, WORD, TEXT, LIST)


def set_to(sessions: Sessions, control: Control[object], value: object, *, seen: int, now: datetime) -> None:
    with sessions.begin() as db:
        service.change(db, control, value, expected_version=seen, actor="ada", now=now, note="why")


def value_of(sessions: Sessions, control: Control[object]) -> object:
    with sessions.begin() as db:
        return service.value(db, control)


def test_a_control_that_nobody_changed_has_its_default(sessions: Sessions) -> None:
    for control in EVERY:
        assert value_of(sessions, control) == control.default


def test_a_value_comes_back_as_it_was_set(sessions: Sessions, now: datetime) -> None:
    values: list[tuple[Control[object], object]] = [
        (MINUTES, 0),
        (MINUTES, 1440),
        (SHARE, Decimal("123456789012345678901234567890.000000000000000001")),
        (DRY, True),
        (WORD, "lenient"),
        (TEXT, "Grüße,\n\tAda €"),
        (LIST, []),
        (LIST, ["pro", "basic"]),
    ]
    seen: dict[str, int] = {}
    for control, value in values:
        version = seen.get(control.name, 0)
        set_to(sessions, control, value, seen=version, now=now)
        kept = value_of(sessions, control)
        assert kept == value
        assert type(kept) is type(value)
        seen[control.name] = version + 1


def test_a_list_that_was_handed_out_cannot_change_the_default(sessions: Sessions) -> None:
    handed_out = value_of(sessions, LIST)
    assert isinstance(handed_out, list)
    handed_out.append("pro")
    assert value_of(sessions, LIST) == ["basic"]


@pytest.mark.parametrize(
    ("control", "value"),
    [
        (MINUTES, -1),
        (MINUTES, 1441),
        (MINUTES, "90"),
        (MINUTES, 90.0),
        (MINUTES, True),
        (MINUTES, None),
        (SHARE, 0.01),
        (SHARE, "NaN"),
        (SHARE, Decimal("Infinity")),
        (SHARE, Decimal("-0.01")),
        (SHARE, "1e-19"),
        (SHARE, True),
        (DRY, 1),
        (DRY, "yes"),
        (WORD, "loose"),
        (WORD, b"strict"),
        (TEXT, "a\0b"),
        (TEXT, "exe.fdp\u202e"),
        (TEXT, "\ud800"),
        (TEXT, "x" * 2_001),
        (LIST, ["basic", "gold"]),
        (LIST, "basic"),
        (LIST, [1]),
        (LIST, ["basic"] * 201),
    ],
)
def test_what_does_not_fit_is_refused(control: Control[object], value: object) -> None:
    with pytest.raises(Invalid, match=f"^{control.name} cannot be ") as refusal:
        rules.checked(control, value)
    assert refusal.value.fix == f"Give {rules.expectation(control)}."


def test_a_refused_value_changes_nothing(sessions: Sessions, now: datetime) -> None:
    with pytest.raises(Invalid):
        set_to(sessions, MINUTES, -1, seen=0, now=now)
    with sessions.begin() as db:
        assert service.value(db, MINUTES) == MINUTES.default
        assert queries.history(db, MINUTES.name) == []


@given(st.decimals(min_value=0, max_value=10**20, places=18))
def test_a_decimal_loses_no_digit_on_its_way_through_json(value: Decimal) -> None:
    assert rules.checked(SHARE, rules.to_json(value)) == value


@given(st.one_of(st.integers(0, 1440).map(lambda n: (MINUTES, n)), st.booleans().map(lambda b: (DRY, b))))
def test_what_is_shown_can_be_typed(pair: tuple[Control[object], object]) -> None:
    control, value = pair
    assert rules.read(control, rules.to_text(value)) == value


@pytest.mark.parametrize(
    ("control", "typed", "value"),
    [
        (MINUTES, " 90 ", 90),
        (MINUTES, "+5", 5),
        (SHARE, "0.050", Decimal("0.05")),
        (DRY, "Yes", True),
        (DRY, "0", False),
        (WORD, "lenient", "lenient"),
        (LIST, "basic, pro,\nmax\n", ["basic", "pro", "max"]),
        (LIST, "", []),
    ],
)
def test_what_a_person_types_is_read(control: Control[object], typed: str, value: object) -> None:
    assert rules.read(control, typed) == value


@pytest.mark.parametrize(
    ("control", "typed"),
    [(MINUTES, "1_0"), (MINUTES, "\uff19"), (MINUTES, "9e1"), (DRY, "maybe"), (SHARE, "1,5"), (LIST, "gold")],
)
def test_what_a_person_mistypes_is_refused(control: Control[object], typed: str) -> None:
    with pytest.raises(Invalid, match=f"^{control.name} cannot be "):
        rules.read(control, typed)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("Settle", int, 1, "h"), "cannot name"),
        (("metering.x", float, 1.0, "h"), "of type"),
        (("metering.x", int, 5, "h", 6), "default does not fit"),
        (("metering.x", str, "a", "h", 1), "only numbers"),
        (("metering.x", list[str], ["a"], "h", None, None, ("b",)), "default does not fit"),
    ],
)
def test_a_wrong_declaration_is_found_at_start(arguments: tuple[object, ...], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Control(*arguments)


def test_who_did_not_see_the_last_change_may_not_overwrite_it(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, MINUTES, 30, seen=0, now=now)
    for seen in (0, 2):
        with pytest.raises(Conflict, match="changed meanwhile by ada"):
            set_to(sessions, MINUTES, 60, seen=seen, now=now)
    set_to(sessions, MINUTES, 60, seen=1, now=now)
    assert value_of(sessions, MINUTES) == 60


def test_of_many_who_change_at_once_one_wins_and_the_others_learn_of_it(
    sessions: Sessions, now: datetime
) -> None:
    together = Barrier(6)

    def attempt(value: int) -> str:
        together.wait()
        try:
            set_to(sessions, MINUTES, value, seen=0, now=now)
        except Conflict:
            return "conflict"
        return "changed"

    with ThreadPoolExecutor(6) as threads:
        results = sorted(threads.map(attempt, range(6)))
    assert results == ["changed", *["conflict"] * 5]
    with sessions.begin() as db:
        assert len(queries.history(db, MINUTES.name)) == 1


def test_a_change_is_taken_back_as_a_new_version(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, MINUTES, 30, seen=0, now=now)
    set_to(sessions, MINUTES, 60, seen=1, now=now)
    later = now + timedelta(hours=1)
    with sessions.begin() as db:
        service.undo(db, MINUTES, to_version=1, expected_version=2, actor="bob", now=later)
    assert value_of(sessions, MINUTES) == 30
    with sessions.begin() as db:
        service.undo(db, MINUTES, to_version=0, expected_version=3, actor="bob", now=later, note="enough")
    assert value_of(sessions, MINUTES) == 90
    with sessions.begin() as db:
        history = queries.history(db, MINUTES.name)
        assert [(one.version, one.value, one.changed_by, one.note) for one in history] == [
            (4, 90, "bob", "enough"),
            (3, 30, "bob", "Back to version 1"),
            (2, 60, "ada", "why"),
            (1, 30, "ada", "why"),
        ]
        assert history[0].changed_at == later
        assert [one.version for one in queries.history(db, MINUTES.name, before=3, limit=1)] == [2]


def test_nobody_goes_back_to_what_never_was_or_without_seeing_what_is(
    sessions: Sessions, now: datetime
) -> None:
    set_to(sessions, MINUTES, 30, seen=0, now=now)
    with pytest.raises(NotFound, match="has no version 7"), sessions.begin() as db:
        service.undo(db, MINUTES, to_version=7, expected_version=1, actor="ada", now=now)
    with pytest.raises(Conflict), sessions.begin() as db:
        service.undo(db, MINUTES, to_version=0, expected_version=0, actor="ada", now=now)


def test_nobody_goes_back_to_what_no_longer_fits(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, MINUTES, 1000, seen=0, now=now)
    set_to(sessions, MINUTES, 10, seen=1, now=now)
    narrower = Control(MINUTES.name, int, 90, "h", minimum=0, maximum=100)
    with pytest.raises(Invalid, match="cannot be 1000"), sessions.begin() as db:
        service.undo(db, narrower, to_version=1, expected_version=2, actor="ada", now=now)


def test_a_kept_value_that_no_longer_fits_is_named_not_replaced(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, MINUTES, 1000, seen=0, now=now)
    for upgraded in (Control(MINUTES.name, int, 90, "h", maximum=100), Control(MINUTES.name, str, "", "h")):
        with pytest.raises(Misconfigured, match=r"settle_minutes cannot be 1000.*version 1"):
            value_of(sessions, upgraded)


def test_the_present_values_of_many_are_read_at_once(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, MINUTES, 30, seen=0, now=now)
    set_to(sessions, MINUTES, 60, seen=1, now=now)
    set_to(sessions, LIST, [], seen=0, now=now)
    set_to(sessions, WORD, "lenient", seen=0, now=now)
    with sessions.begin() as db:
        found = queries.current(db, [MINUTES.name, LIST.name, SHARE.name])
        assert {name: (one.version, one.value) for name, one in found.items()} == {
            MINUTES.name: (2, 60),
            LIST.name: (1, []),
        }
        assert queries.current(db, []) == {}


def test_every_change_is_in_the_journal(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, SHARE, Decimal("0.5"), seen=0, now=now)
    with sessions.begin() as db:
        service.undo(db, SHARE, to_version=0, expected_version=1, actor="bob", now=now)
    with sessions.begin() as db:
        undone, changed = journal.timeline(db, kind="controls.")
        assert changed.subject == undone.subject == "controls/control/metering.tolerance"
        assert (changed.actor, changed.at, changed.kind) == ("ada", now, "controls.changed")
        assert changed.detail == {"version": 1, "was": "0.01", "value": "0.5", "note": "why"}
        assert undone.detail == {"version": 2, "was": "0.5", "value": "0.01", "note": "Back to the default"}


def test_the_application_may_not_rewrite_the_history(sessions: Sessions, now: datetime) -> None:
    set_to(sessions, MINUTES, 30, seen=0, now=now)
    for statement in ("update controls set value = '1'", "delete from controls"):
        with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as db:
            db.execute(text(statement))
