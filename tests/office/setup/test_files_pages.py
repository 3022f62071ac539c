"""The setup files through pages, API and commands: looked at, brought in, given back, refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import pytest
from pydantic import BaseModel

from recoup.core.parts import Job, Outcome, RunningRun
from recoup.core.sealing import sealer_of
from recoup.core.system import System
from recoup.office.controls import queries as control_rows
from recoup.office.controls import service as controls
from recoup.office.jobs import queries as job_rows
from recoup.office.jobs import service as jobs
from recoup.office.journal import queries as journal
from recoup.office.people.permissions import Role
from recoup.office.setup import jobs as setup_jobs
from recoup.office.setup.rules.layout import MONTHLY
from support.browsing import fields
from support.desk import as_role, desk, main_of, text_of
from support.doors import typed
from support.house import MovableClock, opened
from support.postgres import Database
from support.setup_files import AUTH, EMAIL, ETL, EVIL, PASSWORD

APPLY = "/desk/setup/apply"


class NoParams(BaseModel):
    pass


def done(_run: RunningRun, _params: BaseModel) -> Outcome:
    return Outcome("Reported.")


REVENUE = Job(MONTHLY, "Monthly revenue", "Reports.", NoParams, done)


def with_revenue(system: System) -> System:
    """Return the system as it will be with the revenue part: a job of that name is known."""
    known = {**system.parts.jobs, MONTHLY: REVENUE}
    grown = replace(system, parts=replace(system.parts, jobs=known))
    with grown.sessions.begin() as db:
        jobs.set_up(db, known, now=grown.clock())
    return grown


def value(system: System, name: str) -> Any:
    with system.sessions.begin() as db:
        return controls.value(db, system.parts.controls[name], sealer=sealer_of(system.settings))


def versions(system: System) -> int:
    with system.sessions.begin() as db:
        return sum(len(control_rows.history(db, name)) for name in system.parts.controls)


def paste(client: httpx2.Client, text: str) -> httpx2.Response:
    return client.post("/desk/setup/preview", data={"text": text}, files={"file": ("", b"")})


def upload(client: httpx2.Client, *files: tuple[str, bytes]) -> httpx2.Response:
    return client.post("/desk/setup/preview", files=[("file", one) for one in files])


def bring_in(client: httpx2.Client, text: str) -> httpx2.Response:
    page = paste(client, text)
    assert page.status_code == 200, text_of(page)
    return client.post(APPLY, data=fields(page, APPLY))


def given_back(client: httpx2.Client, name: str) -> str:
    answer = client.get(f"/desk/setup/files/{name}")
    assert answer.status_code == 200
    assert f'filename="{name}.json"' in answer.headers["content-disposition"]
    return answer.text


# ---------------------------------------------------------------- looking


def test_the_page_names_the_three_files(client: httpx2.Client) -> None:
    said = text_of(main_of(client.get("/desk/setup")))
    for name in ("etl_config.json", "email_config.json", "auth_config.json"):
        assert name in said
    assert said.count("Never brought in") == 3


def test_a_preview_shows_every_change_and_changes_nothing(client: httpx2.Client, system: System) -> None:
    page = paste(client, EMAIL)
    said = text_of(main_of(page))
    assert page.status_code == 200
    assert "smtp.host changes empty mail.yourcompany.com mail.host" in said
    assert "smtp.port stays 587" in said
    assert "smtp.use_tls stays starttls" in said
    assert "Recoup <recoup@localhost> Revenue ETL System <noreply@yourcompany.com> mail.sender" in said
    assert "smtp.password changes not set a new one mail.password" in said
    assert "otp.expiry_minutes stays 10" in said
    assert PASSWORD not in page.text
    assert versions(system) == 0


def test_three_files_at_once_are_one_plan(client: httpx2.Client, system: System) -> None:
    page = upload(
        client,
        ("etl_config.json", ETL.encode()),
        ("email_config.json", EMAIL.encode()),
        ("auth_config.json", AUTH.encode()),
    )
    assert page.status_code == 200
    answer = client.post(APPLY, data=fields(page, APPLY))
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/setup")
    assert value(system, "people.allowed_domains") == ["yourcompany.com"]
    assert value(system, "mail.host") == "mail.yourcompany.com"
    with system.sessions.begin() as db:
        imported = {one.subject: one for one in journal.timeline(db, kind="setup.imported")}
    assert set(imported) == {f"setup/file/{name}" for name in ("etl_config", "email_config", "auth_config")}
    assert imported["setup/file/auth_config"].detail["changed"] == ["allowed_domains", "admin_emails"]
    assert imported["setup/file/auth_config"].actor == "session:administrator@example.com"
    assert "Never brought in" not in text_of(client.get("/desk/setup"))


def test_what_no_part_reads_yet_is_kept_and_the_page_says_what_for(
    client: httpx2.Client, system: System
) -> None:
    said = text_of(main_of(paste(client, ETL)))
    assert "paths.data_input kept for later /path/to/your/input/data Kept for the revenue part." in said
    assert f"schedule.day_of_month kept for later 10 Kept for the job {MONTHLY}." in said
    assert "this program runs none of them" in said
    assert bring_in(client, ETL).status_code == 303
    assert given_back(client, "etl_config") == ETL
    assert MONTHLY not in system.parts.jobs


def test_bringing_the_same_in_again_has_nothing_to_do(client: httpx2.Client) -> None:
    for text in (ETL, AUTH):
        bring_in(client, text)
        page = paste(client, text)
        assert "There is nothing to do" in text_of(page)
        assert APPLY not in page.text


# ---------------------------------------------------------------- bringing in


def test_a_mail_file_sets_the_controls_and_says_from_where(client: httpx2.Client, system: System) -> None:
    assert bring_in(client, EMAIL).status_code == 303
    wanted = {
        "mail.host": "mail.yourcompany.com",
        "mail.port": 587,
        "mail.security": "starttls",
        "mail.user": "noreply@yourcompany.com",
        "mail.password": PASSWORD,
        "mail.sender": "Revenue ETL System <noreply@yourcompany.com>",
        "people.code_length": 6,
        "people.code_minutes": 10,
    }
    assert {name: value(system, name) for name in wanted} == wanted
    page = client.get("/desk/controls/mail.password")
    assert "From email_config.json" in text_of(page)
    assert PASSWORD not in page.text


@pytest.mark.parametrize(
    ("smtp", "security"),
    [
        ({"host": "mail.example.com", "port": 465, "use_tls": True}, "tls"),
        ({"host": "mail.example.com", "port": 2525, "use_tls": True}, "starttls"),
        ({"host": "127.0.0.1", "port": 25, "use_tls": False}, "none"),
    ],
)
def test_the_port_says_how_a_connection_is_secured(
    client: httpx2.Client, system: System, smtp: dict[str, Any], security: str
) -> None:
    assert bring_in(client, json.dumps({"smtp": smtp})).status_code == 303
    assert value(system, "mail.security") == security


def test_extra_names_of_later_versions_are_known(client: httpx2.Client, system: System) -> None:
    bring_in(client, '{"session": {"timeout_minutes": 120}, "max_otp_attempts": 3}')
    assert (value(system, "people.session_idle_minutes"), value(system, "people.code_tries")) == (120, 3)
    bring_in(client, '{"schedule": {"enabled": false}, "reconcile_tolerance": 0.00}')
    assert '"reconcile_tolerance": 0.00\n' in given_back(client, "etl_config")


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ('{"smtp": {"host": "a b"}}', "smtp.host", "is not a mail server's name"),
        ('{"smtp": {"host": "mail.example.com", "use_tls": false}}', "smtp.use_tls", "in the clear"),
        ('{"smtp": {"port": 99999}}', "smtp.port", "from 1 to 65535"),
        ('{"smtp": {"port": "587"}}', "smtp.port", "must be a whole number"),
        ('{"smtp": {"password": "a\\nb"}}', "smtp.password", "one line"),
        ('{"sender": {"name": "A\\r\\nBcc: z@z.test", "email": "a@b.test"}}', "sender.name", "one line"),
        ('{"sender": {"email": "nobody"}}', "sender.email", "is not a mail address"),
        ('{"otp": {"length": 4}}', "otp.length", "from 6 to 10"),
        ('{"otp": {"expiry_minutes": 60}}', "otp.expiry_minutes", "from 1 to 10"),
        ('{"allowed_domains": ["yourcompany.com."]}', "allowed_domains", "is not a domain"),
        ('{"admin_emails": ["a@evil@yourcompany.com"]}', "admin_emails", "is not a mail address"),
        ('{"session": {"timeout_minutes": 1}}', "session.timeout_minutes", "from 5 to 1440"),
        (json.dumps({"allowed_domains": [EVIL]}), "allowed_domains", "is not a domain"),
        (json.dumps({"allowed_domains": [], EVIL: 1}), "<script>", "not known here"),
    ],
)
def test_what_is_wrong_is_told_at_its_place_and_nothing_changes(
    client: httpx2.Client, system: System, text: str, place: str, sentence: str
) -> None:
    page = paste(client, text)
    said = text_of(main_of(page))
    assert page.status_code == 422
    assert place in said
    assert sentence in said
    assert APPLY not in page.text
    assert "<script>alert" not in page.text
    assert versions(system) == 0


def test_one_wrong_file_keeps_all_of_them_out(client: httpx2.Client, system: System) -> None:
    page = upload(client, ("auth_config.json", AUTH.encode()), ("email_config.json", b"{"))
    assert page.status_code == 422
    assert "email_config.json This is not JSON" in text_of(main_of(page))
    assert APPLY not in page.text
    assert versions(system) == 0


@pytest.mark.parametrize(
    "files",
    [
        [],
        [("x.json", b"\xff\xfe")],
        [("x.json", b"x" * 100_001)],
        [(f"{number}.json", b"{}") for number in range(4)],
    ],
)
def test_what_is_no_upload_is_a_page_that_says_so(
    client: httpx2.Client, system: System, files: list[tuple[str, bytes]]
) -> None:
    page = upload(client, *files) if files else client.post("/desk/setup/preview", data={"text": " "})
    assert page.status_code in {400, 422}
    assert "<h1" in page.text
    assert versions(system) == 0


def test_the_same_file_twice_is_refused(client: httpx2.Client) -> None:
    page = upload(client, ("auth_config.json", AUTH.encode()), ("auth_config (2).json", AUTH.encode()))
    assert "is given twice" in text_of(page)


# ---------------------------------------------------------------- between the look and the button


def test_what_was_changed_meanwhile_is_looked_at_again(client: httpx2.Client, system: System) -> None:
    page = paste(client, AUTH)
    with system.sessions.begin() as db:
        domains = system.parts.controls["people.allowed_domains"]
        controls.change(db, domains, ["other.test"], expected_version=0, actor="bob", now=system.clock())
    answer = client.post(APPLY, data=fields(page, APPLY))
    assert answer.status_code == 409
    said = text_of(main_of(answer))
    assert "Something was changed since you looked." in said
    assert "other.test yourcompany.com" in said
    assert value(system, "people.allowed_domains") == ["other.test"]
    assert client.post(APPLY, data=fields(answer, APPLY)).status_code == 303
    assert value(system, "people.allowed_domains") == ["yourcompany.com"]


def test_a_parcel_is_ours_or_nothing_and_not_for_ever(
    client: httpx2.Client, system: System, clock: MovableClock
) -> None:
    form = fields(paste(client, AUTH), APPLY)
    forged = form["parcel"][:-8] + "AAAAAAA="
    for parcel in ("", "x", forged, "Ä"):
        answer = client.post(APPLY, data={**form, "parcel": parcel})
        assert answer.status_code == 422
        assert "not what was looked at" in text_of(answer)
    clock.advance(hours=1, seconds=1)
    assert client.post(APPLY, data=form).status_code == 409
    assert versions(system) == 0


def test_a_second_press_of_the_button_changes_nothing(client: httpx2.Client, system: System) -> None:
    form = fields(paste(client, AUTH), APPLY)
    assert client.post(APPLY, data=form).status_code == 303
    before = versions(system)
    assert client.post(APPLY, data=form).status_code == 409
    assert versions(system) == before


# ---------------------------------------------------------------- giving back


def test_every_file_comes_back_as_it_was_but_for_the_password(client: httpx2.Client) -> None:
    for text in (ETL, EMAIL, AUTH):
        bring_in(client, text)
    assert given_back(client, "etl_config") == ETL
    assert given_back(client, "email_config") == EMAIL.replace(PASSWORD, "")
    assert json.loads(given_back(client, "auth_config")) == {**json.loads(AUTH), "max_otp_attempts": 5}


def test_an_empty_password_changes_nothing(client: httpx2.Client, system: System) -> None:
    bring_in(client, EMAIL)
    page = paste(client, given_back(client, "email_config"))
    assert "There is nothing to do" in text_of(page)
    assert value(system, "mail.password") == PASSWORD


def test_what_was_never_brought_in_comes_back_as_it_holds(client: httpx2.Client) -> None:
    schedule = json.loads(given_back(client, "etl_config"))["schedule"]
    assert (schedule["enabled"], schedule["timezone"]) == (False, "Asia/Bangkok")
    for name in ("etl_config", "email_config", "auth_config"):
        assert "nothing to do" in text_of(paste(client, given_back(client, name))) or name == "etl_config"
    assert client.get("/desk/setup/files/other").status_code == 404


def test_a_setting_of_the_process_wins_and_is_what_comes_back(
    database: Database, tmp_path: Path, clock: MovableClock
) -> None:
    environ = {"SMTP_HOST": "set.example.com"}
    with opened(database, tmp_path, clock=clock, environ=environ) as system, desk(system) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        assert "environment (SMTP_HOST) wins over it." in text_of(paste(client, EMAIL))
        assert json.loads(given_back(client, "email_config"))["smtp"]["host"] == "set.example.com"


# ---------------------------------------------------------------- the monthly job


def test_the_job_gets_what_waits_for_it_when_there_is_one(client: httpx2.Client, system: System) -> None:
    bring_in(client, ETL.replace('"day_of_month": 10', '"day_of_month": 31'))
    setup_jobs.tick(system, system.clock())
    grown = with_revenue(system)
    for _ in range(2):
        setup_jobs.tick(grown, grown.clock())
    with grown.sessions.begin() as db:
        (schedule,) = job_rows.schedules(db, job_name=MONTHLY)
        row = job_rows.job(db, MONTHLY)
        history = control_rows.history(db, "setup.kept")
    assert (schedule.cron, schedule.zone, schedule.enabled) == ("0 2 31 * *", "Asia/Bangkok", True)
    assert row is not None
    assert (row.paused, row.notify_success, row.notify_failure) == (
        False,
        ["admin@example.com"],
        ["admin@example.com"],
    )
    assert [one.changed_by for one in history] == ["setup", "session:administrator@example.com"]


def test_with_the_job_a_file_changes_it_at_once_and_tells_how_it_stands(system: System) -> None:
    grown = with_revenue(system)
    with desk(grown) as client:
        client.headers["Sec-Fetch-Site"] = "same-origin"
        off = ETL.replace('"enabled": true', '"enabled": false')
        assert "schedule.hour changes" in text_of(paste(client, off))
        bring_in(client, off)
        with grown.sessions.begin() as db:
            row = job_rows.job(db, MONTHLY)
            assert row is not None
            assert (row.paused, row.notify_success) == (True, [])
            jobs.change_schedule(
                db,
                REVENUE,
                cron="30 4 5 * *",
                zone="UTC",
                missed=job_rows.schedules(db, job_name=MONTHLY)[0].missed,
                actor="bob",
                now=grown.clock(),
            )
            jobs.pause(db, REVENUE, paused=False, actor="bob", now=grown.clock())
        assert json.loads(given_back(client, "etl_config"))["schedule"] == {
            "enabled": True,
            "day_of_month": 5,
            "hour": 4,
            "minute": 30,
            "timezone": "UTC",
        }
        assert "schedule.day_of_month changes 5 10" in text_of(paste(client, off))


# ---------------------------------------------------------------- API and commands


def test_the_api_looks_brings_in_and_gives_back(client: httpx2.Client, system: System) -> None:
    looked = client.put("/setup/auth_config", content=AUTH, params={"dry_run": "true"})
    assert (looked.status_code, looked.json()["applied"]) == (200, False)
    assert versions(system) == 0
    done_ = client.put("/setup/auth_config", content=AUTH).json()
    assert done_["applied"] is True
    assert done_["files"][0]["lines"][0] == {
        "path": "allowed_domains",
        "change": "changes",
        "was": "nobody",
        "becomes": "yourcompany.com",
        "control": "people.allowed_domains",
        "note": "",
    }
    assert client.get("/setup/auth_config").json()["allowed_domains"] == ["yourcompany.com"]
    refused = client.put("/setup/auth_config", content='{"session": {"timeout_minutes": 1}}')
    assert refused.status_code == 422
    assert "session.timeout_minutes" in refused.json()["detail"]
    assert client.get("/setup/other").status_code == 404


def test_commands_look_bring_in_and_give_back(system: System, tmp_path: Path) -> None:
    for name, text in (("etl_config", ETL), ("email_config", EMAIL), ("auth_config", AUTH)):
        (tmp_path / f"{name}.json").write_text(text)
    paths = [str(tmp_path / f"{name}.json") for name in ("etl_config", "email_config", "auth_config")]
    looked = typed(system, "setup", "import", *paths, "--dry-run")
    assert (looked.code, versions(system)) == (0, 0)
    assert "Nothing was changed." in looked.out
    told = typed(system, "setup", "import", *paths, "--json")
    assert told.document["applied"] is True
    assert PASSWORD not in looked.out + told.out
    assert value(system, "mail.password") == PASSWORD
    out = tmp_path / "back.json"
    assert typed(system, "setup", "export", "etl_config", "--out", str(out)).code == 0
    assert out.read_text() == ETL
    again = typed(system, "setup", "export", "etl_config", "--out", str(out))
    assert (again.code, "is there already" in again.err) == (65, True)
    printed = typed(system, "setup", "export", "email_config.json")
    assert json.loads(printed.out)["smtp"]["password"] == ""
    assert "password is never written" in printed.err
    assert typed(system, "setup", "export", "other").code == 66


def test_a_command_with_a_wrong_file_says_where_and_changes_nothing(system: System, tmp_path: Path) -> None:
    bad = tmp_path / "etl_config.json"
    bad.write_text('{"scripts": {"fi_revenue_expense": "os.system"}}')
    said = typed(system, "setup", "import", str(bad))
    assert said.code == 65
    assert "scripts.fi_revenue_expense" in said.out
    assert typed(system, "setup", "import", str(bad), "--json").document["applied"] is False
    bad.write_text("{")
    assert "not JSON (line 1, column 2)" in typed(system, "setup", "import", str(bad)).out
    assert typed(system, "setup", "import", str(tmp_path / "none.json")).code == 66
    assert typed(system, "setup", "import").code == 65
    assert versions(system) == 0


# ---------------------------------------------------------------- who may


def test_only_administrators_see_and_bring_in_files(client: httpx2.Client, system: System) -> None:
    form = fields(paste(client, AUTH), APPLY)
    for role in (Role.CUSTOMER, Role.ANALYST, Role.REVIEWER):
        known = as_role(role)
        for path in ("/desk/setup", "/desk/setup/files/auth_config", "/setup/auth_config"):
            assert client.get(path, headers=known).status_code == 403
        assert client.post(APPLY, data=form, headers=known).status_code == 403
        assert client.post("/desk/setup/preview", data={"text": AUTH}, headers=known).status_code == 403
        assert client.put("/setup/auth_config", content=AUTH, headers=known).status_code == 403
    assert versions(system) == 0
    with httpx2.Client(base_url=client.base_url) as stranger:
        assert stranger.get("/desk/setup").headers["location"] == "/desk/sign-in?next=%2Fdesk%2Fsetup"
        assert stranger.get("/setup/auth_config").status_code == 401
