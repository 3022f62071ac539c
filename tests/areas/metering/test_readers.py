"""Readers: child processes read what is much, and live as long as the run that they belong to."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from multiprocessing import active_children
from pathlib import Path
from threading import Thread

import pytest

from recoup.adapters.stores import open_store
from recoup.areas.metering.jobs import readers
from recoup.areas.metering.jobs.readers import Readers, batches
from recoup.areas.metering.reading.files import MalformedFile
from recoup.areas.metering.reading.results import FileReading, FileRef
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.core.errors import Unavailable
from recoup.core.ports import BlobInfo, BlobStore

FILES = 7


@pytest.fixture
def config(tmp_path: Path) -> StreamConfig:
    """A stream with a few files, each of one record that only it has."""
    for number in range(FILES):
        record = {"externalPayerId": "c", "subscriptionId": f"s{number}", "dimension": "d", "value": number}
        (tmp_path / f"{number}.json").write_text(json.dumps([record]), encoding="utf-8")
    return StreamConfig(
        service="s",
        environment="e",
        plan="p",
        cloud="gcp",
        source=str(tmp_path),
        prefix="",
        start=None,
        complete_by="settle",
        settle=timedelta(0),
        fold=True,
        whole=False,
        zeros=False,
        currency="USD",
        formulas={},
        recheck=timedelta(0),
        most_bad_percent=1,
        most_records=1_000,
    )


@pytest.fixture
def children(monkeypatch: pytest.MonkeyPatch) -> Iterator[Readers]:
    """Readers that leave everything to two children."""
    monkeypatch.setattr(readers, "LITTLE", -1)
    with Readers(open_store, processes=2) as some:
        yield some


def _listing(config: StreamConfig) -> list[BlobInfo]:
    return sorted(open_store(config.source).list(""), key=lambda file: file.key)


def _total(readings: list[FileReading]) -> Decimal:
    return sum((part.quantity for reading in readings for part in reading.parts), Decimal(0))


def test_every_file_is_read_once_and_in_the_order_of_keys(children: Readers, config: StreamConfig) -> None:
    found = children.read(config, _listing(config))
    assert [reading.key for reading in found] == [f"{number}.json" for number in range(FILES)]
    assert _total(found) == sum(range(FILES))


def test_children_outlive_the_thread_that_first_needed_them(children: Readers, config: StreamConfig) -> None:
    """Each stream reads in a thread of its own, which ends with the stream: the others go on."""
    listing = _listing(config)
    first = Thread(target=children.read, args=(config, listing))
    first.start()
    first.join()
    before = {child.pid for child in active_children()}
    assert before
    for _ in range(3):
        assert _total(children.read(config, listing)) == sum(range(FILES))
    assert before <= {child.pid for child in active_children()}


def test_what_is_wrong_with_a_file_is_told_and_the_children_go_on(
    children: Readers, config: StreamConfig
) -> None:
    good = _listing(config)
    (Path(config.source) / "3.json").write_text("[", encoding="utf-8")
    with pytest.raises(MalformedFile, match=r"3\.json cannot be read: it ends in the middle"):
        children.read(config, _listing(config))
    assert len(children.read(config, good[:3])) == 3


def test_children_that_died_since_are_replaced(children: Readers, config: StreamConfig) -> None:
    children.read(config, _listing(config))
    for child in active_children():
        child.kill()
        child.join()
    assert _total(children.read(config, _listing(config))) == sum(range(FILES))


def test_a_child_that_dies_as_it_reads_holds_the_window_and_is_replaced(
    config: StreamConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "LITTLE", -1)
    listing = _listing(config)
    deadly = Path(config.source) / "deadly"
    deadly.touch()
    with Readers(_open_or_die, processes=2) as children:
        with pytest.raises(Unavailable, match="A reading process died"):
            children.read(config, listing)
        deadly.unlink()
        assert _total(children.read(config, listing)) == sum(range(FILES))


def _open_or_die(address: str) -> BlobStore:
    if (Path(address) / "deadly").exists():
        os.kill(os.getpid(), signal.SIGKILL)
    return open_store(address)


def _unit(size: int, *, files: int = 1) -> tuple[FileRef, ...]:
    return tuple(FileRef(f"{size}-{number}", "e", size // files) for number in range(files))


def test_batches_keep_every_unit_and_are_alike_in_size() -> None:
    units = [_unit(size) for size in (5, 1, 1, 1, 1, 1, 1, 1, 30, 2, 2)]
    found = list(batches(units, most=6))
    assert [unit for batch in found for unit in batch] == units
    assert [sum(file.size for unit in batch for file in unit) for batch in found] == [6, 6, 30, 4]


def test_a_unit_is_never_split() -> None:
    units = [_unit(30, files=3), _unit(0)]
    assert list(batches(units, most=1)) == [[units[0]], [units[1]]]
    assert list(batches([], most=1)) == []
