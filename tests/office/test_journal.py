"""The journal: what was recorded and sealed cannot be changed, removed or cut off without being found out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from recoup.core.ids import new_id
from recoup.office.journal import queries, rules, service
from recoup.office.journal.models import Event, Seal, Unsealed

Sessions = sessionmaker[Session]


def write(sessions: Sessions, number: int, *, now: datetime, seal: bool = True) -> list[UUID]:
    """Record ``number`` events in one transaction and seal them in the next; return their ids."""
    with sessions.begin() as db:
        events = [
            service.record(db, "test.happened", f"test/thing/{i}", actor="ada", now=now, number=i, text="ü €")
            for i in range(number)
        ]
    if seal:
        with sessions.begin() as db:
            assert service.seal(db, now=now) is not None
    return [event.id for event in events]


def problems(sessions: Sessions, anchors: dict[int, str] | None = None) -> tuple[str, ...]:
    with sessions.begin() as db:
        return service.verify(db, anchors=anchors).problems


def heads(sessions: Sessions) -> dict[int, str]:
    """Return what would have been written down outside the database."""
    with sessions.begin() as db:
        return {seal.number: seal.hash.hex() for seal in queries.seals(db)}


def test_an_event_is_there_only_if_its_transaction_commits(sessions: Sessions, now: datetime) -> None:
    with sessions() as db:
        service.record(db, "test.happened", "test/thing/1", actor="ada", now=now)
        db.flush()
        db.rollback()
    with sessions.begin() as db:
        assert queries.counts(db) == (0, 0)
        assert service.seal(db, now=now) is None


def test_what_was_written_verifies(sessions: Sessions, now: datetime) -> None:
    write(sessions, 3, now=now)
    write(sessions, 2, now=now + timedelta(microseconds=1))
    write(sessions, 1, now=now, seal=False)
    with sessions.begin() as db:
        found = service.verify(db, anchors=heads(sessions))
    assert (found.events, found.seals, found.waiting, found.problems) == (6, 2, 1, ())
    assert found.head == heads(sessions)[2]


def test_a_seal_covers_every_kind_of_detail(sessions: Sessions, now: datetime) -> None:
    detail = {
        "z": "1.50",
        "a": 2**53 + 1,
        "flag": True,
        "list": ["x", 2, False],
        "quote": "'\"\\\n",
        "no": None,
    }
    with sessions.begin() as db:
        service.record(db, "test.happened", "test/thing/1", actor="ada", now=now, **detail)
    with sessions.begin() as db:
        service.seal(db, now=now)
    with sessions.begin() as db:
        assert service.verify(db).problems == ()
        assert queries.timeline(db)[0].detail == detail


@pytest.mark.parametrize(
    "change",
    [
        {"detail": {"number": 0, "text": "ü €", "more": True}},
        {"actor": "eve"},
        {"kind": "test.other"},
        {"subject": "test/thing/9"},
        {"at": datetime.fromisoformat("2025-07-23T21:00:00.000001+00:00")},
    ],
)
def test_a_changed_event_is_found(owner_sessions: Sessions, now: datetime, change: dict[str, object]) -> None:
    write(owner_sessions, 3, now=now)
    first = write(owner_sessions, 3, now=now)[0]
    with owner_sessions.begin() as db:
        db.execute(update(Event).where(Event.id == first).values(**change))
    assert problems(owner_sessions) == ("Seal 2: an event that it covers was changed.",)


def test_a_removed_event_is_found(owner_sessions: Sessions, now: datetime) -> None:
    gone = write(owner_sessions, 3, now=now)[1]
    with owner_sessions.begin() as db:
        db.execute(delete(Event).where(Event.id == gone))
    found = problems(owner_sessions)
    assert found[0] == f"Seal 1: 1 of its events are gone, the first is {gone}."
    assert "do not add up" in found[1]


def test_an_event_that_was_removed_before_it_was_sealed_is_found(
    owner_sessions: Sessions, now: datetime
) -> None:
    gone = write(owner_sessions, 1, now=now, seal=False)[0]
    with owner_sessions.begin() as db:
        db.execute(delete(Event).where(Event.id == gone))
    assert "do not add up" in problems(owner_sessions)[0]


def test_an_event_that_was_slipped_in_is_found(owner_sessions: Sessions, now: datetime) -> None:
    write(owner_sessions, 1, now=now)
    with owner_sessions.begin() as db:
        db.add(Event(id=new_id(), at=now, actor="eve", kind="test.forged", subject="test", detail={}))
    assert "do not add up" in problems(owner_sessions)[0]


def test_a_removed_seal_is_found(owner_sessions: Sessions, now: datetime) -> None:
    for _ in range(3):
        write(owner_sessions, 1, now=now)
    with owner_sessions.begin() as db:
        db.execute(delete(Seal).where(Seal.number == 2))
    assert problems(owner_sessions)[0] == "Seal 2 is missing."


def test_a_seal_that_points_elsewhere_is_found(owner_sessions: Sessions, now: datetime) -> None:
    write(owner_sessions, 1, now=now)
    write(owner_sessions, 1, now=now)
    with owner_sessions.begin() as db:
        db.execute(update(Seal).where(Seal.number == 2).values(previous=bytes(32)))
    assert problems(owner_sessions)[0] == "Seal 2 does not continue the seal before it."


def test_a_chain_cut_at_its_end_is_found_by_what_was_written_down_outside(
    owner_sessions: Sessions, now: datetime
) -> None:
    write(owner_sessions, 2, now=now)
    last = write(owner_sessions, 2, now=now)
    anchors = heads(owner_sessions)
    with owner_sessions.begin() as db:
        db.execute(delete(Event).where(Event.id.in_(last)))
        db.execute(delete(Seal).where(Seal.number == 2))
    assert problems(owner_sessions) == ()  # from inside alone, nobody can tell
    assert problems(owner_sessions, anchors) == ("Seal 2 was written down outside the database and is gone.",)


def test_a_chain_rewritten_with_fresh_hashes_is_found_by_what_was_written_down_outside(
    owner_sessions: Sessions, now: datetime
) -> None:
    changed = write(owner_sessions, 2, now=now)[0]
    write(owner_sessions, 2, now=now)
    anchors = heads(owner_sessions)
    with owner_sessions.begin() as db:
        db.execute(update(Event).where(Event.id == changed).values(actor="eve"))
    with owner_sessions.begin() as db:
        previous = rules.GENESIS
        for seal in list(queries.seals(db)):
            events = queries.events_by_id(db, seal.event_ids)
            seal.previous = previous
            previous = seal.hash = rules.chain_hash(
                previous, seal.number, [events[i] for i in seal.event_ids]
            )
    assert problems(owner_sessions) == ()  # the forger knows how to hash
    found = problems(owner_sessions, anchors)
    assert [problem[:7] for problem in found] == ["Seal 1 ", "Seal 2 "]
    assert all("not the one that was written down" in problem for problem in found)


def test_the_application_may_neither_change_nor_remove(sessions: Sessions, now: datetime) -> None:
    write(sessions, 1, now=now)
    for table, column in (("events", "actor"), ("seals", "hash")):
        for statement in (
            f"update {table} set {column} = {column}",
            f"delete from {table}",
            f"truncate {table}",
        ):
            with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as db:
                db.execute(text(statement))
    assert problems(sessions) == ()


def test_sealing_at_once_seals_each_event_once(sessions: Sessions, now: datetime) -> None:
    written = [event for _ in range(8) for event in write(sessions, 5, now=now, seal=False)]
    together = Barrier(4)

    def seal_until_done(_: int) -> None:
        together.wait()
        for _round in range(50):
            with sessions.begin() as db:
                service.seal(db, now=now)
                waiting = queries.counts(db)[1]
            if not waiting:
                return

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(seal_until_done, range(4)))
    with sessions.begin() as db:
        sealed = [event for seal in queries.seals(db) for event in seal.event_ids]
        assert service.verify(db).problems == ()
    assert sorted(sealed) == sorted(written)


def test_while_one_process_seals_another_leaves_it_alone(sessions: Sessions, now: datetime) -> None:
    write(sessions, 1, now=now, seal=False)
    with sessions.begin() as first, sessions.begin() as second:
        assert service.seal(first, now=now) is not None
        assert service.seal(second, now=now) is None
    with sessions.begin() as db:
        assert service.seal(db, now=now) is None
        assert queries.counts(db) == (1, 0)


def test_an_event_that_commits_late_is_sealed_later(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as late:
        event = service.record(late, "test.happened", "test/slow", actor="ada", now=now)
        late.flush()
        write(sessions, 1, now=now)
    with sessions.begin() as db:
        seal = service.seal(db, now=now)
        assert seal is not None
        assert seal.event_ids == [event.id]
    assert problems(sessions) == ()


def test_one_seal_takes_a_thousand_events(sessions: Sessions, now: datetime) -> None:
    write(sessions, service.SEAL_BATCH + 1, now=now)
    with sessions.begin() as db:
        assert db.scalars(select(func.cardinality(Seal.event_ids))).all() == [service.SEAL_BATCH]
        assert db.scalar(select(func.count()).select_from(Unsealed)) == 1


def test_a_timeline_is_newest_first_in_pages_and_narrowed(sessions: Sessions, now: datetime) -> None:
    with sessions.begin() as db:
        for i in range(5):
            service.record(db, "test.odd" if i % 2 else "test.even", f"test/thing/{i}", actor="a", now=now)
        service.record(db, "other.kind", "test_thing/0", actor="a", now=now)
    with sessions.begin() as db:
        newest = queries.timeline(db, subject="test/", limit=2)
        older = queries.timeline(db, subject="test/", before=newest[-1].id)
        assert [event.subject[-1] for event in [*newest, *older]] == ["4", "3", "2", "1", "0"]
        assert [event.subject for event in queries.timeline(db, kind="test.odd")] == [
            "test/thing/3",
            "test/thing/1",
        ]
        # An underscore is itself, not any character.
        assert [event.kind for event in queries.timeline(db, subject="test_thing")] == ["other.kind"]
        assert queries.timeline(db, subject="test_") == []


def test_a_timeline_is_about_a_subject_and_what_lies_below_it(sessions: Sessions, now: datetime) -> None:
    subjects = (
        "claims/claim/1",
        "claims/claim/1/note/2",
        "claims/claim/10",
        "claims/claim",
        "claims/claim/1x",
    )
    with sessions.begin() as db:
        for subject in subjects:
            service.record(db, "test.kind", subject, actor="a", now=now)
    with sessions.begin() as db:
        for asked in ("claims/claim/1", "claims/claim/1/"):
            found = {event.subject for event in queries.timeline(db, subject=asked)}
            assert found == {"claims/claim/1", "claims/claim/1/note/2"}, asked
        everything = {event.subject for event in queries.timeline(db, subject="claims/claim")}
    assert everything == set(subjects)
