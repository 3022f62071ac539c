"""Sealed values open where they belong, with the key that sealed them, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup import app
from recoup.core.errors import Misconfigured
from recoup.core.sealing import Sealer, derived, sealer_of

KEY, OTHER = b"k" * 32, b"o" * 32


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_is_sealed_opens_again(plain: bytes, about: str) -> None:
    assert Sealer(KEY).open(Sealer(KEY).seal(plain, about=about), about=about) == plain


def test_nothing_of_it_shows_and_no_two_are_alike() -> None:
    one, two = (Sealer(KEY).seal(b"canary" * 5, about="a") for _ in range(2))
    assert b"canary" not in one
    assert one != two


@given(st.data())
def test_a_changed_bit_is_a_failure(data: st.DataObject) -> None:
    """Negative test 64."""
    sealed = bytearray(Sealer(KEY).seal(b"secret", about="a"))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(Misconfigured):
        Sealer(KEY).open(bytes(sealed), about="a")


def test_another_place_or_another_key_is_a_failure() -> None:
    """Negative test 64: swapped between two rows, and an unknown key."""
    sealed = Sealer(KEY).seal(b"secret", about="a")
    with pytest.raises(Misconfigured, match="was changed"):
        Sealer(KEY).open(sealed, about="b")
    with pytest.raises(Misconfigured, match="another key"):
        Sealer(OTHER).open(sealed, about="a")
    for cut in range(len(sealed)):
        with pytest.raises(Misconfigured):
            Sealer(KEY).open(sealed[:cut], about="a")


def test_the_root_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    settings = app.read_settings(cwd=tmp_path, environ={"RECOUP_HOME": str(tmp_path / "var")})
    assert derived(settings, "a") == derived(settings, "a") != derived(settings, "b")
    kept = tmp_path / "var" / "secrets" / "people.key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert derived(settings, "a") not in kept.read_bytes()


@pytest.mark.parametrize("how", ["SECRET_KEY", "SECRET_KEY_FILE", "RECOUP_PEOPLE_SECRET_KEY"])
def test_a_secret_that_is_set_is_used(tmp_path: Path, how: str) -> None:
    text = "a secret of thirty-two characters at least"
    value = text
    if how.endswith("_FILE"):
        (tmp_path / "secret").write_text(f"{text}\n")
        value = str(tmp_path / "secret")
    settings = app.read_settings(cwd=tmp_path, environ={"RECOUP_HOME": str(tmp_path / "var"), how: value})
    sealed = sealer_of(settings).seal(b"x", about="a")
    assert not (tmp_path / "var" / "secrets" / "people.key").exists()
    other = app.read_settings(cwd=tmp_path, environ={"RECOUP_HOME": str(tmp_path / "b"), "SECRET_KEY": text})
    assert sealer_of(other).open(sealed, about="a") == b"x"


@pytest.mark.parametrize(
    ("secret", "said"),
    [("short", "32 characters or more"), ("your-very-secret-key-here-change-this", "placeholder")],
)
def test_a_secret_that_is_none_is_refused(tmp_path: Path, secret: str, said: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        app.read_settings(cwd=tmp_path, environ={"RECOUP_HOME": str(tmp_path), "SECRET_KEY": secret})
    assert "people.secret_key" in refused.value.sentence()
    assert secret not in refused.value.sentence()
    assert said in refused.value.sentence()
