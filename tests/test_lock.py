from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
LOCK = (ROOT / "requirements.lock").read_text()
PINS = re.findall(
    r"(?m)^([A-Za-z0-9._-]+)==(\S+)((?: ;[^\\\n]*)?(?: \\\n +--hash=sha256:[0-9a-f]{64})+)$", LOCK
)


def wanted() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"].values()
    groups = project["dependency-groups"].values()
    lists = [project["build-system"]["requires"], project["project"]["dependencies"], *extras, *groups]
    return [Requirement(line) for lines in lists for line in lines]


def test_every_requirement_is_locked_at_a_version_that_fits() -> None:
    locked = {name.lower().replace("_", "-"): version for name, version, _ in PINS}
    misfits = [
        str(each)
        for each in wanted()
        if each.name not in locked or not each.specifier.contains(locked[each.name])
    ]
    assert misfits == [], "run `make lock`"


def test_every_version_has_hashes_and_nothing_else_stands_in_the_lock() -> None:
    assert len(PINS) > 100
    rest = [line for line in LOCK.splitlines() if not line.lstrip().startswith(("#", "--hash=sha256:"))]
    assert len(rest) == len(PINS)
    assert "://" not in LOCK
