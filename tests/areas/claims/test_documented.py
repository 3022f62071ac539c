"""The page on claims says what the code does: controls, columns, moves, reasons, flags, mails, routes."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from recoup.areas.claims.area import AREA
from recoup.areas.claims.controls import CONTROLS
from recoup.areas.claims.jobs.past import LAYOUTS
from recoup.areas.claims.mails import MAILS
from recoup.areas.claims.rules import flags, loss, nfip, policies, statuses
from recoup.web.area import opened

PAGE = (Path(__file__).parents[3] / "docs" / "claims.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    found = re.search(rf"^#+ {re.escape(title)}$(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_control_stands_there_with_its_default() -> None:
    told = {row[1].strip("`"): row[2] for row in rows(section("Settings")) if len(row) == 3}
    for control in CONTROLS:
        default = control.default
        usual = f"{default:,}" if isinstance(default, int | Decimal) else str(default) if default else "none"
        assert told.pop(control.name) == usual, control.name
    assert set(told) == {"control"}


def test_every_column_of_policies_stands_there_and_whether_it_is_needed() -> None:
    told = {row[0].strip("`"): row[2] for row in rows(section("Bringing policies in")) if len(row) == 3}
    told.pop("column")
    assert set(told) == set(policies.COLUMNS.spellings)
    needed = {name for name, missing in told.items() if missing == "the line is not taken"}
    assert needed == set(policies.COLUMNS.required)


def test_every_move_and_every_reason_stand_there() -> None:
    text = section("Statuses")
    told = {
        (row[0].strip("`"), row[1].strip("`")) for row in rows(text) if len(row) >= 3 and row[0] != "from"
    }
    assert told == {(str(was), str(to)) for was, nexts in statuses.MOVES.items() for to in nexts}
    for code in statuses.REASONS:
        assert f"`{code}`" in text


def test_every_flag_and_every_mail_stand_there() -> None:
    told = [row[0] for row in rows(section("Flags"))][1:]
    assert sorted(told) == sorted(title.lower() for title in flags.TITLES.values())
    mails = [row[0].strip("`") for row in rows(section("Mails"))][1:]
    assert mails == [mail.name for mail in MAILS]


def test_every_field_of_a_claim_and_every_layout_stand_there() -> None:
    filing = section("Filing by curl")
    for field in (*loss.FIELDS, "user_policy_id", "files"):
        assert f"`{field}`" in filing
    past = section("Past claims")
    for layout in LAYOUTS.values():
        assert f"--layout {layout.name}" in past
        for column in layout.columns.required if layout.name == "nfip" else layout.columns.spellings:
            assert f"`{column}`" in past or column == "id"
    assert nfip.CURRENCY == "USD"


def test_every_route_stands_there() -> None:
    text = section("Over HTTP")
    for door in AREA.routers:
        for route in opened(door).routes:
            path = str(getattr(route, "path", ""))
            last = (
                path.replace("{claim_id}", "{id}")
                .replace("{document_id}", "{doc}")
                .replace("{flag_id}", "{flag}")
            )
            assert last in text or last.removeprefix("/claims/{id}") in text, path
