from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recoup.settings import SettingsError, load
from recoup.settings_layers import parse_env

SECRET = "hunter2-correct-horse"


def refusal(cwd: Path) -> str:
    with pytest.raises(SettingsError) as caught:
        load(cwd=cwd, environ={}, sections={})
    return f"{caught.value.detail} {caught.value.fix or ''}".rstrip()


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=plain", "plain"),
        ("  export   KEY=plain  ", "plain"),
        ("KEY = spaced out ", "spaced out"),
        ("KEY=a#b # c", "a#b"),
        ("KEY=#fff", "#fff"),
        ("KEY= # nothing", ""),
        ("KEY=", ""),
        ("KEY='a # b'  # c", "a # b"),
        ('KEY="a \\"b\\" \\$HOME \\n"', 'a "b" $HOME \\n'),
        ("KEY='$HOME ${X}'", "$HOME ${X}"),
        ("KEY=${HOME}", "${HOME}"),
        ("KEY=it's", "it's"),
        ("KEY=a=b=c", "a=b=c"),
        ("KEY='x'\r", "x"),
        ("KEY=first\nKEY=second", "second"),
    ],
)
def test_a_line_is_read(line: str, value: str) -> None:
    found = parse_env(line, name=".env")["KEY"]
    assert found.text == value
    assert "text" not in repr(found)


@pytest.mark.parametrize(
    "line",
    [
        SECRET,
        f"'KEY'={SECRET}",
        f"KEY='{SECRET}",
        f'KEY="{SECRET}\\"',
        f"KEY='x'{SECRET}",
        f"1KEY={SECRET}",
        f"KEY='x'#{SECRET}",
    ],
)
@pytest.mark.parametrize("name", [".env", "config.env"])
def test_a_line_that_cannot_be_read_is_named_but_not_shown(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / name).write_text(f"# comment\nFINE=1\n{line}\n")
    told = refusal(tmp_path)
    assert told.startswith(f"{name} line 3 ")
    assert SECRET not in told


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=1\nB=\xff\n")
    assert refusal(tmp_path) == f"{tmp_path}/.env is not UTF-8 text (line 2)."
    (tmp_path / ".env").write_bytes("A=1\n".encode("utf-16"))
    assert refusal(tmp_path) == f"{tmp_path}/.env is not UTF-8 text."
    (tmp_path / ".env").write_bytes("\ufeffRECOUP_PORT=1\r\n".encode())
    assert load(cwd=tmp_path, environ={}, sections={}).process.port == 1


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\n\0"))
KEYS = st.from_regex(re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII), fullmatch=True)


def quoted(value: str) -> str:
    if "'" not in value:
        return f"'{value}'"
    return '"' + re.sub(r'(["\\$`])', r"\\\1", value) + '"'


@given(st.dictionaries(KEYS, TEXT), st.booleans(), st.sampled_from(["", "  # why"]))
def test_what_is_written_in_quotes_is_read_back(values: dict[str, str], export: bool, comment: str) -> None:
    text = "\n".join(f"{'export ' * export}{key}={quoted(value)}{comment}" for key, value in values.items())
    assert {key: found.text for key, found in parse_env(text, name=".env").items()} == values


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = parse_env(text, name=".env")
    except SettingsError as error:
        assert re.match(r"\.env line \d+ ", error.detail)  # noqa: PT017 - refusing is allowed, not required
    else:
        assert all(re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", key) for key in found)


def test_a_shell_reads_quoted_lines_as_we_do(tmp_path: Path) -> None:
    values = {
        "A": "plain",
        "B": 'it\'s "quoted"',
        "C": "a\\b \\n $HOME `id`",
        "D": "# no comment",
        "E": "",
        "F": "'\\'",
    }
    path = tmp_path / "config.env"
    path.write_text("".join(f"export {key}={quoted(value)}  # why\n" for key, value in values.items()))
    words = " ".join(f'"${key}"' for key in values)
    script = f'. "$0"; printf "%s\\0" {words}'
    done = subprocess.run(["/bin/sh", "-c", script, str(path)], check=True, capture_output=True, text=True)
    assert done.stdout.split("\0")[:-1] == list(values.values())
    assert {key: found.text for key, found in parse_env(path.read_text(), name="x").items()} == values
