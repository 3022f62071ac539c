"""Names, headers and signatures of files: whatever comes in, what goes out is safe."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from urllib.parse import unquote
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.core.downloads import attachment
from recoup.core.ids import new_id
from recoup.office.files import rules

SECRET = b"s" * 32
FILE = UUID("0198c2d4-7a10-7c2e-9d55-0a1b2c3d4e5f")
NOW = datetime.fromisoformat("2025-07-23T21:00:00+00:00")
HOUR = timedelta(hours=1)

nasty = st.text(
    st.one_of(
        st.characters(),
        st.sampled_from("./\\:\0\r\n\t \"'%;=\u202e\u200b\u2028\N{COMBINING ACUTE ACCENT}\ud800"),
    ),
    max_size=300,
)


@given(nasty)
def test_a_clean_name_is_safe_and_clean_already(name: str) -> None:
    clean = rules.clean_name(name)
    assert 0 < len(clean) <= 200
    assert not set(clean) & set('/\\<>:"|?*\n')
    assert clean not in {".", ".."}
    assert not clean.startswith((".", " "))
    assert not clean.endswith((".", " "))
    assert all(unicodedata.category(char)[0] != "C" for char in clean)
    assert rules.clean_name(clean) == clean
    clean.encode()


@pytest.mark.parametrize(
    ("name", "clean"),
    [
        ("report.csv", "report.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\ada\\Steuer 2025.xlsx", "Steuer 2025.xlsx"),
        ("exe.\u202efdp", "exe.fdp"),
        ("a\r\nSet-Cookie: b", "a Set-Cookie_ b"),
        (".htaccess", "htaccess"),
        ("..", "file"),
        ("", "file"),
        ("folder/", "file"),
        ("\u200b\0", "file"),
        ('say "hi".txt', "say _hi_.txt"),
        ("Gru\N{COMBINING DIAERESIS}ße.txt", "Grüße.txt"),
        ("x" * 300 + ".pdf", "x" * 196 + ".pdf"),
        ("x" * 300, "x" * 200),
        ("x." + "y" * 300, "x." + "y" * 198),
    ],
)
def test_names_as_they_come_in(name: str, clean: str) -> None:
    assert rules.clean_name(name) == clean


@given(nasty)
def test_a_header_is_one_line_of_ascii_that_gives_the_name_back(name: str) -> None:
    clean = rules.clean_name(name)
    header = attachment(clean)
    found = re.fullmatch(r"attachment; filename=\"([ -~]+)\"; filename\*=UTF-8''([!-~]+)", header)
    assert found
    assert not set(found[1]) & set('"\\%')
    assert not set(found[2]) & set("\"'();,/:<>?@[\\]{}*= ")
    assert unquote(found[2]) == clean


def test_a_browser_that_knows_only_ascii_gets_a_name_too() -> None:
    assert attachment("Übersicht 100%.csv") == (
        "attachment; filename=\"Ubersicht 100_.csv\"; filename*=UTF-8''%C3%9Cbersicht%20100%25.csv"
    )
    assert attachment("报告") == "attachment; filename=\"file\"; filename*=UTF-8''%E6%8A%A5%E5%91%8A"


@pytest.mark.parametrize(
    ("media_type", "clean"),
    [
        ("text/csv", "text/csv"),
        (" Text/CSV; charset=utf-8 ", "text/csv; charset=utf-8"),
        ("application/vnd.ms-excel", "application/vnd.ms-excel"),
        ("", "application/octet-stream"),
        ("csv", "application/octet-stream"),
        ("text/html\r\nX-Evil: 1", "application/octet-stream"),
        ("text/" + "x" * 200, "application/octet-stream"),
        ("text/é", "application/octet-stream"),
    ],
)
def test_media_types_as_they_come_in(media_type: str, clean: str) -> None:
    assert rules.clean_media_type(media_type) == clean


@given(st.datetimes(), st.uuids())
def test_a_key_that_we_made_is_known_as_ours(moment: datetime, some: UUID) -> None:
    aware = moment.replace(year=2000 + moment.year % 100, month=6, tzinfo=NOW.tzinfo, day=1)
    assert rules.is_our_key(rules.store_key(some, aware))


@pytest.mark.parametrize(
    "key", ["files/x", f"files/2025/07/{FILE}/x", f"x/files/2025/07/{FILE}", f"files/2025/7/{FILE}"]
)
def test_other_keys_are_not_ours(key: str) -> None:
    assert not rules.is_our_key(key)


def problem(
    *,
    secret: bytes = SECRET,
    file_id: UUID = FILE,
    expires: str | None = None,
    signature: str | None = None,
    now: datetime = NOW,
) -> str | None:
    """Check a link that is good for an hour, with one thing changed."""
    ends = NOW + HOUR
    return rules.check(
        secret,
        file_id,
        expires=str(int(ends.timestamp())) if expires is None else expires,
        signature=rules.sign(SECRET, FILE, ends) if signature is None else signature,
        now=now,
    )


def test_a_good_link_opens_until_its_last_second() -> None:
    assert problem() is None
    assert problem(now=NOW + HOUR - timedelta(microseconds=1)) is None
    assert problem(now=NOW + HOUR) == "This link is over."


def test_a_link_is_for_one_file_one_end_and_one_installation() -> None:
    changed = "This link was changed, or signed by another installation."
    assert problem(file_id=new_id()) == changed
    assert problem(expires=str(int((NOW + 2 * HOUR).timestamp()))) == changed
    assert problem(secret=b"t" * 32) == changed


@given(st.integers(min_value=0, max_value=42), st.characters(codec="utf-8"))
def test_no_character_of_a_signature_may_change(place: int, char: str) -> None:
    signature = rules.sign(SECRET, FILE, NOW + HOUR)
    changed = signature[:place] + char + signature[place + 1 :]
    assert (problem(signature=changed) is None) == (changed == signature)


@pytest.mark.parametrize("signature", ["", "=", "\ud800", "é" * 43, "x" * 100_000])
def test_what_is_no_signature_is_refused(signature: str) -> None:
    assert problem(signature=signature) is not None


@pytest.mark.parametrize("expires", ["", "-1", "+1", " 1", "1e9", "1.0", "1_0", "\uff11", "9" * 12, "nan"])
def test_what_is_no_end_is_refused(expires: str) -> None:
    assert problem(expires=expires) == "This link is not complete."


def test_a_link_that_outlives_seven_days_is_refused_whoever_signed_it() -> None:
    for days, expected in ((7, None), (8, "This link would live too long.")):
        ends = NOW + timedelta(days=days)
        expires, signature = str(int(ends.timestamp())), rules.sign(SECRET, FILE, ends)
        assert problem(expires=expires, signature=signature) == expected


@given(st.integers(min_value=0, max_value=99_999_999_999))
def test_any_end_is_answered(expires: int) -> None:
    assert problem(expires=str(expires)) in {
        None if expires == int((NOW + HOUR).timestamp()) else "",
        "This link was changed, or signed by another installation.",
    }
