"""Pages of jobs: what a person sees of them, and running, pausing, scheduling, telling through forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from recoup.core.system import System
from recoup.office.jobs import jobs, queries
from recoup.office.jobs.models import Run
from recoup.office.people.permissions import Role
from support.desk import as_role, links_of, main_of, text_of
from support.house import MovableClock
from support.runs import EVIL, AddRun

LOAD = "/desk/jobs/test.load"


def runs_of(system: System) -> list[Run]:
    with system.sessions.begin() as db:
        return list(queries.runs(db))


# ---------------------------------------------------------------- looking


def test_every_job_is_listed_with_its_schedule_in_words(client: httpx2.Client, add_run: AddRun) -> None:
    add_run("test.load", state="failed", needs_person=True)
    page = client.get("/desk/jobs")
    said = text_of(main_of(page))
    assert "Ten past every hour, UTC" in said
    assert "Every day at 03:40, UTC" in said
    assert "in 10 min" in said
    assert "failed" in said
    assert "needs a person" in said
    assert "Only when somebody starts it" in said
    assert LOAD in links_of(page)
    assert "Load &lt;b&gt;files&lt;/b&gt;" in page.text
    assert "<b>files" not in page.text


def test_a_job_shows_what_is_known_of_it(client: httpx2.Client, add_run: AddRun) -> None:
    run = add_run(summary=EVIL)
    page = client.get(LOAD)
    said = text_of(main_of(page))
    assert "Reads files." in said
    assert "Thu 05 Mar 12:10" in " ".join(said.split())
    assert said.count(" Mar 1") >= 5
    assert "only the latest is run afterwards" in said
    assert "Nobody has changed anything" in said
    assert f"/desk/runs/{run.id}" in links_of(page)
    assert "<script>alert" not in page.text
    assert "{{7*7}}" in said


def test_the_map_leads_from_each_slot_to_its_run(
    client: httpx2.Client, system: System, clock: MovableClock
) -> None:
    clock.advance(minutes=11)
    jobs.tick(system, clock())
    (run,) = [one for one in runs_of(system) if one.job == "test.load"]
    page = client.get(LOAD)
    assert (
        f'class="cell calm" href="/desk/runs/{run.id}" title="Thu 05 Mar, 12:10: running or queued"'
        in page.text
    )
    assert "Thu 05 Mar, 13:10: owed next" in page.text
    daily = client.get("/desk/jobs/test.daily")
    assert "The last 35 days, UTC" in text_of(daily)
    assert "Fri 06 Mar, 03:40: owed next" in daily.text


def test_a_slot_that_nobody_ran_is_told(client: httpx2.Client, system: System, clock: MovableClock) -> None:
    clock.advance(hours=5)
    page = client.get(LOAD)
    assert "Thu 05 Mar, 12:10: owed and not started yet" in page.text
    jobs.tick(system, clock())
    page = client.get(LOAD)
    assert "Thu 05 Mar, 12:10: skipped, a later slot ran in its place" in page.text
    assert "Thu 05 Mar, 12:10: owed and not started yet" not in page.text


def test_a_job_without_a_schedule_says_what_to_do(client: httpx2.Client) -> None:
    page = client.get("/desk/jobs/test.quiet")
    assert "Nothing is scheduled" in text_of(page)
    assert "/desk/jobs/test.quiet/schedule" in links_of(page)


def test_a_job_that_is_not_there_is_told(client: httpx2.Client) -> None:
    page = client.get("/desk/jobs/test.nothing")
    assert page.status_code == 404
    assert "There is no job" in text_of(page)


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize("path", ["/desk/jobs", LOAD, f"{LOAD}/schedule", f"{LOAD}/notify", "/desk/runs"])
def test_a_stranger_is_led_to_the_door(client: httpx2.Client, path: str) -> None:
    answer = client.get(path, headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/desk/sign-in?next=%2Fdesk")


@pytest.mark.parametrize(
    ("role", "path", "status"),
    [
        (Role.CUSTOMER, "", 403),
        (Role.ANALYST, "", 200),
        (Role.ANALYST, "/schedule", 403),
        (Role.REVIEWER, "/schedule", 403),
        (Role.REVIEWER, "/notify", 403),
        (Role.ADMINISTRATOR, "/schedule", 200),
    ],
)
def test_a_role_sees_what_it_may(client: httpx2.Client, role: Role, path: str, status: int) -> None:
    assert client.get(f"{LOAD}{path}", headers=as_role(role)).status_code == status


@pytest.mark.parametrize(
    ("role", "act"),
    [
        (Role.ANALYST, "runs"),
        (Role.ANALYST, "pause"),
        (Role.REVIEWER, "pause"),
        (Role.REVIEWER, "resume"),
        (Role.REVIEWER, "schedule"),
        (Role.REVIEWER, "notify"),
    ],
)
def test_a_role_does_only_what_it_may(client: httpx2.Client, system: System, role: Role, act: str) -> None:
    answer = client.post(f"{LOAD}/{act}", data={"layout": "x"}, headers=as_role(role))
    assert answer.status_code == 403
    assert "You may not do this" in text_of(answer)
    assert runs_of(system) == []


def test_buttons_stand_only_where_they_work(client: httpx2.Client) -> None:
    analyst = client.get(LOAD, headers=as_role(Role.ANALYST))
    assert f"{LOAD}/runs" not in analyst.text
    assert f"{LOAD}/pause" not in analyst.text
    assert "What was changed" not in text_of(analyst)
    reviewer = client.get(LOAD, headers=as_role(Role.REVIEWER))
    assert f'action="{LOAD}/runs"' in reviewer.text
    assert f"{LOAD}/pause" not in reviewer.text
    assert f"{LOAD}/schedule" not in links_of(reviewer)


# ---------------------------------------------------------------- running


def test_the_form_is_made_of_the_parameters(client: httpx2.Client) -> None:
    page = client.get(LOAD).text
    assert 'name="layout" aria-describedby="hint-layout"' in page
    assert 'value="narrow"' in page
    assert 'value="500"' in page
    assert 'min="1"' in page
    assert 'max="1000"' in page
    assert "Which layout the file has" in page
    switch = page.index('class="switch-box"')
    assert 'name="dry_run"' in page[switch:]
    assert " checked" in page[switch : switch + 400]
    assert 'name="dry_run"' not in page[:switch]


def test_what_was_typed_is_what_runs(client: httpx2.Client, system: System) -> None:
    answer = client.post(f"{LOAD}/runs", data={"layout": " wide ", "most_rows": "7"})
    (run,) = runs_of(system)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/desk/runs/{run.id}"
    assert run.params == {"layout": "wide", "most_rows": 7, "dry_run": False}
    assert (run.trigger, run.actor, run.state) == ("page", "session:administrator@example.com", "queued")
    client.post(f"{LOAD}/runs", data={"layout": "wide", "dry_run": "yes"})
    assert runs_of(system)[0].params["dry_run"] is True


def test_what_is_missing_is_asked_for(client: httpx2.Client, system: System) -> None:
    assert 'name="who" required' in client.get("/desk/jobs/test.ask").text
    answer = client.post("/desk/jobs/test.ask/runs", data={"who": ""})
    assert answer.status_code == 303
    assert client.post("/desk/jobs/test.ask/runs", data={}).headers["location"]
    assert [run.params for run in runs_of(system)] == [{"who": ""}, {"who": ""}]


def test_a_refused_form_keeps_what_was_typed(client: httpx2.Client, system: System) -> None:
    answer = client.post(f"{LOAD}/runs", data={"layout": EVIL, "most_rows": "5000"})
    assert answer.status_code == 422
    assert "less than or equal to 1000" in text_of(answer)
    assert 'value="5000"' in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert runs_of(system) == []


@pytest.mark.parametrize("body", ["layout=a%00b", "%00=a", "layout=%ff", "layout=a&layout=b"])
def test_what_no_browser_sends_is_no_failure_of_ours(
    client: httpx2.Client, system: System, body: str
) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = client.post(f"{LOAD}/runs", content=body, headers=headers)
    assert answer.status_code in {303, 422}
    assert all("\0" not in str(run.params) for run in runs_of(system))


def test_a_job_that_is_not_started_by_hand_is_not(client: httpx2.Client, system: System) -> None:
    assert "/desk/jobs/test.made/runs" not in client.get("/desk/jobs/test.made").text
    answer = client.post("/desk/jobs/test.made/runs")
    assert answer.status_code == 403
    assert runs_of(system) == []


# ---------------------------------------------------------------- pausing


def test_a_paused_job_says_so_until_it_is_resumed(client: httpx2.Client, system: System) -> None:
    assert client.post(f"{LOAD}/pause").headers["location"] == LOAD
    page = client.get(LOAD)
    assert "Its schedule starts nothing" in text_of(page)
    assert "The job was paused." in text_of(page)
    assert ": owed next" not in page.text
    assert "paused" in text_of(client.get("/desk/jobs"))
    client.post(f"{LOAD}/resume")
    with system.sessions.begin() as db:
        row = queries.job(db, "test.load")
        assert row is not None
        assert not row.paused


# ---------------------------------------------------------------- the schedule

MONTHLY = {
    "how": "monthly",
    "day": "10",
    "hour": "2",
    "minute": "0",
    "zone": "Asia/Bangkok",
    "missed": "skip",
}


def test_the_form_begins_with_what_stands(client: httpx2.Client) -> None:
    page = client.get(f"{LOAD}/schedule")
    assert "As it is now" in text_of(page)
    assert "Ten past every hour, UTC" in text_of(page)
    assert 'value="cron" id="how-cron" checked' in page.text
    assert 'value="10 * * * *"' in page.text


def test_a_schedule_is_previewed_and_nothing_is_saved(client: httpx2.Client, system: System) -> None:
    page = client.get(f"{LOAD}/schedule", params={**MONTHLY, "cron": "10 * * * *"})
    said = text_of(page)
    assert "How that reads" in said
    assert "On the 10th of each month at 02:00, Asia/Bangkok" in said
    for day in (
        "Tue 10 Mar 02:00",
        "Fri 10 Apr 02:00",
        "Sun 10 May 02:00",
        "Wed 10 Jun 02:00",
        "Fri 10 Jul 02:00",
    ):
        assert day in said
    assert "Slots that were missed are skipped" in said
    with system.sessions.begin() as db:
        assert queries.schedules(db, job_name="test.load")[0].cron == "10 * * * *"


def test_a_monthly_schedule_is_saved(client: httpx2.Client, system: System) -> None:
    answer = client.post(f"{LOAD}/schedule", data={**MONTHLY, "cron": "10 * * * *"})
    assert answer.status_code == 303
    with system.sessions.begin() as db:
        (found,) = queries.schedules(db, job_name="test.load")
    assert (found.cron, found.zone, found.missed) == ("0 2 10 * *", "Asia/Bangkok", "skip")
    page = client.get(f"{LOAD}/schedule")
    assert 'id="how-monthly" checked' in page.text
    assert '<option value="10" selected>' in page.text
    said = text_of(client.get(LOAD))
    assert "The schedule was changed from 10 * * * * UTC to 0 2 10 * * Asia/Bangkok." in said


def test_the_last_day_of_the_month_can_be_chosen(client: httpx2.Client, system: System) -> None:
    client.post(f"{LOAD}/schedule", data={**MONTHLY, "day": "last"})
    with system.sessions.begin() as db:
        assert queries.schedules(db, job_name="test.load")[0].cron == "0 2 L * *"
    assert '<option value="last" selected>' in client.get(f"{LOAD}/schedule").text


def test_a_cron_schedule_is_saved(client: httpx2.Client, system: System) -> None:
    typed = {**MONTHLY, "how": "cron", "cron": " */15   9-17 * * MON-FRI "}
    assert client.post(f"{LOAD}/schedule", data=typed).status_code == 303
    with system.sessions.begin() as db:
        assert queries.schedules(db, job_name="test.load")[0].cron == "*/15 9-17 * * MON-FRI"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"zone": "Asia/Nowhere"}, "is no time zone"),
        ({"zone": "../../etc/passwd"}, "is no time zone"),
        ({"zone": EVIL}, "is no time zone"),
        ({"how": "cron", "cron": "61 * * * *"}, "is no schedule"),
        ({"how": "cron", "cron": "* * * * * *"}, "does not have five fields"),
        ({"how": "cron", "cron": EVIL}, "is no schedule"),
        ({"how": "weekly"}, "Input should be"),
        ({"day": "32"}, "A month has the days 1 to 31"),
        ({"hour": "24"}, "less than or equal to 23"),
        ({"minute": "-1"}, "greater than or equal to 0"),
        ({"missed": "often"}, "Input should be"),
    ],
)
def test_what_is_no_schedule_is_refused_beside_its_field(
    client: httpx2.Client, system: System, changed: dict[str, str], said: str
) -> None:
    answer = client.post(f"{LOAD}/schedule", data={**MONTHLY, **changed})
    assert answer.status_code == 422
    assert said in text_of(answer)
    assert "This cannot be saved yet" in text_of(answer)
    assert "<script>alert" not in answer.text
    looked = client.get(f"{LOAD}/schedule", params={**MONTHLY, **changed})
    assert looked.status_code == 200
    assert said in text_of(looked)
    with system.sessions.begin() as db:
        assert queries.schedules(db, job_name="test.load")[0].cron == "10 * * * *"


def test_a_job_that_must_be_asked_something_cannot_run_by_itself(
    client: httpx2.Client, system: System
) -> None:
    answer = client.post("/desk/jobs/test.ask/schedule", data=MONTHLY)
    assert answer.status_code == 422
    assert "who: Field required" in text_of(answer)
    assert 'value="Asia/Bangkok"' in answer.text
    with system.sessions.begin() as db:
        assert queries.schedules(db, job_name="test.ask") == []


# ---------------------------------------------------------------- who is told


def test_who_is_told_is_checked_and_saved(client: httpx2.Client, system: System) -> None:
    typed = {"success": "", "failure": "ada@example.com\n bob@example.com"}
    assert client.post(f"{LOAD}/notify", data=typed).status_code == 303
    with system.sessions.begin() as db:
        row = queries.job(db, "test.load")
        assert row is not None
        assert (row.notify_success, row.notify_failure) == ([], ["ada@example.com", "bob@example.com"])
    assert "bob@example.com" in text_of(client.get(LOAD))
    assert "ada@example.com\nbob@example.com" in client.get(f"{LOAD}/notify").text


@pytest.mark.parametrize("wrong", ["ada", EVIL, "ada@example.com\r\nBcc: x", "\n".join(["a@b.test"] * 51)])
def test_an_address_that_is_none_is_refused(client: httpx2.Client, system: System, wrong: str) -> None:
    answer = client.post(f"{LOAD}/notify", data={"success": "ada@example.com", "failure": wrong})
    assert answer.status_code == 422
    assert 'id="error-failure"' in answer.text
    assert "ada@example.com" in answer.text
    assert "<script>alert" not in answer.text
    with system.sessions.begin() as db:
        row = queries.job(db, "test.load")
        assert row is not None
        assert row.notify_success == []


def test_a_form_from_another_site_changes_nothing(client: httpx2.Client, system: System) -> None:
    headers = {"Cookie": "recoup=x", "Sec-Fetch-Site": "cross-site"}
    assert client.post(f"{LOAD}/runs", data={"layout": "x"}, headers=headers).status_code == 403
    assert runs_of(system) == []


def test_a_monthly_job_s_map_stands_in_its_own_zone(
    client: httpx2.Client, system: System, clock: MovableClock
) -> None:
    client.post(f"{LOAD}/schedule", data=MONTHLY)
    clock.now = datetime(2026, 3, 9, 19, 0, 30, tzinfo=UTC)
    jobs.tick(system, clock())
    clock.now += timedelta(minutes=5)
    page = client.get(LOAD)
    assert "The last 35 days, Asia/Bangkok" in text_of(page)
    assert "Tue 10 Mar, 02:00: running or queued" in page.text
