"""The doctor on a database of somebody else's: it names what is wrong, says what to do, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recoup.entry.doctor import doctor
from recoup.entry.upkeep import migrate
from recoup.sandbox.clazar import ClazarStandIn
from support.doors import captured
from support.postgres import Database


@pytest.fixture(autouse=True)
def person(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.MonkeyPatch]:
    """Somebody who keeps the database elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECOUP_HOME", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL", database.app_url)
    monkeypatch.setenv("DATABASE_OWNER_URL", database.owner_url)
    return monkeypatch


def checks() -> dict[str, dict[str, Any]]:
    said = captured(lambda: doctor(json=True))
    assert "Traceback" not in said.err
    found: dict[str, dict[str, Any]] = {one["name"]: one for one in said.document["checks"]}
    assert said.code == (0 if said.document["ok"] else 1)
    assert said.document["ok"] == all(one["status"] != "fail" for one in found.values())
    return found


def failing(found: dict[str, dict[str, Any]]) -> list[str]:
    return [name for name, one in found.items() if one["status"] == "fail"]


def test_a_sound_installation_lacks_a_worker_only() -> None:
    found = checks()
    assert failing(found) == ["workers"]
    assert found["role"]["detail"] == "recoup_app is neither owner nor superuser."
    assert found["metering"]["status"] == "none"


def test_an_application_that_owns_its_tables_is_warned(
    person: pytest.MonkeyPatch, database: Database
) -> None:
    person.setenv("DATABASE_URL", database.owner_url)
    role = checks()["role"]
    assert role["status"] == "warn"
    assert "owns" in role["detail"]
    assert "DATABASE_OWNER_URL" in role["fix"]


def test_an_older_schema_is_named_and_left_as_it_is(owner_sessions: Any) -> None:
    with owner_sessions.begin() as db:
        db.connection().exec_driver_sql("update alembic_version set version_num = '0001'")
    found = checks()
    assert found["schema"]["status"] == "fail"
    assert found["schema"]["fix"] == "`recoup migrate`"
    assert "role" not in found
    with owner_sessions.begin() as db:
        assert db.connection().exec_driver_sql("select version_num from alembic_version").scalar() == "0001"


def test_a_newer_schema_is_refused_by_everybody(owner_sessions: Any) -> None:
    with owner_sessions.begin() as db:
        db.connection().exec_driver_sql("update alembic_version set version_num = '9999'")
    assert failing(checks()) == ["schema"]
    said = captured(migrate)
    assert said.code == 75
    assert "which this version does not know" in said.err


def test_a_database_that_is_not_there_is_a_line(person: pytest.MonkeyPatch) -> None:
    person.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/nothing")
    found = checks()
    assert found["database"]["status"] == "fail"
    assert found["home"]["status"] == "ok"


def test_settings_that_cannot_be_read_are_a_line(person: pytest.MonkeyPatch) -> None:
    person.setenv("RECOUP_PORT", "-1")
    found = checks()
    assert failing(found) == ["settings"]
    assert "RECOUP_PORT" in found["settings"]["detail"]


def test_names_that_mean_nothing_are_warned_of(person: pytest.MonkeyPatch) -> None:
    person.setenv("RECOUP_PROT", "8000")
    settings = checks()["settings"]
    assert settings["status"] == "warn"
    assert "RECOUP_PROT" in settings["detail"]


def test_the_marketplace_and_the_source_are_knocked_at(person: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in {"SERVICE_NAME": "Postgres", "ENVIRONMENT_TYPE": "PROD", "PLAN_ID": "pt-1"}.items():
        person.setenv(name, value)
    source = tmp_path / "usage"
    person.setenv("RECOUP_METERING_SOURCE", str(source))
    found = checks()
    assert set(failing(found)) == {"workers", "source of Postgres:PROD:pt-1", "door clazar"}
    folder = source / "omnistrate-metering/Postgres/PROD/pt-1/2025/07/24/16"
    folder.mkdir(parents=True)
    (folder / "sub-1.json").write_text("[]")
    marker = '{"Postgres:PROD:pt-1": {"last_processed_to": "2025-07-24T16:59:59Z"}}'
    (source / "omnistrate-metering/last_success_export.json").write_text(marker)
    with ClazarStandIn() as clazar:
        person.setenv("CLAZAR_API_URL", clazar.metering_url)
        person.setenv("CLAZAR_CLIENT_ID", clazar.client_id)
        person.setenv("CLAZAR_CLIENT_SECRET", "wrong-secret")
        found = checks()
        assert set(failing(found)) == {"workers", "door clazar"}
        assert "wrong-secret" not in str(found)
        assert (
            "the marker has reached 2025-07-24 16:59:59 UTC"
            in found["source of Postgres:PROD:pt-1"]["detail"]
        )
        person.setenv("CLAZAR_CLIENT_SECRET", clazar.client_secret)
        found = checks()
        assert failing(found) == ["workers"]
        assert "Clazar accepts our credentials" in found["door clazar"]["detail"]


def test_people_read_what_to_do() -> None:
    said = captured(doctor)
    assert said.code == 1
    lines = said.out.splitlines()
    failed = next(index for index, line in enumerate(lines) if line.startswith("FAIL"))
    assert "workers" in lines[failed]
    assert "-> Start `recoup up`" in lines[failed + 1]
    assert lines[-1].startswith("1 of ")
