"""The documents keep their word: settings, commands, targets, samples and links in them exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from cyclopts import CycloptsError
from pydantic import SecretStr

from recoup import app
from recoup.entry import cli
from recoup.settings import FilesSettings, MailSettings, ProcessSettings, Section, WebSettings, load
from recoup.settings_sections import EnvPattern, env_names

ROOT = Path(__file__).parents[1]
DOCS = sorted(
    path
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"))
    if path.name not in {"CHANGELOG.md", "LICENSE"}
)
IDS = [str(path.relative_to(ROOT)) for path in DOCS]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FOREIGN = re.compile(r"AWS_[A-Z_]+|TYPE_CHECKING")
SETTING_TABLE = re.compile(r"^\| `(\w+\.(?!py`)\w+)` \|([^|]*)\|([^|]*)\|", re.MULTILINE)
every_page = pytest.mark.parametrize("page", DOCS, ids=IDS)


@cache
def sections() -> dict[str, type[Section]]:
    ours: dict[str, type[Section]] = {
        "recoup": ProcessSettings,
        "mail": MailSettings,
        "files": FilesSettings,
        "web": WebSettings,
    }
    return ours | {name: kind for area in app.ALL for name, kind in area.settings.items()}


@cache
def names_of(setting: str) -> tuple[str, ...]:
    section, field = setting.split(".")
    kind = sections()[section]
    return tuple(env_names(section, field, kind.model_fields[field]))


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def blocks(page: Path, *languages: str) -> Iterator[str]:
    yield from (body for language, body in FENCE.findall(text_of(page)) if language in languages)


def prose(page: Path) -> str:
    return FENCE.sub("", text_of(page))


# ---------------------------------------------------------------- settings


def test_every_setting_is_documented_with_its_names() -> None:
    documented = {
        setting: tuple(CODE.findall(names))
        for page in DOCS
        for setting, names, _ in SETTING_TABLE.findall(text_of(page))
    }
    real = {f"{section}.{field}" for section, kind in sections().items() for field in kind.model_fields}
    assert set(documented) == real
    patterned = {
        f"{section}.{field}"
        for section, kind in sections().items()
        for field, info in kind.model_fields.items()
        if any(isinstance(mark, EnvPattern) for mark in info.metadata)
    }
    for setting in sorted(real - patterned):
        assert documented[setting] == names_of(setting), setting


def test_the_documented_defaults_are_the_real_ones() -> None:
    for page in DOCS:
        for setting, _, default in SETTING_TABLE.findall(text_of(page)):
            section, field = setting.split(".")
            info = sections()[section].model_fields[field]
            told = CODE.findall(default)
            if info.default_factory is not None or not told or told[0].startswith(("./", "files/")):
                continue
            real = info.get_default()
            assert not isinstance(real, SecretStr)
            shown = (
                str(real).lower()
                if isinstance(real, bool)
                else ", ".join(real)
                if isinstance(real, tuple)
                else str(real)
            )
            assert told == [shown], setting


@every_page
def test_names_of_settings_exist(page: Path) -> None:
    known = {
        name
        for section, kind in sections().items()
        for field in kind.model_fields
        for name in names_of(f"{section}.{field}")
    }
    known |= {"RECOUP_CONFIG", "NAME", *(f"{name}_FILE" for name in (*known, "NAME"))}
    patterns = [
        mark.pattern
        for kind in sections().values()
        for info in kind.model_fields.values()
        for mark in info.metadata
        if isinstance(mark, EnvPattern)
    ]
    said = set(re.findall(r"\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b", text_of(page)))
    unknown = {
        name
        for name in said - known
        if not FOREIGN.fullmatch(name) and not any(pattern.fullmatch(name) for pattern in patterns)
    }
    assert unknown == set()


@every_page
def test_samples_of_settings_load(page: Path, tmp_path: Path) -> None:
    for sample in blocks(page, "toml"):
        (tmp_path / "recoup.toml").write_text(sample, encoding="utf-8")
        load(
            cwd=tmp_path,
            environ={},
            sections={name: kind for area in app.ALL for name, kind in area.settings.items()},
        )


# ---------------------------------------------------------------- commands


def commands(page: Path) -> Iterator[str]:
    """Yield what a page tells people to type that starts with recoup, without what stands before and after."""
    lines = [line for body in blocks(page, "sh", "") for line in body.replace("\\\n", " ").splitlines()]
    for line in (*lines, *CODE.findall(prose(page))):
        found = re.search(r"(?:^|\s|/)recoup((?: [^>]*)?)(?:>>.*)?$", line.partition("#")[0].strip())
        typed = line.lstrip().startswith(("recoup", ".venv/", "cd ", "5 *", "PATH="))
        if found and typed and found[1].strip():
            yield found[1].strip()


@every_page
def test_commands_can_be_typed(page: Path) -> None:
    for words in commands(page):
        try:
            cli.root().parse_args(shlex.split(words), print_error=False, exit_on_error=False)
        except CycloptsError as error:  # pragma: no cover - the failure that this test is for
            pytest.fail(f"recoup {words}: {error}")


def test_commands_are_found_at_all() -> None:
    found = {words for page in DOCS for words in commands(page)}
    assert {"doctor", "metering export", "metering why ENTRY"} <= found
    assert len(found) > 40


@every_page
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(
        re.findall(r"^([a-z-]+(?: [a-z-]+)*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    known = {target for line in targets for target in line.split()}
    lines = [line.partition("#")[0] for body in blocks(page, "sh") for line in body.splitlines()]
    said = {
        word
        for line in (*lines, *CODE.findall(prose(page)))
        if line.startswith("make ")
        for word in line.split()[1:2]
    }
    assert said <= known


# ---------------------------------------------------------------- links


def anchors(page: Path) -> set[str]:
    """Return the anchors that a forge makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), link


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached or page.suffix != ".md":
            continue
        reached.add(page)
        for link in LINK.findall(prose(page)):
            target = (page.parent / link.partition("#")[0]).resolve()
            waiting += sorted(target.glob("*.md")) if target.is_dir() else [target]
    assert set(DOCS) <= reached
