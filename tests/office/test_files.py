"""Files: kept whole with their hash, found again or reported missing, opened by links that end."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Barrier
from typing import BinaryIO
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.orm import Session, sessionmaker

from recoup.adapters.disk import FolderStore
from recoup.core.errors import Invalid, Misconfigured, NotFound, Unavailable
from recoup.core.ids import new_id
from recoup.core.ports import BlobInfo
from recoup.office.files import queries, service
from recoup.office.files.models import File
from recoup.office.journal import queries as journal

Sessions = sessionmaker[Session]
DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    root = tmp_path / "store"
    root.mkdir()
    return FolderStore(root)


def keep(db: Session, store: FolderStore, now: datetime, body: bytes = b"a;b\n1;2\n", **changes: str) -> File:
    return service.keep(
        db,
        store,
        name=changes.get("name", "report.csv"),
        body=io.BytesIO(body),
        media_type=changes.get("media_type", "text/csv"),
        subject=changes.get("subject", "jobs/run/1"),
        actor="ada",
        now=now,
    )


def path_of(store: FolderStore, file: File) -> Path:
    return store.root / file.store_key


def grow_old(path: Path, now: datetime, *, by: timedelta = 2 * DAY) -> None:
    """Date a stored object back."""
    then = (now - by).timestamp()
    os.utime(path, (then, then))


def put_stray(store: FolderStore, now: datetime, *, by: timedelta = 2 * DAY, key: str | None = None) -> Path:
    """Put an object without a row into the store."""
    path = store.root / (key or f"files/2025/07/{new_id()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"stray")
    grow_old(path, now, by=by)
    return path


def test_a_file_is_kept_with_its_size_and_hash_and_read_back(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    body = os.urandom(1_000_003)
    with sessions.begin() as db:
        kept = keep(
            db, store, now, body, name="C:\\fakepath\\Jahresbericht für Ada.PDF", media_type="Application/PDF"
        )
    with sessions.begin() as db:
        file = service.get(db, kept.id)
        with service.open_file(store, file) as stream:
            assert stream.read() == body
        event = journal.timeline(db, subject=f"files/file/{file.id}")[0]
        assert queries.of_subject(db, "jobs/run/1") == [file]
    assert (file.size, file.sha256) == (len(body), hashlib.sha256(body).hexdigest())
    assert (file.name, file.media_type) == ("Jahresbericht für Ada.PDF", "application/pdf")
    assert (file.store_key, file.id.version) == (f"files/2025/07/{file.id}", 7)
    assert (file.created_at, file.created_by, file.subject) == (now, "ada", "jobs/run/1")
    assert (event.kind, event.actor, event.detail["sha256"]) == ("files.kept", "ada", file.sha256)


def test_the_month_of_a_file_is_that_of_utc(sessions: Sessions, store: FolderStore) -> None:
    first_in_kolkata = datetime.fromisoformat("2025-08-01T03:00:00+05:30")
    with sessions.begin() as db:
        assert keep(db, store, first_in_kolkata).store_key.startswith("files/2025/07/")


def test_an_empty_file_is_a_file(sessions: Sessions, store: FolderStore, now: datetime) -> None:
    with sessions.begin() as db:
        file = keep(db, store, now, b"")
        assert (file.size, file.sha256) == (0, hashlib.sha256(b"").hexdigest())
        with service.open_file(store, file) as stream:
            assert stream.read() == b""


class Zeros(io.RawIOBase):
    """A body that is too large to hold."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        count = min(len(buffer), self.left, 100_000)
        buffer[:count] = bytes(count)
        self.left -= count
        return count


def test_a_large_file_never_lies_in_memory(sessions: Sessions, store: FolderStore, now: datetime) -> None:
    size = 40_000_000
    with sessions.begin() as db:
        keep(db, store, now)  # what the first use imports is not the file
        tracemalloc.start()
        try:
            file = service.keep(
                db, store, name="big", body=Zeros(size), media_type="x/y", subject="s", actor="ada", now=now
            )
            assert tracemalloc.get_traced_memory()[1] < 4_000_000
        finally:
            tracemalloc.stop()
        assert file.sha256 == hashlib.sha256(bytes(size)).hexdigest()


class Breaking(io.RawIOBase):
    """An upload whose sender goes away."""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray) -> int:
        raise ConnectionResetError(f"gone, {len(buffer)} bytes before the next")


def test_a_body_that_breaks_off_leaves_neither_row_nor_object(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    with pytest.raises(ConnectionResetError), sessions.begin() as db:
        service.keep(
            db, store, name="x", body=Breaking(), media_type="x/y", subject="s", actor="ada", now=now
        )
    assert list(store.list("files/")) == []
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(File)) == 0


class Forgetful(FolderStore):
    """A store that says it kept less than it was given."""

    def put_if_absent(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:
        return replace(super().put_if_absent(key, body, media_type=media_type), size=3)


def test_a_store_that_kept_less_is_not_believed(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    with pytest.raises(Unavailable, match="kept 3 of 8 bytes"), sessions.begin() as db:
        keep(db, Forgetful(store.root), now)


def test_an_unknown_file_is_not_found(sessions: Sessions) -> None:
    with pytest.raises(NotFound), sessions.begin() as db:
        service.get(db, UUID(int=1))


def test_bytes_that_are_gone_or_changed_are_named(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    with sessions.begin() as db:
        file = keep(db, store, now)
    path_of(store, file).write_bytes(b"short")
    with pytest.raises(Unavailable, match=r"holds 5 bytes of report\.csv, and 8 were kept"):
        service.open_file(store, file)
    path_of(store, file).unlink()
    with pytest.raises(Unavailable, match=r"The bytes of report\.csv are gone"):
        service.open_file(store, file)


# ---------------------------------------------------------------- sweeping


def test_an_object_of_a_transaction_that_failed_is_swept_after_a_day(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    with sessions() as db:
        orphan = path_of(store, keep(db, store, now))
        db.rollback()
    with sessions.begin() as db:
        kept = path_of(store, keep(db, store, now))
    grow_old(kept, now)
    grow_old(orphan, now, by=DAY - timedelta(minutes=1))
    with sessions.begin() as db:
        assert service.sweep_orphans(db, store, now=now).removed == []
    grow_old(orphan, now, by=DAY + timedelta(minutes=1))
    with sessions.begin() as db:
        swept = service.sweep_orphans(db, store, now=now)
    assert swept == service.Sweep([], [], [orphan.relative_to(store.root).as_posix()], parked=False)
    assert (orphan.exists(), kept.exists()) == (False, True)
    with sessions.begin() as db:
        assert service.sweep_orphans(db, store, now=now) == service.Sweep([], [], [], parked=False)
        events = journal.timeline(db, kind="files.swept")
        assert [event.detail["removed"] for event in events] == [1]


def test_only_objects_that_we_named_are_ever_removed(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    keys = ["files/notes.txt", "files/2025/07/readme", f"files/2025/{new_id()}", f"other/2025/07/{new_id()}"]
    strangers = [put_stray(store, now, key=key) for key in keys]
    stray = put_stray(store, now)
    with sessions.begin() as db:
        assert len(service.sweep_orphans(db, store, now=now).removed) == 1
    assert not stray.exists()
    assert all(path.exists() for path in strangers)


def test_rows_without_their_object_are_reported_and_left(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    with sessions.begin() as db:
        files = [keep(db, store, now - 2 * DAY) for _ in range(3)]
        young = keep(db, store, now)
    path_of(store, files[0]).unlink()
    path_of(store, files[1]).write_bytes(b"short")
    path_of(store, young).unlink()
    with sessions.begin() as db:
        swept = service.sweep_orphans(db, store, now=now)
    assert swept == service.Sweep([files[0].id], [files[1].id], [], parked=False)
    with sessions.begin() as db:
        assert db.scalar(select(func.count()).select_from(File)) == 4
        detail = journal.timeline(db, kind="files.swept")[0].detail
        assert (detail["without_object"], detail["wrong_size"]) == ([str(files[0].id)], [str(files[1].id)])


def test_more_orphans_than_an_accident_explains_are_left_to_a_person(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    strays = [put_stray(store, now) for _ in range(1_001)]
    with sessions.begin() as db:
        swept = service.sweep_orphans(db, store, now=now)
        assert (swept.parked, swept.removed) == (True, [])
        assert journal.timeline(db, kind="files.swept")[0].detail["parked"] is True
    assert all(path.exists() for path in strays)
    strays[0].unlink()
    with sessions.begin() as db:
        assert len(service.sweep_orphans(db, store, now=now).removed) == 1_000


class Faltering(FolderStore):
    """A store whose listing breaks off."""

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[BlobInfo]:
        yield next(super().list(prefix, start_after=start_after))
        raise Unavailable("The store does not answer.")


def test_a_listing_that_breaks_off_removes_nothing(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    strays = [put_stray(store, now) for _ in range(2)]
    with pytest.raises(Unavailable), sessions.begin() as db:
        service.sweep_orphans(db, Faltering(store.root), now=now)
    assert all(path.exists() for path in strays)


# ---------------------------------------------------------------- links and their key


def test_a_store_that_makes_links_is_asked_for_them(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    class Linking(FolderStore):
        def link(self, key: str, *, name: str, expires: timedelta) -> str | None:
            return f"https://bucket.test/{key}?name={name}&seconds={expires.total_seconds():.0f}"

    with sessions.begin() as db:
        file = keep(db, store, now)
    address = service.link(Linking(store.root), b"k" * 32, file, expires_in=timedelta(hours=1), now=now)
    assert address == f"https://bucket.test/{file.store_key}?name=report.csv&seconds=3600"


@pytest.mark.parametrize("lifetime", [timedelta(0), timedelta(seconds=-5), timedelta(days=7, seconds=1)])
def test_a_link_lives_for_seven_days_at_most(store: FolderStore, now: datetime, lifetime: timedelta) -> None:
    with pytest.raises(Invalid, match="A link cannot live"):
        service.link(store, b"k" * 32, File(id=new_id()), expires_in=lifetime, now=now)


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    home = tmp_path / "home"
    secret = service.signing_secret(home)
    assert len(secret) == 32
    assert service.signing_secret(home) == secret
    assert service.signing_secret(tmp_path / "elsewhere") != secret
    assert stat.S_IMODE((home / "secrets" / "files.key").stat().st_mode) == 0o600
    assert stat.S_IMODE((home / "secrets").stat().st_mode) == 0o700


def test_of_many_who_make_the_key_at_once_all_get_the_same(tmp_path: Path) -> None:
    together = Barrier(8)

    def make(home: Path) -> bytes:
        together.wait()
        return service.signing_secret(home)

    with ThreadPoolExecutor(8) as threads:
        for number in range(20):
            home = tmp_path / str(number)
            assert len(set(threads.map(make, [home] * 8))) == 1
            assert [path.name for path in (home / "secrets").iterdir()] == ["files.key"]


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    service.signing_secret(tmp_path)
    (tmp_path / "secrets" / "files.key").write_bytes(b"short")
    with pytest.raises(Misconfigured, match="does not hold 32 bytes"):
        service.signing_secret(tmp_path)


def test_the_application_may_not_rewrite_what_was_kept(
    sessions: Sessions, store: FolderStore, now: datetime
) -> None:
    with sessions.begin() as db:
        keep(db, store, now)
    for statement in ("update files set sha256 = sha256", "delete from files"):
        with pytest.raises(ProgrammingError, match="permission denied"), sessions.begin() as db:
            db.execute(text(statement))
