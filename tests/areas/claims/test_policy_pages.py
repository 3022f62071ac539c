"""The pages of policies, as a person sees and uses them."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import httpx2
import pytest
from sqlalchemy import select, text, update

from recoup.areas.claims import sheet_runs
from recoup.areas.claims.models import Policy
from recoup.core.system import System
from recoup.office.files.models import File, WithdrawnFile
from recoup.office.jobs import execution
from recoup.office.jobs.models import Run, RunArtifact, RunState
from recoup.office.journal.models import Event
from support.claims import ADA, ANA, CARL, REA, as_, claims_api, file_claim, policy_of, populate
from support.desk import links_of, main_of, text_of
from support.policy_sheets import HEADER, csv_of, xlsx_of

HERE = "/desk/claims/policies"
ATTACK = "<script>alert(1)</script> {{7*7}}"


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        client.headers["Authorization"] = f"Bearer {ADA}"
        yield client


def chosen(
    client: httpx2.Client, body: bytes, *, name: str = "policies.csv", by: str = ADA
) -> httpx2.Response:
    return client.post(f"{HERE}/import", files={"file": (name, body, "text/csv")}, headers=as_(by))


def preview_of(answer: httpx2.Response) -> str:
    """Return the address of a preview."""
    found = re.search(rf'action="({HERE}/import/[0-9a-f-]+)/leave"', answer.text)
    assert found is not None, text_of(answer)
    return found[1]


def seen_in(answer: httpx2.Response) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{64})"', answer.text)
    assert found is not None, text_of(answer)
    return found[1]


def numbers(system: System) -> set[str]:
    with system.sessions.begin() as db:
        return set(db.scalars(select(Policy.policy_number)))


# ---------------------------------------------------------------- looking


def test_the_list_is_narrowed_and_leads_to_each_policy(system: System, client: httpx2.Client) -> None:
    assert "There are no policies yet." in text_of(client.get(HERE))
    ids = populate(system)
    policy = policy_of(system, ids[CARL], "H-1", insured=500_000)
    policy_of(system, ids[CARL], "H-2", kind="auto")
    page = client.get(HERE)
    assert f"{HERE}/{policy}" in links_of(page)
    assert "5,000.00 EUR" in text_of(page)
    narrowed = text_of(main_of(client.get(HERE, params={"kind": "auto"})))
    assert "H-2" in narrowed
    assert "H-1" not in narrowed
    assert "H-1" in text_of(client.get(HERE, params={"applies": "2025-07-01"}))
    assert "Nothing matches" in text_of(client.get(HERE, params={"applies": "2031-07-01"}))
    by_number = text_of(main_of(client.get(HERE, params={"order": "number"})))
    assert by_number.index("H-1") < by_number.index("H-2")
    assert client.get(HERE, params={"kind": "boat"}).status_code == 422


def test_a_policy_s_page_has_its_claims(system: System, client: httpx2.Client) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-1")
    assert "Nobody has filed a claim on this policy." in text_of(client.get(f"{HERE}/{policy}"))
    claim = file_claim(client, policy).json()
    page = client.get(f"{HERE}/{policy}")
    said = text_of(page)
    for part in ("Policy H-1", "It applies today.", CARL, "120.00 EUR", "no bound", claim["claim_number"]):
        assert part in said
    assert f"/desk/claims/{claim['id']}" in links_of(page)
    assert client.get(f"{HERE}/99").status_code == 404
    assert client.get(f"{HERE}/{2**70}").status_code == 404


def test_who_works_here_looks_and_administrators_bring_in(system: System, client: httpx2.Client) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-1")
    for who in (REA, ANA):
        page = client.get(HERE, headers=as_(who))
        assert "H-1" in text_of(page)
        assert f"{HERE}/import" not in links_of(page)
        assert client.get(f"{HERE}/{policy}", headers=as_(who)).status_code == 200
        assert client.get(f"{HERE}/import", headers=as_(who)).status_code == 403
        assert chosen(client, csv_of({"policy_number": "H-2"}), by=who).status_code == 403
    for path in (HERE, f"{HERE}/{policy}", f"{HERE}/import"):
        assert client.get(path, headers=as_(CARL)).status_code == 403
    assert numbers(system) == {"H-1"}


# ---------------------------------------------------------------- bringing in


def test_a_sheet_is_chosen_looked_at_and_written(system: System, client: httpx2.Client) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    assert f"{HERE}/import" in links_of(client.get(HERE))
    assert "policy_number" in text_of(client.get(f"{HERE}/import"))
    body = csv_of(
        {"premium": "130.50"}, {"policy_number": "H-2", "holder_email": "n@c.test"}, {"type": "boat"}
    )
    looked = chosen(client, body)
    said = text_of(looked)
    for part in (
        "Lines 3 New policies 1 Changed 1 Stay as they are 0 Not taken 1 People added 1",
        "Premium 120.00 EUR 130.50 EUR",
        "The type 'boat' is not known.",
        "n@c.test",
        "Write 2 policies",
    ):
        assert part in said, said
    assert numbers(system) == {"H-1"}
    here = preview_of(looked)
    assert text_of(main_of(client.get(here))) == text_of(main_of(looked))
    done = client.post(f"{here}/apply", data={"seen": seen_in(looked)}, follow_redirects=True)
    assert (
        "policies.csv: 1 added, 1 changed, 0 stay as they are, 1 person added. 1 line was not taken."
        in text_of(done)
    )
    assert numbers(system) == {"H-1", "H-2"}
    assert client.get(here).status_code == 404
    assert client.post(f"{here}/apply", data={"seen": seen_in(looked)}).status_code == 404
    with system.sessions.begin() as db:
        (event,) = db.scalars(select(Event).where(Event.kind == "claims.policies_imported"))
        assert event.actor == f"session:{ADA}"
        assert (
            db.execute(text("select count(*) from claims_policies where premium_minor = 13050")).scalar_one()
            == 1
        )


def test_what_changed_since_somebody_looked_is_looked_at_again(system: System, client: httpx2.Client) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    looked = chosen(client, csv_of({"premium": "1"}))
    with system.sessions.begin() as db:
        db.execute(update(Policy).values(premium_minor=700))
    here = preview_of(looked)
    again = client.post(f"{here}/apply", data={"seen": seen_in(looked)})
    assert again.status_code == 409
    assert "What stands has changed since you looked" in text_of(again)
    assert "Premium 7.00 EUR 1.00 EUR" in text_of(again)
    assert client.post(f"{here}/apply", data={}).status_code == 409
    done = client.post(f"{here}/apply", data={"seen": seen_in(again)})
    assert done.status_code == 303


def test_a_preview_can_be_left_and_its_file_is_withdrawn(system: System, client: httpx2.Client) -> None:
    populate(system)
    here = preview_of(chosen(client, csv_of({})))
    answer = client.post(f"{here}/leave", follow_redirects=True)
    assert "Everything was left as it is." in text_of(answer)
    assert client.get(here).status_code == 404
    with system.sessions.begin() as db:
        assert len(db.scalars(select(WithdrawnFile)).all()) == 1
    assert numbers(system) == set()


def test_a_preview_opens_no_other_file(system: System, client: httpx2.Client) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-1")
    file_claim(client, policy)
    with system.sessions.begin() as db:
        document = db.scalars(select(File.id)).one()
    for path in ("", "/rejected"):
        assert client.get(f"{HERE}/import/{document}{path}").status_code == 404
    for path in ("/apply", "/leave"):
        assert client.post(f"{HERE}/import/{document}{path}").status_code == 404


def test_what_is_not_taken_is_downloaded_mended_and_brought_in_again(
    system: System, client: httpx2.Client
) -> None:
    populate(system)
    body = csv_of(
        {}, {"policy_number": "=1+1", "holder_email": "x"}, {"policy_number": "H-3", "premium": "much"}
    )
    here = preview_of(chosen(client, body, name="März 2025.csv"))
    answer = client.get(f"{here}/rejected")
    assert answer.headers["content-disposition"] == (
        "attachment; filename=\"Marz 2025 rejected.csv\"; filename*=UTF-8''M%C3%A4rz%202025%20rejected.csv"
    )
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0] == ["line", "reason", *HEADER]
    assert [(row[0], row[2]) for row in rows[1:]] == [("3", "'=1+1"), ("4", "H-3")]
    assert "'x' is not a mail address." in rows[1][1]
    mended = answer.content.replace(b"much", b"7").replace(b"'=1+1", b"H-2").replace(b",x,", b",x@y.test,")
    told = text_of(chosen(client, mended))
    assert "New policies 2" in told
    assert "Columns that nobody reads: line, reason." in told


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"hello\n", "The sheet has no column policy_number"),
        (b"\0\0", "This is no CSV file"),
        (csv_of({})[:-6] + b',"', "is not CSV"),
        (b"x" * (20 * 1024 * 1024 + 1), "is larger than 20 MB"),
    ],
)
def test_what_cannot_be_read_is_told_beside_the_field(client: httpx2.Client, body: bytes, told: str) -> None:
    answer = chosen(client, body, name="x.csv")
    assert answer.status_code in {413, 422}
    assert told in text_of(answer)
    assert 'aria-invalid="true"' in answer.text
    assert 'name="file"' in answer.text


def test_sheets_without_work_say_so(system: System, client: httpx2.Client) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    same = text_of(chosen(client, csv_of({})))
    assert "All of it stands already. There is nothing to do." in same
    assert "Write" not in same
    assert "Below its titles the sheet is empty." in text_of(chosen(client, csv_of()))
    assert "No line of it can be taken." in text_of(chosen(client, csv_of({"type": "x"})))


def test_what_others_wrote_is_shown_as_text(system: System, client: httpx2.Client) -> None:
    populate(system)
    body = xlsx_of(
        HEADER,
        [ATTACK, "a@b.test", "A", "auto", "2025-01-01", "2025-12-31", "1", "", "", "", ""],
        [ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, ATTACK, "", "", "", ""],
        sheet="<b>",
    )
    looked = chosen(client, body, name="<img src=x>.xlsx")
    for page in (looked, client.get(preview_of(looked))):
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text
        assert "{{7*7}}" in page.text
    client.post(f"{preview_of(looked)}/apply", data={"seen": seen_in(looked)})
    assert numbers(system) == {ATTACK}
    listed = client.get(HERE)
    assert "<script>alert" not in listed.text
    assert ATTACK in text_of(listed)


def test_open_claims_that_would_lose_their_cover_stand_in_the_preview(
    system: System, client: httpx2.Client
) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-1")
    claim = file_claim(client, policy).json()
    page = chosen(client, csv_of({"start_date": "2025-12-01"}))
    assert "1 open claim would be affected" in text_of(page)
    assert f"/desk/claims/{claim['id']}" in links_of(page)


def test_a_form_without_a_file_says_so(client: httpx2.Client) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\nContent-Type: application/octet-stream'
    answer = client.post(
        f"{HERE}/import",
        content=part + b"\r\n\r\n\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
    )
    assert answer.status_code == 422
    assert "No file was chosen." in text_of(answer)


def test_a_form_of_another_site_brings_nothing_in(system: System, client: httpx2.Client) -> None:
    populate(system)
    looked = chosen(client, csv_of({}))
    with httpx2.Client(base_url=client.base_url, headers={"Sec-Fetch-Site": "cross-site"}) as another:
        for path in (f"{HERE}/import", f"{preview_of(looked)}/apply"):
            assert another.post(path, data={"seen": seen_in(looked)}).status_code == 403
    assert numbers(system) == set()


# ---------------------------------------------------------------- large sheets


@pytest.fixture
def large(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any sheet is large enough for a run."""
    monkeypatch.setattr(sheet_runs, "LARGE", 1)


def worked(system: System) -> list[Run]:
    """Let a worker take every run that waits, and return them."""
    with system.sessions.begin() as db:
        waiting = db.scalars(select(Run.id).where(Run.state == RunState.QUEUED).order_by(Run.queued_at)).all()
    done = [execution.execute(system, one) for one in waiting]
    return [one for one in done if one is not None]


@pytest.mark.usefixtures("large")
def test_a_large_sheet_is_looked_at_and_written_by_runs(system: System, client: httpx2.Client) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    body = csv_of({"premium": "130.50"}, {"policy_number": "H-2"}, {"policy_number": "=1", "type": "boat"})
    here = chosen(client, body).headers["location"]
    waits = client.get(here)
    assert "The sheet waits for a worker." in text_of(waits)
    assert 'hx-trigger="every 1s"' in waits.text
    (look,) = worked(system)
    assert (look.state, look.counts) == (
        RunState.SUCCEEDED,
        {"added": 1, "changed": 1, "stay": 0, "not taken": 1},
    )
    seen = client.get(here)
    assert 'hx-trigger="every 1s"' not in seen.text
    # It is what a small one shows, in the same words.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sheet_runs, "LARGE", len(body) + 1)
        small = chosen(client, body)
    assert text_of(main_of(small)) == text_of(main_of(seen))
    assert seen_in(small) == seen_in(seen)
    led = client.get(f"{here}/rejected", follow_redirects=True)
    rows = list(csv.reader(io.StringIO(led.content.decode("utf-8-sig"))))
    assert [row[:3] for row in rows] == [["line", "reason", HEADER[0]], ["4", rows[1][1], "'=1"]]
    assert numbers(system) == {"H-1"}
    form = {"seen": seen_in(seen)}
    led = client.post(f"{here}/apply", data=form)
    assert client.post(f"{here}/apply", data=form).headers["location"] == led.headers["location"]
    assert "waits for a worker" in text_of(client.get(here))
    assert client.post(f"{here}/leave").status_code == 409
    (done,) = worked(system)
    assert done.summary == "policies.csv: 1 added, 1 changed, 0 stay as they are. 1 line was not taken."
    assert numbers(system) == {"H-1", "H-2"}
    assert client.get(here).status_code == 404
    with system.sessions.begin() as db:
        (event,) = db.scalars(select(Event).where(Event.kind == "claims.policies_imported"))
        assert event.actor == f"run:{done.id}"


@pytest.mark.usefixtures("large")
def test_a_run_applies_what_was_seen_or_nothing(system: System, client: httpx2.Client) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    here = chosen(client, csv_of({"premium": "1"})).headers["location"]
    worked(system)
    seen = seen_in(client.get(here))
    with system.sessions.begin() as db:
        db.execute(update(Policy).values(premium_minor=700))
    client.post(f"{here}/apply", data={"seen": seen})
    (run,) = worked(system)
    assert run.state == RunState.FAILED
    told = text_of(client.get(here))
    assert "Nothing was written. What stands has changed since you looked" in told
    client.post(f"{here}/look")
    worked(system)
    again = client.get(here)
    assert "Premium 7.00 EUR 1.00 EUR" in text_of(again)
    client.post(f"{here}/apply", data={"seen": seen_in(again)})
    (run,) = worked(system)
    assert run.state == RunState.SUCCEEDED


@pytest.mark.usefixtures("large")
def test_a_run_that_is_done_again_after_it_was_done_does_nothing(
    system: System, client: httpx2.Client
) -> None:
    populate(system)
    here = chosen(client, csv_of({})).headers["location"]
    worked(system)
    client.post(f"{here}/apply", data={"seen": seen_in(client.get(here))})
    (run,) = worked(system)
    with system.sessions.begin() as db:  # its worker died before it could say that it was done
        db.execute(update(Run).where(Run.id == run.id).values(state=RunState.QUEUED, finished_at=None))
    (again,) = worked(system)
    assert (again.state, again.summary) == (RunState.SUCCEEDED, "The sheet was applied before.")
    with system.sessions.begin() as db:
        assert len(db.scalars(select(Event).where(Event.kind == "claims.policies_imported")).all()) == 1


@pytest.mark.usefixtures("large")
def test_a_look_that_is_done_again_takes_the_place_of_the_first(
    system: System, client: httpx2.Client
) -> None:
    populate(system)
    here = chosen(client, csv_of({}, {"type": "boat"})).headers["location"]
    (run,) = worked(system)
    before = text_of(main_of(client.get(here)))
    with system.sessions.begin() as db:  # its worker died before it could say that it was done
        db.execute(
            update(Run).where(Run.id == run.id).values(state=RunState.QUEUED, finished_at=None, counts={})
        )
    (again,) = worked(system)
    assert again.state == RunState.SUCCEEDED
    assert text_of(main_of(client.get(here))) == before
    with system.sessions.begin() as db:
        gone = select(File.name).join(WithdrawnFile, WithdrawnFile.file_id == File.id)
        assert sorted(db.scalars(gone)) == ["preview.json", "rejected.csv"]
        kept = db.execute(select(RunArtifact.name).where(RunArtifact.run_id == run.id)).scalars()
        assert sorted(kept) == ["preview.json", "rejected.csv"]


@pytest.mark.usefixtures("large")
def test_a_large_sheet_that_is_none_is_told_and_left(system: System, client: httpx2.Client) -> None:
    populate(system)
    here = chosen(client, b"hello\n").headers["location"]
    worked(system)
    told = text_of(client.get(here))
    assert "It cannot be read. The sheet has no column policy_number" in told
    assert client.post(f"{here}/leave").status_code == 303
    left = chosen(client, csv_of({})).headers["location"]
    assert client.post(f"{left}/leave").status_code == 303
    assert worked(system) == []  # nobody looks at what was given up
    assert client.get(left).status_code == 404


def test_a_small_sheet_begins_no_run(system: System, client: httpx2.Client) -> None:
    populate(system)
    here = preview_of(chosen(client, csv_of({})))
    client.post(f"{here}/look")
    assert worked(system) == []
