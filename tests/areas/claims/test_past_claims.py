"""Claims that were decided elsewhere: each line is loaded once or rejected with a reason, and sums tie to the cent."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, text

from recoup.areas.claims.jobs import past as job
from recoup.areas.claims.models import Claim, Status
from recoup.areas.claims.queries import figure_rows, past_rows
from recoup.areas.claims.rules import nfip
from recoup.areas.claims.rules.past import PastClaim
from recoup.areas.claims.service import past
from recoup.core.errors import Invalid
from recoup.core.parts import Cancelled
from recoup.core.system import System
from recoup.office.files.models import File, WithdrawnFile
from recoup.office.jobs.models import Run, RunArtifact
from recoup.office.journal.models import Event
from recoup.office.people.models import Person
from support.claims import CARL, claims_api, file_claim, policy_of, populate
from support.doors import Said, typed
from support.past_files import OWN_HEADER, OWN_LINE, written
from support.shared_data import shared_data

NFIP_LINE = {
    "id": "60e7fb9f-c896-451a-922f-1c9a277d0139",
    "dateOfLoss": "1998-09-28T00:00:00.000Z",
    "buildingDamageAmount": "9313",
    "contentsDamageAmount": "2220",
    "amountPaidOnBuildingClaim": "8813.21",
    "amountPaidOnContentsClaim": "1720",
    "amountPaidOnIncreasedCostOfComplianceClaim": "0",
    "nonPaymentReasonBuilding": "NA",
    "nonPaymentReasonContents": "NA",
    "causeOfDamage": "1",
    "floodEvent": "Hurricane Georges (Panhandle)",
    "nfipCommunityName": "SANTA ROSA COUNTY *",
    "state": "FL",
    "reportedZipCode": "32566",
}


UNPAID = {name: "NA" for name in NFIP_LINE if name.startswith("amountPaid")}


def loaded(system: System, path: Path, *words: str, layout: str = "recoup") -> Said:
    return typed(system, "claims", "history", "import", str(path), "--layout", layout, *words)


def standing(system: System) -> list[Claim]:
    with system.sessions.begin() as db:
        return list(db.scalars(select(Claim).order_by(Claim.id)))


# ---------------------------------------------------------------- FEMA's flood claims


def nfip_claim(**change: str) -> PastClaim:
    return nfip.NFIP.read(2, {**NFIP_LINE, **change}, "EUR")


def test_a_flood_claim_that_was_paid() -> None:
    claim = nfip_claim()
    assert (claim.currency, claim.claim_minor, claim.approved_minor) == ("USD", 1_153_300, 1_053_321)
    assert (claim.status, claim.status_notes, claim.claim_type) == ("completed", "", "natural_disaster")
    assert claim.filed_at == claim.decided_at == datetime(1998, 9, 28, tzinfo=UTC)
    assert claim.cause == "Tidal water overflow"
    assert claim.loss_location == "SANTA ROSA COUNTY, FL, 32566"
    assert claim.description == f"Flood: Hurricane Georges (Panhandle).\nSource: nfip {NFIP_LINE['id']}"
    assert claim.raised_minor == 0


def test_a_part_that_was_entered_in_error_takes_nothing_from_what_was_paid() -> None:
    assert nfip_claim(nonPaymentReasonContents="99").approved_minor == 1_053_321
    assert (
        nfip_claim(**UNPAID, nonPaymentReasonBuilding="01", nonPaymentReasonContents="99").status
        == "rejected"
    )


def test_what_was_paid_had_been_claimed_at_least_coverage_by_coverage() -> None:
    claim = nfip_claim(buildingDamageAmount="8000", amountPaidOnIncreasedCostOfComplianceClaim="30000")
    assert claim.claim_minor == 881_321 + 222_000 + 3_000_000
    assert claim.approved_minor == 881_321 + 172_000 + 3_000_000
    assert claim.raised_minor == 81_321


@pytest.mark.parametrize(
    ("building", "contents", "code", "notes"),
    [
        ("01", "97", "deductible", "Not paid. Building: less than the deductible; contents: another reason."),
        ("NA", "20", "no_evidence", "Not paid. Contents: no damage could be shown."),
        ("NA", "", "other", "Not paid; FEMA gives no reason."),
    ],
)
def test_a_flood_claim_that_was_not_paid_is_rejected_with_fema_s_reason(
    building: str, contents: str, code: str, notes: str
) -> None:
    claim = nfip_claim(**UNPAID, nonPaymentReasonBuilding=building, nonPaymentReasonContents=contents)
    assert (claim.status, claim.approved_minor, claim.reason_code, claim.status_notes) == (
        "rejected",
        None,
        code,
        notes,
    )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"id": ""}, "The id '' is none."),
        ({"dateOfLoss": "NA"}, "The dateOfLoss 'NA' is not a date."),
        ({"buildingDamageAmount": "-5"}, "less than nothing"),
        ({"amountPaidOnBuildingClaim": "1.005"}, "more than 2 digits"),
        ({**UNPAID, "nonPaymentReasonContents": "98"}, "FEMA marked it as entered in error."),
        ({name: "0" for name in NFIP_LINE if "mount" in name}, "There is no amount in it."),
    ],
)
def test_a_line_that_is_no_flood_claim_is_told_why(change: dict[str, str], told: str) -> None:
    with pytest.raises(Invalid) as caught:
        nfip_claim(**change)
    assert told in caught.value.sentence()


def plain_sums(path: Path) -> tuple[int, int, int, int]:
    """Return rows, rows that are claims, and what was claimed and paid of them in cents: by a plain sum of the file."""

    def cents(row: dict[str, str], name: str) -> int:
        return 0 if row[name] in {"", "NA"} else int(Decimal(row[name]) * 100)

    rows = claims = claimed = paid = 0
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows += 1
            damage = [cents(row, "buildingDamageAmount"), cents(row, "contentsDamageAmount")]
            got = [cents(row, "amountPaidOnBuildingClaim"), cents(row, "amountPaidOnContentsClaim")]
            icc = cents(row, "amountPaidOnIncreasedCostOfComplianceClaim")
            total = sum(map(max, damage, got)) + icc
            reasons = {row["nonPaymentReasonBuilding"], row["nonPaymentReasonContents"]} - {"NA", ""}
            is_error = not sum(got) + icc and bool(reasons) and reasons <= {"98", "99"}
            if total and not is_error:
                claims, claimed, paid = claims + 1, claimed + total, paid + sum(got) + icc
    return rows, claims, claimed, paid


def test_fema_s_claims_load_once_and_tie_to_the_cent(system: System) -> None:
    path = shared_data("claims/nfip") / "FimaNfipClaims.csv"
    rows, claims, claimed, paid = plain_sums(path)
    assert (rows, claims) == (1000, 998)
    said = loaded(system, path, "--json", layout="nfip")
    assert said.code == 0, said.err
    counts = said.document["counts"]
    assert (counts["loaded"], counts["rejected"]) == (claims, rows - claims)
    assert said.document["summary"].startswith(
        "1,000 lines: 998 loaded, 0 changed, 0 there already, 2 rejected. Claimed"
    )
    with system.sessions.begin() as db:
        sums = select(func.count(), func.sum(Claim.claim_minor), func.sum(Claim.approved_minor))
        assert tuple(db.execute(sums.where(Claim.is_history, Claim.currency == "USD")).one()) == (
            claims,
            claimed,
            paid,
        )
        statuses = dict(db.execute(select(Claim.status, func.count()).group_by(Claim.status)).all())
        assert statuses == {Status.COMPLETED: 934, Status.REJECTED: 64}
        assert figure_rows.totals(db).claims == 0  # history stands for figures of its own
        (artifact,) = db.scalars(select(RunArtifact))
        assert artifact.name == "rejected.csv"
    before = [(one.claim_number, one.version, one.updated_at) for one in standing(system)]
    again = loaded(system, path, "--json", layout="nfip")
    assert again.document["summary"].startswith(
        "1,000 lines: 0 loaded, 0 changed, 998 there already, 2 rejected."
    )
    assert [(one.claim_number, one.version, one.updated_at) for one in standing(system)] == before
    with system.sessions.begin() as db:
        assert len(db.scalars(select(Event).where(Event.kind == "claims.history_imported")).all()) == 1


# ---------------------------------------------------------------- claims in our own columns


def test_claims_of_one_s_own_are_loaded_as_history(system: System, tmp_path: Path) -> None:
    rejected = {
        "source_id": "A-2",
        "status": "declined",
        "approved_amount": "",
        "notes": "Not covered.",
        "filed_at": "",
    }
    said = loaded(system, written(tmp_path / "own.csv", {}, rejected))
    assert (said.code, said.out) == (
        0,
        "2 lines: 2 loaded, 0 changed, 0 there already, 0 rejected. Claimed 2401.00 EUR, approved 1000.00 EUR.\n",
    )
    first, second = standing(system)
    assert (first.claim_number[:13], first.status, first.claim_minor, first.approved_minor) == (
        "CLM-20240304-", "completed", 120_050, 100_000,
    )  # fmt: skip
    assert (first.person_name, first.policy_number, first.policy_id, first.is_history) == (
        "Ada",
        "H-9",
        None,
        True,
    )
    assert first.description == "Broken arm\nSource: recoup A-1"
    assert (first.created_at, first.decided_at) == (
        datetime(2024, 3, 4, tzinfo=UTC),
        datetime(2024, 3, 20, tzinfo=UTC),
    )
    assert (second.status, second.approved_minor, second.status_notes) == ("rejected", None, "Not covered.")
    assert (second.created_at, second.due_at, second.open_flags) == (
        datetime(2024, 3, 1, tzinfo=UTC),
        None,
        0,
    )
    with system.sessions.begin() as db:
        person = db.get_one(Person, first.person_id)
        assert (person.address, person.role, person.state) == (past.HOLDER, "customer", "disabled")
        (event,) = db.scalars(select(Event).where(Event.kind == "claims.history_imported"))
        assert (event.detail["added"], event.detail["claimed"]) == (2, ["240100 EUR"])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"source_id": ""}, "The source_id is empty."),
        ({"claim_type": "boat"}, "'boat' is no type of claim."),
        ({"incident_date": "2024-04-01"}, "that is out of order"),
        ({"decided_at": ""}, "It has no decided_at."),
        ({"claimed_amount": ""}, "It has no claimed_amount."),
        ({"claimed_amount": "0"}, "Nothing was claimed in it."),
        ({"approved_amount": "1200.51"}, "More was approved than was claimed."),
        ({"approved_amount": ""}, "It is paid, and nothing was approved."),
        ({"status": "rejected"}, "It is rejected, and something was approved."),
        ({"status": "pending"}, "The status 'pending' is no decision. Give completed or rejected."),
        ({"reason_code": "because"}, "'because' is no reason code."),
        ({"currency": "EURO"}, "'EURO' is not a currency."),
        ({"source_id": "A-0"}, "Line 2 has the same claim."),
    ],
)
def test_a_line_that_is_no_claim_is_counted_and_kept_with_its_reason(
    system: System, tmp_path: Path, change: dict[str, str], told: str
) -> None:
    said = loaded(system, written(tmp_path / "own.csv", {"source_id": "A-0"}, change), "--json")
    assert said.code == 0
    assert (said.document["counts"]["loaded"], said.document["counts"]["rejected"]) == (1, 1)
    with system.sessions.begin() as db:
        file = db.get_one(File, db.scalars(select(RunArtifact.file_id)).one())
        with system.ports.files.open(file.store_key) as body:
            rows = list(csv.reader(io.StringIO(body.read().decode("utf-8-sig"))))
    assert rows[0][:3] == ["line", "reason", "source_id"]
    assert rows[1][0] == "3"
    assert told in rows[1][1]


def test_a_claim_that_differs_now_is_brought_up_to_what_it_is_under_its_old_number(
    system: System, tmp_path: Path
) -> None:
    loaded(system, written(tmp_path / "own.csv", {}, {"source_id": "A-2"}))
    number = standing(system)[0].claim_number
    said = loaded(
        system,
        written(
            tmp_path / "own.csv", {"approved_amount": "1100", "filed_at": "2024-03-05"}, {"source_id": "A-2"}
        ),
    )
    assert "0 loaded, 1 changed, 1 there already" in said.out
    first, second = standing(system)
    assert (first.claim_number, first.approved_minor, first.version, second.version) == (
        number,
        110_000,
        2,
        1,
    )


def test_a_dry_run_loads_nothing(system: System, tmp_path: Path) -> None:
    said = loaded(system, written(tmp_path / "own.csv", {}, {"status": "?"}), "--dry-run")
    assert "2 lines: 1 would be loaded, 0 changed, 0 there already, 1 rejected." in said.out
    assert standing(system) == []
    with system.sessions.begin() as db:
        assert db.scalars(select(Person).where(Person.address == past.HOLDER)).all() == []
        assert db.scalars(select(Event).where(Event.kind == "claims.history_imported")).all() == []
        kept = db.scalars(select(File.id).where(File.name == "own.csv")).one()
        assert db.get(WithdrawnFile, kept) is not None


def test_claims_that_were_filed_here_are_never_touched(system: System, tmp_path: Path) -> None:
    policy = policy_of(system, populate(system)[CARL], "H-1")
    with claims_api(system) as client:
        claim = file_claim(client, policy, description="Mine\nSource: recoup A-1").json()
    assert "1 loaded, 0 changed" in loaded(system, written(tmp_path / "own.csv", {})).out
    mine, other = standing(system)
    assert (mine.id, mine.is_history, mine.claim_minor, mine.version) == (claim["id"], False, 500_000, 1)
    assert other.is_history


def test_two_claims_whose_number_is_the_same_get_two(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 32 bits are the same for some two of 100,000 claims of a day; here two bits are drawn.
    monkeypatch.setattr(
        past_rows, "NUMBER", past_rows.NUMBER.replace("'hex'), 8)", "'hex'), 1) || '0000000'")
    )
    lines = [{"source_id": f"A-{number}"} for number in range(10)]
    assert "10 loaded" in loaded(system, written(tmp_path / "own.csv", *lines)).out
    names = {one.description: one.claim_number for one in standing(system)}
    assert len(set(names.values())) == 10
    again = loaded(system, written(tmp_path / "own.csv", *reversed(lines)))
    assert "0 loaded, 0 changed, 10 there already" in again.out
    assert {one.description: one.claim_number for one in standing(system)} == names


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "The sheet has no column source_id"),
        (b"a,b\n1,2\n", "The sheet has no column source_id"),
        (b"source_id\n\xff\n", "The sheet has no column claim_type"),
        (b"\xff\xfe", "Line 1 is not UTF-8."),
        (",".join(OWN_HEADER).encode() + b"\nA-1,\xff\n", "Line 2 is not UTF-8."),
        (",".join(OWN_HEADER).encode() + b'\n"A-1\n', "Line 2 is not CSV"),
        (",".join(OWN_HEADER).encode() + b"\n" + b"x" * 200_000, "Line 2 is longer than 100,000 bytes."),
    ],
)
def test_what_is_no_such_file_stops_the_run_with_a_sentence(
    system: System, tmp_path: Path, body: bytes, told: str
) -> None:
    (tmp_path / "own.csv").write_bytes(body)
    said = loaded(system, tmp_path / "own.csv")
    assert said.code == 1
    assert told in said.out
    assert standing(system) == []


def test_semicolons_and_a_byte_order_mark_are_read(system: System, tmp_path: Path) -> None:
    body = "\ufeff" + ";".join(OWN_HEADER) + "\n" + ";".join(OWN_LINE.values()) + "\n"
    (tmp_path / "own.csv").write_text(body, encoding="utf-8")
    assert "1 lines: 1 loaded" in loaded(system, tmp_path / "own.csv").out


def test_a_run_says_how_far_it_is_and_stops_when_it_is_asked_to(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "TOLD_EVERY", 5)
    lines: list[Any] = [{"source_id": f"A-{number}"} for number in range(12)]
    loaded(system, written(tmp_path / "own.csv", *lines))
    with system.sessions.begin() as db:
        run = db.scalars(select(Run)).one()
        assert (run.done, run.total, run.label) == (12, 12, "lines read")
        db.execute(text("delete from claims"))

    def cancelled(_run: object) -> None:
        raise Cancelled

    monkeypatch.setattr("recoup.office.jobs.running.RunningRun.checkpoint", cancelled)
    assert loaded(system, tmp_path / "own.csv").code == 130
    assert standing(system) == []


def test_a_file_that_is_not_there_is_told(system: System, tmp_path: Path) -> None:
    said = loaded(system, tmp_path / "none.csv")
    assert said.code == 65
    assert "cannot be read: No such file or directory." in said.err
    assert typed(system, "claims", "history", "import", str(tmp_path)).code != 0
