"""What documents of a draft say is offered beside what was typed, never taken by itself, and read once."""

from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, text, update

from recoup.areas.claims.jobs.reading import read_draft_task, read_task
from recoup.areas.claims.models import Claim, Document, DocumentState, Draft, Proposal
from recoup.areas.claims.reading import reader
from recoup.areas.claims.reading.results import Reading
from recoup.areas.claims.rules import reading as rules
from recoup.areas.claims.rules.autofill import SURE_ENOUGH
from recoup.areas.claims.rules.telling import amount
from recoup.areas.claims.service import proposing, scanning
from recoup.areas.claims.service.moves import House
from recoup.core.db import act_as
from recoup.core.errors import Unavailable
from recoup.core.money import Money
from recoup.core.system import System
from recoup.core.tasks import Worker
from recoup.core.workers import worker_name
from support.bills import DAY, bill
from support.claimant import MINE, Claimant, claimant_on
from support.claims import CARL, DORA, FIELDS, REA, as_, looked_at, pdf, picture
from support.desk import text_of
from support.house import MovableClock

POLLS = 'hx-trigger="every'


@pytest.fixture
def carl(system: System) -> Iterator[Claimant]:
    with claimant_on(system) as made:
        yield made


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kinds of documents that were read, one for each time."""
    kept, real = list[str](), reader.propose

    def propose(source: Path, *, kind: str) -> Reading:
        kept.append(kind)
        return real(source, kind=kind)

    monkeypatch.setattr(reader, "propose", propose)
    return kept


def told_by(page: httpx2.Response) -> str:
    """Return what a page says, as people read it."""
    return re.sub(r" (?=[.…])", "", text_of(page))


def draft_of(at: str) -> str:
    return at.rpartition("/")[2]


def read(system: System, at: str) -> None:
    read_draft_task(system, draft_id=draft_of(at))


def typed_of(system: System, at: str) -> dict[str, str]:
    with system.sessions.begin() as db:
        return dict(db.get_one(Draft, draft_of(at)).typed)


def said(system: System) -> int:
    with system.sessions.begin() as db:
        return db.execute(select(func.count()).select_from(Proposal)).scalar_one()


def documents(system: System) -> list[Document]:
    with system.sessions.begin() as db:
        return list(db.scalars(select(Document).order_by(Document.id)))


def tasks(system: System) -> list[tuple[str, Any]]:
    """Return the tasks of reading that wait, with when they may run."""
    statement = text(
        "select task_name, scheduled_at from procrastinate_jobs where task_name like 'claims.read%' "
        "and status = 'todo' order by id"
    )
    with system.sessions.begin() as db:
        return [(one.task_name, one.scheduled_at) for one in db.execute(statement)]


def none_waits(system: System) -> None:
    """Take every task away, as a worker does that begins with it."""
    with system.sessions.begin() as db:
        db.execute(text("delete from procrastinate_jobs"))


def button(page: str, word: str) -> bool:
    return re.search(rf'<button[^>]*value="{word}"', page) is not None


# ---------------------------------------------------------------- offered


def test_what_a_bill_says_is_offered_and_taken_by_a_click_only(carl: Claimant, system: System) -> None:
    at, made = carl.draft(), bill()
    total = amount(Money.parse(str(made.total), "EUR"))
    carl.add(at, body=made.pdf())
    waiting = carl.get(f"{at}/documents")
    assert "Reading bill.pdf…" in told_by(waiting)
    assert POLLS in waiting.text
    assert tasks(system) == [(proposing.READ_DRAFT, None)]
    read(system, at)
    (document,) = documents(system)
    for step in ("documents", "review", "readings/documents", "readings/review"):
        shown = carl.get(f"{at}/{step}")
        told = told_by(shown)
        assert f"bill.pdf says {total} on {DAY:%d %b %Y} ({made.tongue.supplier})." in told, step
        assert POLLS not in shown.text, step
        assert "Reading bill.pdf" not in told, step
    before = typed_of(system, at)
    assert not before.get("claim_amount")
    led = carl.post(f"{at}/readings/documents", {"use": f"use-amount-{document.id}"})
    assert led.headers["location"] == f"{at}/documents#readings"
    assert typed_of(system, at) == {**before, "claim_amount": str(made.total)}
    carl.post(f"{at}/readings/review", {"use": f"use-day-{document.id}"})
    assert typed_of(system, at) == {**before, "claim_amount": str(made.total), "incident_date": str(DAY)}
    after = carl.get(f"{at}/documents").text
    assert not button(after, f"use-amount-{document.id}")
    assert not button(after, f"use-day-{document.id}")


def test_it_stands_beside_the_fields_and_keeps_what_was_typed_meanwhile(
    carl: Claimant, system: System
) -> None:
    at, made = carl.draft(), bill()
    carl.add(at, body=made.pdf())
    read(system, at)
    (document,) = documents(system)
    page = carl.get(f"{at}/what-happened").text
    assert button(page, f"use-amount-{document.id}")
    assert button(page, f"use-day-{document.id}")
    form = {**FIELDS, "description": "Typed just now", "claim_amount": "7", "go": f"use-amount-{document.id}"}
    led = carl.post(f"{at}/what-happened", form)
    assert led.headers["location"] == f"{at}/what-happened#field-claim_amount"
    kept = typed_of(system, at)
    assert (kept["description"], kept["claim_amount"]) == ("Typed just now", str(made.total))
    assert kept["incident_date"] == FIELDS["incident_date"]
    saved = carl.post(f"{at}/what-happened/save", {**FIELDS, "claim_amount": str(made.total)}).text
    assert "innerHTML:#use-amount" in saved
    assert not button(saved, f"use-amount-{document.id}")
    assert button(saved, f"use-day-{document.id}")


def test_a_difference_is_told_in_words_and_stops_nobody(carl: Claimant, system: System) -> None:
    at, made = carl.draft(**FIELDS), bill()
    carl.add(at, body=made.pdf())
    read(system, at)
    shown = carl.get(f"{at}/review")
    told = told_by(shown)
    assert shown.status_code == 200
    total = amount(Money.parse(str(made.total), "EUR"))
    assert f"You claim 5,000.00 EUR, and bill.pdf says {total}." in told
    assert "You say that it happened on 20 Jul 2025." in told
    assert "missing or wrong" not in told
    assert carl.post(f"{at}/file").headers["location"] == f"{at}/filed"
    with system.sessions.begin() as db:
        assert db.scalars(select(Claim.claim_minor)).all() == [500_000]


def test_several_bills_are_offered_together(carl: Claimant, system: System) -> None:
    at, one, two = carl.draft(**FIELDS), bill("1000.00"), bill("200.00", tongue="fr")
    carl.add(at, body=one.pdf())
    carl.add(at, "plumber.pdf", two.pdf())
    read(system, at)
    together = one.total + two.total
    shown = carl.get(f"{at}/documents")
    assert f"Together they say {amount(Money.parse(str(together), 'EUR'))}." in told_by(shown)
    carl.post(f"{at}/readings/documents", {"use": "use-sum"})
    assert typed_of(system, at)["claim_amount"] == str(together)
    after = carl.get(f"{at}/documents")
    assert not button(after.text, "use-sum")
    assert "You claim" not in told_by(after)


def test_another_currency_than_the_policy_s_is_said_and_not_offered(carl: Claimant, system: System) -> None:
    at, made = carl.draft(**FIELDS), bill(tongue="us")
    carl.add(at, body=made.pdf())
    read(system, at)
    (document,) = documents(system)
    shown = carl.get(f"{at}/documents")
    told = told_by(shown)
    assert amount(Money.parse(str(made.total), "USD")) in told
    assert "Your policy pays in EUR" in told
    assert not button(shown.text, f"use-amount-{document.id}")
    refused = carl.post(f"{at}/readings/documents", {"use": f"use-amount-{document.id}"})
    assert refused.status_code == 409
    assert typed_of(system, at)["claim_amount"] == FIELDS["claim_amount"]


def test_a_day_that_the_policy_does_not_cover_is_not_offered(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill(day=date(2024, 12, 30)).pdf())
    read(system, at)
    (document,) = documents(system)
    shown = carl.get(f"{at}/documents")
    assert "30 Dec 2024" in told_by(shown)
    assert not button(shown.text, f"use-day-{document.id}")


@pytest.mark.parametrize(("confidence", "is_shown"), [(SURE_ENOUGH, True), (SURE_ENOUGH - 1, False)])
def test_what_is_not_sure_enough_is_not_shown(
    carl: Claimant, system: System, *, confidence: int, is_shown: bool
) -> None:
    at = carl.draft(**FIELDS)
    carl.add(at, body=bill().pdf())
    read(system, at)
    with system.sessions.begin() as db:
        db.execute(update(Proposal).values(confidence=confidence))
    assert ("What your documents say" in told_by(carl.get(f"{at}/documents"))) is is_shown


def test_a_guess_at_another_currency_takes_the_amount_with_it(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill(tongue="us").pdf())
    read(system, at)
    with system.sessions.begin() as db:
        unsure = update(Proposal).where(Proposal.field == "currency").values(confidence=SURE_ENOUGH - 1)
        db.execute(unsure)
    told = told_by(carl.get(f"{at}/documents"))
    assert "bill.pdf is of" in told
    assert "bill.pdf says" not in told


def test_a_document_that_says_nothing_is_not_mentioned(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=pdf("Nothing"))
    read(system, at)
    shown = carl.get(f"{at}/documents")
    assert "What your documents say" not in shown.text.replace('aria-label="What your documents say"', "")
    assert POLLS not in shown.text


def test_a_worker_takes_it_up_by_itself(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    carl.add(at, "second.pdf", bill("70.00").pdf())
    worker = Worker(system, threads=2, tick_every=timedelta(seconds=0.2))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        deadline = time.monotonic() + 60
        while POLLS in (shown := carl.get(f"{at}/readings/documents")).text and time.monotonic() < deadline:
            time.sleep(0.2)
    finally:
        worker.stop()
        thread.join(30)
    assert "bill.pdf says" in told_by(shown)
    assert "second.pdf says" in told_by(shown)
    assert tasks(system) == []


# ---------------------------------------------------------------- whose, and for how long


def test_another_person_s_draft_is_not_there(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    read(system, at)
    (document,) = documents(system)
    for who in (DORA, REA):
        asked = carl.client.get(f"{at}/readings/documents", headers=as_(who))
        used = carl.client.post(
            f"{at}/readings/documents", data={"use": f"use-amount-{document.id}"}, headers=as_(who)
        )
        assert asked.status_code == used.status_code == 404
    assert "claim_amount" not in typed_of(system, at)


def test_the_database_shows_readings_to_their_owner_until_the_claim_is_filed(
    carl: Claimant, system: System
) -> None:
    at = carl.draft(**FIELDS)
    carl.add(at, body=bill().pdf())
    read(system, at)
    everything = said(system)
    assert everything > 0

    def seen(who: str, role: str) -> int:
        with system.sessions.begin() as db:
            act_as(db, role=role, person=carl.ids[who])
            return db.execute(select(func.count()).select_from(Proposal)).scalar_one()

    assert (seen(CARL, "customer"), seen(DORA, "customer")) == (everything, 0)
    carl.post(f"{at}/file")
    assert (seen(CARL, "customer"), seen(REA, "reviewer")) == (0, everything)


def test_a_document_that_is_taken_out_takes_its_readings_along(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    read(system, at)
    (document,) = documents(system)
    gone = carl.post(f"{at}/documents/{document.id}/remove", headers={"HX-Request": "true"})
    assert 'id="readings"' in gone.text
    assert "says" not in told_by(gone)
    assert said(system) == 0
    assert carl.post(f"{at}/readings/documents", {"use": f"use-amount-{document.id}"}).status_code == 409
    carl.add(at, "again.pdf", bill("70.00").pdf())
    read(system, at)
    assert said(system) > 0
    carl.post(f"{at}/discard")
    assert said(system) == 0


def test_a_document_that_is_taken_out_while_it_is_read_says_nothing(
    carl: Claimant, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, real = carl.draft(), reader.propose
    carl.add(at, body=bill().pdf())

    def propose(source: Path, *, kind: str) -> Reading:
        carl.post(f"{at}/documents/{documents(system)[0].id}/remove")
        return real(source, kind=kind)

    monkeypatch.setattr(reader, "propose", propose)
    read(system, at)
    assert said(system) == 0


# ---------------------------------------------------------------- read once


def test_what_was_read_for_a_draft_is_not_read_again_and_goes_to_the_reviewer(
    carl: Claimant, system: System, readings: list[str]
) -> None:
    at, made = carl.draft(**FIELDS), bill()
    carl.add(at, body=made.pdf())
    read(system, at)
    carl.post(f"{at}/file")
    (document,) = documents(system)
    looked_at(system, document.claim_id or 0)
    read_task(system, claim_id=str(document.claim_id))
    read(system, at)
    assert readings == ["pdf"]
    page = carl.client.get(f"/desk/claims/{document.claim_id}", headers=as_(REA))
    assert str(made.total) in page.text


def test_what_was_not_read_before_filing_is_read_after_it(
    carl: Claimant, system: System, readings: list[str]
) -> None:
    at = carl.draft(**FIELDS)
    carl.add(at, body=bill().pdf())
    carl.post(f"{at}/file")
    read(system, at)  # the task that was queued for the draft finds nothing there any more
    assert readings == []
    (document,) = documents(system)
    looked_at(system, document.claim_id or 0)
    read_task(system, claim_id=str(document.claim_id))
    assert readings == ["pdf"]
    assert said(system) > 0


def test_a_claim_that_is_filed_while_its_document_is_read_waits_for_that_reading(
    carl: Claimant, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, real, read_kinds = carl.draft(**FIELDS), reader.propose, list[str]()
    carl.add(at, body=bill().pdf())

    def propose(source: Path, *, kind: str) -> Reading:
        read_kinds.append(kind)
        carl.post(f"{at}/file")
        (document,) = documents(system)
        looked_at(system, document.claim_id or 0)
        none_waits(system)
        read_task(system, claim_id=str(document.claim_id))
        return real(source, kind=kind)

    monkeypatch.setattr(reader, "propose", propose)
    read(system, at)
    assert read_kinds == ["pdf"]
    (document,) = documents(system)
    assert document.claim_id is not None
    assert document.read_at == system.clock()
    assert said(system) > 0
    # Should the reader have died, the claim's own task comes again when it would have been over.
    assert (proposing.READ, system.clock() + rules.LONGEST) in tasks(system)


def begun(system: System, by: str) -> None:
    (document,) = documents(system)
    with system.sessions.begin() as db:
        assert proposing.begin(db, document.id, reader=by, now=system.clock()) is not None


def test_a_reader_that_died_is_not_waited_for(carl: Claimant, system: System, readings: list[str]) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    begun(system, worker_name())
    none_waits(system)
    read(system, at)
    assert readings == []
    assert (proposing.READ_DRAFT, system.clock() + rules.LONGEST) in tasks(system)
    place, _, rest = worker_name().partition(":")
    with system.sessions.begin() as db:
        db.execute(update(Document).values(reader=f"{place}:{rest.partition(':')[0]}:long ago"))
    read(system, at)
    assert readings == ["pdf"]


def test_a_reader_of_elsewhere_is_not_waited_for_longer_than_it_may_take(
    carl: Claimant, system: System, clock: MovableClock, readings: list[str]
) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    begun(system, "elsewhere/0:1:2")
    read(system, at)
    assert readings == []
    clock.now += rules.LONGEST
    read(system, at)
    assert readings == ["pdf"]


def test_a_reader_that_broke_leaves_the_document_for_later_and_reads_the_others(
    carl: Claimant, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, real = carl.draft(), reader.propose
    carl.add(at, body=bill().pdf())
    carl.add(at, "second.pdf", bill("70.00").pdf())
    first = documents(system)[0]
    answers = iter([Unavailable("It broke.")])

    def propose(source: Path, *, kind: str) -> Reading:
        for error in answers:
            raise error
        return real(source, kind=kind)

    monkeypatch.setattr(reader, "propose", propose)
    read(system, at)
    told = told_by(carl.get(f"{at}/documents"))
    assert "second.pdf says" in told
    assert "Reading" not in told
    read(system, at)
    assert f"{first.file_name} says" in told_by(carl.get(f"{at}/documents"))


# ---------------------------------------------------------------- asked for, until somebody knows


def test_a_picture_is_not_waited_for_where_no_recogniser_is(
    carl: Claimant, system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "available", lambda: False)
    at = carl.draft()
    carl.post(f"{at}/documents", files={"files": ("photo.jpg", picture(), "image/jpeg")})
    assert POLLS in carl.get(f"{at}/documents").text
    read(system, at)
    assert POLLS not in carl.get(f"{at}/documents").text
    assert documents(system)[0].read_at is None  # it may be read once a recogniser is there


def test_a_photo_of_a_bill_is_offered_where_a_recogniser_is(carl: Claimant, system: System) -> None:
    if not reader.available():
        pytest.skip("the extra ocr is not installed")
    at, made = carl.draft(), bill()
    body = io.BytesIO()
    made.picture().save(body, "JPEG", quality=90)
    carl.post(f"{at}/documents", files={"files": ("photo.jpg", body.getvalue(), "image/jpeg")})
    read(system, at)
    assert f"photo.jpg says {amount(Money.parse(str(made.total), 'EUR'))}" in told_by(
        carl.get(f"{at}/review")
    )


def test_nobody_waits_for_ever_where_no_worker_comes(carl: Claimant, clock: MovableClock) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    clock.now += rules.PATIENCE - timedelta(seconds=1)
    assert POLLS in carl.get(f"{at}/readings/documents").text
    clock.now += timedelta(seconds=1)
    assert POLLS not in carl.get(f"{at}/readings/documents").text


def test_a_document_that_came_in_pieces_asks_for_its_reading_too(carl: Claimant, system: System) -> None:
    at, body = carl.draft(), bill().pdf()
    address = carl.begin(at, body).json()["address"]
    row = carl.piece(address, 0, body)
    assert row.status_code == 201
    assert 'hx-swap-oob="true"' in row.text
    assert "Reading bill.pdf…" in told_by(row)
    assert tasks(system) == [(proposing.READ_DRAFT, None)]


def test_a_held_document_is_read_when_the_scanner_let_it_go(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    with system.sessions.begin() as db:
        db.execute(update(Document).values(state=DocumentState.HELD.value))
    none_waits(system)
    read(system, at)
    assert said(system) == 0
    assert POLLS not in carl.get(f"{at}/documents").text
    (document,) = documents(system)
    with system.sessions.begin() as db:
        scanning.scanned(
            db, document.id, virus=None, house_=House("claims@example.com", ""), now=system.clock()
        )
    assert tasks(system) == [(proposing.READ_DRAFT, None)]
    read(system, at)
    assert said(system) > 0


def test_a_word_document_is_not_waited_for(carl: Claimant, system: System) -> None:
    at = carl.draft()
    carl.add(at, body=bill().pdf())
    with system.sessions.begin() as db:
        db.execute(update(Document).values(kind="docx"))
    assert POLLS not in carl.get(f"{at}/documents").text


def test_a_word_that_is_no_button_changes_nothing(carl: Claimant, system: System) -> None:
    at = carl.draft()
    for word in ("", "use-amount-0", "use-day-99999999999999999999", "amount"):
        assert carl.post(f"{at}/readings/documents", {"use": word}).status_code == 409
    assert carl.get(f"{MINE}/drafts/{draft_of(at)}/readings/policy").status_code == 422
    assert typed_of(system, at) == {"user_policy_id": str(carl.policy)}
