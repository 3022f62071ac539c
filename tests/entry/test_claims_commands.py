"""Claims' commands, typed: looking, deciding with four eyes, filing for a holder, bringing policies in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import select

from recoup.areas.claims.models import Claim, Document, Policy
from recoup.core.system import System
from recoup.web import output
from support.claims import (
    CARL,
    DORA,
    REA,
    as_,
    claims_api,
    file_claim,
    looked_at,
    pdf,
    picture,
    policy_of,
    populate,
    stored,
)
from support.doors import Said, typed
from support.policy_sheets import csv_of


@pytest.fixture
def client(system: System) -> Iterator[httpx2.Client]:
    with claims_api(system) as client:
        yield client


@pytest.fixture
def claim(system: System, client: httpx2.Client) -> str:
    """The number of a claim of 5,000 EUR that is under review."""
    policy = policy_of(system, populate(system)[CARL])
    number: str = file_claim(client, policy).json()["claim_number"]
    assert typed(system, "claims", "move", number, "under_review").code == 0
    return number


def as_somebody(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(output.getpass, "getuser", lambda: name)


def move(system: System, claim: str, *words: str) -> Said:
    return typed(system, "claims", "move", claim, *words)


# ---------------------------------------------------------------- looking


def test_claims_are_listed_a_page_at_a_time(system: System, client: httpx2.Client) -> None:
    assert typed(system, "claims", "list").out == "There are no claims.\n"
    ids = populate(system)
    policies = [policy_of(system, ids[one], number) for one, number in ((CARL, "H-1"), (DORA, "H-2"))]
    numbers = [
        file_claim(client, policy, by=by, claim_amount="49.90").json()["claim_number"]
        for policy, by in zip(policies, (CARL, DORA), strict=True)
    ]
    said = typed(system, "claims", "list")
    assert said.out.splitlines()[0].split() == [
        "NUMBER", "STATUS", "CLAIMED", "APPROVED", "TYPE", "INCIDENT", "CLAIMANT", "POLICY", "FLAGS", "DUE", "ID",
    ]  # fmt: skip
    assert f"{numbers[0]}  pending  49.90 EUR" in said.out
    first = typed(system, "claims", "list", "--limit", "1", "--json").document
    assert [one["claim_number"] for one in first["items"]] == [numbers[1]]
    assert first["items"][0]["claim_amount"] == "49.90"
    rest = typed(system, "claims", "list", "--after", first["next"], "--json").document
    assert ([one["claim_number"] for one in rest["items"]], rest["next"]) == ([numbers[0]], None)
    assert typed(system, "claims", "list", "--status", "approved", "--json").document["items"] == []
    assert typed(system, "claims", "list", "--status", "lost").code != 0
    with system.sessions.begin() as db:
        db.get_one(Claim, stored_id(system, numbers[0])).open_flags = 1
    flagged = typed(system, "claims", "list", "--flagged", "--json").document["items"]
    assert [one["claim_number"] for one in flagged] == [numbers[0]]


def stored_id(system: System, number: str) -> int:
    with system.sessions.begin() as db:
        return db.scalars(select(Claim.id).where(Claim.claim_number == number)).one()


def test_a_claim_is_shown_by_its_number_and_by_its_id(system: System, claim: str) -> None:
    said = typed(system, "claims", "show", claim.lower())
    for part in (
        claim,
        "under_review",
        "5000.00 EUR",
        "Emergency treatment",
        "document.pdf (kept)",
        "H-1",
        "Carl",
    ):
        assert part in said.out
    assert typed(system, "claims", "show", str(stored_id(system, claim))).out == said.out
    document = typed(system, "claims", "show", claim, "--json").document
    assert (document["claim_number"], document["claim_amount"]) == (claim, "5000.00")
    assert [one["status"] for one in document["history"]] == ["pending", "under_review"]
    for unknown in ("CLM-20250724-00000000", "99", "9" * 30, "x"):
        nothing = typed(system, "claims", "show", unknown)
        assert (nothing.code, nothing.out) == (66, "")
        assert "There is no claim" in nothing.err


def test_flags_say_why_to_look_twice(system: System, claim: str) -> None:
    assert typed(system, "claims", "flags", claim).out == "Nothing about this claim is flagged.\n"
    looked_at(system, stored_id(system, claim))
    said = typed(system, "claims", "flags", claim)
    assert "Round sum" in said.out
    assert "nobody looked yet" in said.out
    (flag,) = typed(system, "claims", "flags", claim, "--json").document["items"]
    assert (flag["flag_reason"], flag["is_resolved"]) == ("round", False)


# ---------------------------------------------------------------- deciding


def test_a_claim_is_approved_paid_and_completed(system: System, claim: str) -> None:
    said = move(
        system,
        claim,
        "approved",
        "--amount",
        "4800.00",
        "--notes",
        "Without the deductible.",
        "--reason",
        "deductible",
    )
    assert (said.code, said.out) == (0, f"Claim {claim} is approved with 4800.00 EUR.\n")
    early = move(system, claim, "completed")
    assert early.code == 75
    assert "The approved amount is not paid yet." in early.err
    paid = typed(system, "claims", "pay", claim, "--reference", "transfer 17")
    assert paid.out == f"4800.00 EUR of {claim}: paid. transfer 17\n"
    assert typed(system, "claims", "pay", claim, "--reference", "again").code == 75
    assert move(system, claim, "completed").out == f"Claim {claim} is completed with 4800.00 EUR.\n"


def test_what_is_void_has_a_reason(system: System, claim: str) -> None:
    move(system, claim, "approved", "--amount", "100")
    said = typed(system, "claims", "void", claim, "--reason", "They took it back.", "--json").document
    assert said["status"] == "approved"
    assert "void. They took it back." in said["said"]
    assert move(system, claim, "completed").code == 0


def test_above_the_limit_a_second_person_decides(
    system: System, claim: str, client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = policy_of(system, populate(system)[DORA], "H-9")
    large = file_claim(client, policy, by=DORA, claim_amount="9000").json()["claim_number"]
    as_somebody(monkeypatch, "ann")
    move(system, large, "under_review")
    said = move(system, large, "approved", "--amount", "9000")
    assert (said.code, said.out) == (0, "The approval of 9000.00 EUR waits for a second person.\n")
    assert "9000.00 EUR for a second person" in typed(system, "claims", "show", large).out
    own = typed(system, "claims", "confirm", large)
    assert own.code == 77
    assert "The second person is another one than the first." in own.err
    as_somebody(monkeypatch, "ben")
    assert (
        typed(system, "claims", "send-back", large, "--note", "Where is the bill?").out
        == "The approval was sent back.\n"
    )
    assert typed(system, "claims", "confirm", large).code == 75
    as_somebody(monkeypatch, "ann")
    move(system, large, "approved", "--amount", "8000")
    as_somebody(monkeypatch, "ben")
    assert typed(system, "claims", "confirm", large).out == f"Claim {large} is approved with 8000.00 EUR.\n"
    assert claim != large


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("approved",), 65, "An approval needs the approved amount."),
        (("approved", "--amount", "5000.01"), 65, "more than what was claimed"),
        (("approved", "--amount", "1.005"), 65, "more than 2 digits"),
        (("approved", "--amount", "-1"), 65, "is not an amount"),
        (("rejected",), 65, "A rejection needs notes"),
        (("rejected", "--notes", "No.", "--reason", "because"), 65, "'because' is no reason code."),
        (("completed",), 75, "cannot become completed"),
        (("under_review",), 65, "there are no notes to add"),
        (("rejected", "--notes", "No.", "--version", "7"), 75, "it is version 2 now, you saw 7"),
    ],
)
def test_what_may_not_be_is_refused_in_a_sentence(
    system: System, claim: str, words: tuple[str, ...], code: int, told: str
) -> None:
    said = move(system, claim, *words)
    assert (said.code, said.out) == (code, "")
    assert told in said.err
    assert stored(system, stored_id(system, claim)).version == 2


# ---------------------------------------------------------------- filing for a holder


def filed(system: System, *words: str) -> Said:
    usual = (
        "--type",
        "accident",
        "--date",
        "2025-07-20",
        "--amount",
        "49.90",
        "--description",
        "Fell off a ladder",
    )
    return typed(system, "claims", "file", *words, *usual)


def test_a_claim_is_filed_for_a_policy_s_holder(system: System, tmp_path: Path) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    (tmp_path / "bill.pdf").write_bytes(pdf())
    (tmp_path / "photo.jpg").write_bytes(picture())
    said = filed(
        system, str(tmp_path / "bill.pdf"), str(tmp_path / "photo.jpg"), "--policy", "H-1", "--time", "14:30"
    )
    assert said.code == 0, said.err
    with system.sessions.begin() as db:
        claim = db.scalars(select(Claim)).one()
        assert said.out == f"{claim.claim_number} was filed for Carl: 49.90 EUR.\n"
        assert (claim.person_id, claim.claim_type, str(claim.loss_time)) == (
            populate(system)[CARL],
            "accident",
            "14:30:00",
        )
        documents = db.scalars(select(Document).order_by(Document.id)).all()
        assert [(one.file_name, one.kind) for one in documents] == [
            ("bill.pdf", "pdf"),
            ("photo.jpg", "jpeg"),
        ]


@pytest.mark.parametrize(
    ("name", "body", "policy", "told"),
    [
        ("bill.exe", b"MZ", "H-1", "bill.exe"),
        ("bill.pdf", b"not a pdf", "H-1", "bill.pdf"),
        ("bill.pdf", pdf(), "H-2", "There is no policy H-2."),
        ("none.pdf", None, "H-1", "is not a file."),
    ],
)
def test_what_cannot_be_filed_leaves_nothing(
    *, system: System, tmp_path: Path, name: str, body: bytes | None, policy: str, told: str
) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    if body is not None:
        (tmp_path / name).write_bytes(body)
    said = filed(system, str(tmp_path / name), "--policy", policy)
    assert said.code in {65, 66}
    assert told in said.err
    assert list((system.home / "incoming").glob("*")) == []
    with system.sessions.begin() as db:
        assert db.scalars(select(Claim)).all() == []


def test_a_claim_without_a_document_or_of_another_day_is_refused(system: System, tmp_path: Path) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    assert "At least one document is required." in filed(system, "--policy", "H-1").err
    (tmp_path / "bill.pdf").write_bytes(pdf())
    said = typed(
        system, "claims", "file", str(tmp_path / "bill.pdf"), "--policy", "H-1", "--type", "theft",
        "--date", "2024-07-20", "--amount", "5", "--description", "Gone",
    )  # fmt: skip
    assert said.code == 65
    assert "Cannot file claim for inactive policy H-1" in said.err


# ---------------------------------------------------------------- policies


def test_policies_are_brought_in_looked_at_first(system: System, tmp_path: Path) -> None:
    policy_of(system, populate(system)[CARL], "H-1")
    path = tmp_path / "policies.csv"
    path.write_bytes(csv_of({"premium": "130.50"}, {"policy_number": "H-2", "holder_email": "n@c.test"}))
    dry = typed(system, "claims", "policies", "import", str(path), "--dry-run")
    assert (dry.code, dry.out.splitlines()) == (
        0,
        [
            "H-1: premium 120.00 EUR → 130.50 EUR",
            "2 lines: 1 policies would be added, 1 would be changed, 0 stay, 0 not taken; 1 people would be added.",
        ],
    )
    assert len(policies(system)) == 1
    done = typed(system, "claims", "policies", "import", str(path), "--json").document
    assert (done["applied"], done["added"], done["changed"], done["people"]) == (True, 1, 1, 1)
    assert len(policies(system)) == 2
    again = typed(system, "claims", "policies", "import", str(path))
    assert "0 policies were added, 0 were changed, 2 stay" in again.out


def policies(system: System) -> list[Policy]:
    with system.sessions.begin() as db:
        return list(db.scalars(select(Policy)))


def test_lines_that_are_not_taken_end_with_1_and_the_others_stand(system: System, tmp_path: Path) -> None:
    populate(system)
    path = tmp_path / "policies.csv"
    path.write_bytes(csv_of({}, {"policy_number": "H-2", "type": "boat\x1b[31m"}))
    said = typed(system, "claims", "policies", "import", str(path))
    assert said.code == 1
    assert "! line 3: The type 'boat" in said.out
    assert "\x1b" not in said.out
    assert [one.policy_number for one in policies(system)] == ["H-1"]


def test_a_file_that_is_no_sheet_ends_with_65(system: System, tmp_path: Path) -> None:
    path = tmp_path / "policies.csv"
    path.write_bytes(b"hello\n")
    said = typed(system, "claims", "policies", "import", str(path))
    assert (said.code, said.out) == (65, "")
    assert "The sheet has no column policy_number" in said.err
    assert typed(system, "claims", "policies", "import", str(tmp_path / "none.csv")).code == 65


def test_policies_are_listed(system: System, client: httpx2.Client) -> None:
    assert typed(system, "claims", "policies", "list").out == "There are no policies.\n"
    ids = populate(system)
    policy_of(system, ids[CARL], "H-1", insured=500_000)
    policy_of(system, ids[REA], "H-2", kind="auto")
    said = typed(system, "claims", "policies", "list")
    assert "H-1     health  carl@customer.test" in said.out
    assert "5000.00" in said.out
    (auto,) = typed(system, "claims", "policies", "list", "--type", "auto", "--json").document["items"]
    assert (auto["policy_number"], auto["holder_email"], auto["premium"]) == ("H-2", REA, "120.00")
    page = typed(system, "claims", "policies", "list", "--limit", "1", "--json").document
    rest = typed(system, "claims", "policies", "list", "--after", page["next"], "--json").document
    assert [one["policy_number"] for one in rest["items"]] == ["H-1"]
    (carl,) = typed(system, "claims", "policies", "list", "--text", "carl", "--json").document["items"]
    assert carl == client.get("/policies", params={"text": "carl"}, headers=as_(REA)).json()[0] | {
        "premium": "120.00",
        "sum_insured": "5000.00",
    }
