"""What is too much, how long to wait, and what a session is worth."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.office.people import permissions
from recoup.office.people.permissions import MAY, Role
from recoup.office.people.rules import limits, secrets, sessions
from recoup.office.people.rules.limits import Client

NOW = datetime(2025, 7, 24, 16, 30, tzinfo=UTC)
TIMES = st.lists(st.integers(0, 7_200).map(lambda s: NOW - timedelta(seconds=s)), max_size=30)


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (2, 0), (3, 30), (4, 60), (5, 120), (9, 1_920), (10, 3_600), (500, 3_600)],
)
def test_the_delay_doubles_to_an_hour(failures: int, seconds: int) -> None:
    assert limits.delay_after(failures) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("wanted", "failures", "length"), [(6, 0, 6), (6, 9, 6), (6, 10, 8), (6, 30, 10), (9, 10, 9), (10, 0, 10)]
)
def test_codes_grow_while_somebody_guesses(wanted: int, failures: int, length: int) -> None:
    assert limits.code_length(wanted, failures=failures) == length


@given(TIMES)
def test_a_limit_says_when_the_next_one_fits(times: list[datetime]) -> None:
    newest_first = sorted(times, reverse=True)
    until = limits.free_again(newest_first, limits.CODES_PER_ADDRESS, now=NOW)
    full = any(
        sum(at > NOW - window for at in newest_first) >= most for most, window in limits.CODES_PER_ADDRESS
    )
    assert (until is not None) == full
    if until is not None:
        assert until > NOW
        assert limits.free_again(newest_first, limits.CODES_PER_ADDRESS, now=until) is None


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:1", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_a_household_counts_as_one(address: str, network: str) -> None:
    assert Client(address).network == network


def test_codes_are_digits_of_the_length_that_is_asked_for() -> None:
    for length in range(6, 11):
        code = secrets.new_code(length)
        assert len(code) == length
        assert code.isdecimal()
    assert secrets.typed(" 123-456\t") == "123456"


@given(
    st.sampled_from(Role),
    st.sampled_from(["role", "always"]),
    st.sampled_from(["none", "totp"]),
    st.booleans(),
)
def test_what_needs_a_second_factor_waits_for_it(role: Role, policy: str, factor: str, has: bool) -> None:
    lacks = sessions.missing(role=role, factor_policy=policy, factor=factor, has_factor=has)
    granted = sessions.permitted(role, lacks)
    if lacks:
        assert granted == {"account.look"}
        assert lacks == ("factor" if has else "enrolment")
    else:
        assert granted == permissions.of(role)
    needs = has or policy == "always" or role in {Role.REVIEWER, Role.ADMINISTRATOR}
    assert bool(lacks) == (needs and factor == "none")


def test_a_key_that_looks_changes_nothing() -> None:
    granted = sessions.scoped(frozenset(MAY), "look")
    assert granted
    assert all(one.endswith(".look") for one in granted)
    assert sessions.scoped(frozenset(MAY), "all") == frozenset(MAY)
