"""One spelling for an address, and no second way to read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.errors import Invalid
from recoup.office.messages import rules as messages
from recoup.office.people.permissions import Role
from recoup.office.people.rules import addresses
from recoup.office.people.rules.addresses import Admission

ADMISSION = Admission.of(
    domains=["YourCompany.com", "bücher.example", "nonsense domain", ""],
    administrators=["Root@YourCompany.com", "not an address"],
    first_role="analyst",
)
LABEL = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("typed", "spelled"),
    [
        ("ada@example.com", "ada@example.com"),
        ("  Ada@Example.COM\t", "ada@example.com"),
        ("a.b+c_d@sub.example.com", "a.b+c_d@sub.example.com"),
        ("ada@bücher.example", "ada@xn--bcher-kva.example"),
        ("ada@BÜCHER.example", "ada@xn--bcher-kva.example"),
        ("ada@xn--bcher-kva.example", "ada@xn--bcher-kva.example"),
        ("administrator@localhost", "administrator@localhost"),
    ],
)
def test_an_address_has_one_spelling(typed: str, spelled: str) -> None:
    assert addresses.normalise(typed) == spelled


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "ada",
        "@example.com",
        "ada@",
        "a@evil@yourcompany.com",
        '"a@yourcompany.com"@evil.test',
        "a@yourcompany.com.",
        "a(comment)@yourcompany.com",
        "a@yourcompany.com(comment)",
        "a@[192.0.2.1]",
        "a b@yourcompany.com",
        "a@your company.com",
        "a@x.test\r\nBcc: z@z.test",
        "a@x.test\n",
        "\na@x.test",
        "a\x00@x.test",
        "a\u202e@x.test",
        "ä@x.test",
        "a..b@x.test",
        ".a@x.test",
        "a@x..test",
        "a@-x.test",
        "a@x_y.test",
        "a@yourcompany\uff0ecom",
        "a@yourcompany\u3002com",
        "<a@x.test>",
        "Ada <a@x.test>",
        "a@x.test,b@x.test",
        f"{'a' * 65}@x.test",
        f"a@{'x' * 64}.test",
        f"a@{'.'.join(['x' * 60] * 5)}",
        "a@\ud800.test",
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(typed: str) -> None:
    """Negative tests 2 and 3."""
    with pytest.raises(Invalid, match="is not a mail address"):
        addresses.normalise(typed)


@pytest.mark.parametrize(
    "typed",
    [
        "a@yourcompany.com.evil.test",
        "a@sub.yourcompany.com",
        "a@xyourcompany.com",
        "a@yourcompany.co",
        "a@yourсompany.com",  # noqa: RUF001 - a Cyrillic es
        "a@yourcompany.cοm",  # noqa: RUF001 - a Greek omicron
        "a@ｙourcompany.com",  # noqa: RUF001 - full width
        "root@evil.test",
        "rооt@yourcompany.example",  # noqa: RUF001 - Cyrillic
    ],
)
def test_what_looks_alike_is_another(typed: str) -> None:
    """Negative test 2: never admitted, and never an administrator."""
    try:
        spelled = addresses.normalise(typed)
    except Invalid:
        return
    assert ADMISSION.role_of(spelled) is None


def test_the_lists_admit_whole_domains_and_whole_addresses() -> None:
    assert ADMISSION.role_of("new@yourcompany.com") == Role.ANALYST
    assert ADMISSION.role_of("new@xn--bcher-kva.example") == Role.ANALYST
    assert ADMISSION.role_of("root@yourcompany.com") == Role.ADMINISTRATOR
    assert ADMISSION.administrators == {"root@yourcompany.com"}
    assert len(ADMISSION.domains) == 2


@given(st.text(max_size=80))
def test_whatever_is_typed_is_refused_or_has_one_spelling(typed: str) -> None:
    try:
        spelled = addresses.normalise(typed)
    except Invalid:
        return
    assert addresses.normalise(spelled) == spelled
    assert spelled.isascii()
    assert spelled == spelled.lower()
    assert spelled.count("@") == 1
    assert messages.address(spelled).addr_spec == spelled


@given(st.lists(LABEL, min_size=1, max_size=4), LABEL, st.text(max_size=5), st.text(max_size=5))
def test_nothing_around_a_domain_makes_it_an_allowed_one(
    labels: list[str], local: str, before: str, behind: str
) -> None:
    typed = f"{local}@{before}{'.'.join(labels)}{behind}"
    allowed = Admission.of(domains=[".".join(labels)], administrators=[], first_role="analyst")
    try:
        spelled = addresses.normalise(typed)
    except Invalid:
        return
    if allowed.role_of(spelled) is not None:
        assert spelled == typed.strip(" \t").lower()
        assert (before.strip(), behind.strip()) == ("", "")


@given(st.text(max_size=200))
def test_a_name_is_one_line(typed: str) -> None:
    try:
        name = addresses.name(typed)
    except Invalid:
        return
    assert name.isprintable()
    assert len(name) <= 100
    assert messages.mailbox(f"{name} <a@x.test>").addr_spec == "a@x.test"
