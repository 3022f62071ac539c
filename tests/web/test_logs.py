"""The log: traces go into the file only, a record cannot pretend to be two, and rotation loses none."""

from __future__ import annotations

import fcntl
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest

from recoup.web import logs
from support.doors import logging_as_it_was

log = logging.getLogger("recoup.test")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with logging_as_it_was():
        yield tmp_path


def test_a_trace_is_in_the_file_and_not_on_the_terminal(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = logs.set_up(home, level="info", console="warning")
    log.error("It broke", exc_info=RuntimeError("swordfish"))
    log.info("Only in the file")
    said = capsys.readouterr()
    assert said.out == ""
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ERROR It broke\n", said.err)
    written = path.read_text(encoding="utf-8")
    assert "RuntimeError: swordfish" in written
    assert "Only in the file" in written


def test_a_record_is_one_line_whatever_it_says(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = logs.set_up(home, level="info", console="info")
    log.info("name: %s", "x\n2025-01-01 00:00:00,000 INFO forged\x1b[2J")
    assert capsys.readouterr().err.count("\n") == 1
    written = path.read_text(encoding="utf-8")
    assert written.count("\n") == 1
    assert r"x\n2025-01-01 00:00:00,000 INFO forged\x1b[2J" in written


def test_a_trace_cannot_forge_a_record(home: Path) -> None:
    path = logs.set_up(home, level="info", console="critical")
    log.error("It broke", exc_info=RuntimeError("x\n2025-01-01 00:00:00,000 INFO 1 recoup: forged"))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("2")] == [lines[0]]


def test_setting_up_again_moves_the_log(home: Path) -> None:
    first = logs.set_up(home / "a", level="info", console="critical")
    second = logs.set_up(home / "b", level="info", console="critical")
    log.info("here")
    assert "here" not in (first.read_text(encoding="utf-8") if first.exists() else "")
    assert "here" in second.read_text(encoding="utf-8")


def test_the_script_s_lines_are_as_they_were(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = logs.set_up(home, level="warning", console="warning")
    with logs.lines_of_the_script(level="info"):
        log.info("Processing hour 1/24: 2025-07-23 16:00:00")
        log.warning("Held")
    log.info("after")
    lines = capsys.readouterr().err.splitlines()
    form = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} - "
    assert re.fullmatch(form + "INFO - Processing hour 1/24: 2025-07-23 16:00:00", lines[0])
    assert re.fullmatch(form + "WARNING - Held", lines[1])
    assert len(lines) == 2
    assert path.read_text(encoding="utf-8").count("Held") == 1


def test_rotation_by_several_writers_loses_no_record(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    handlers = [logs.SharedFile(path, largest=2_000, kept=100) for _ in range(3)]

    def write(number: int) -> None:
        for count in range(100):
            handlers[number].handle(
                logging.LogRecord("x", logging.INFO, "", 0, f"record {number}-{count} {'x' * 50}", None, None)
            )

    threads = [Thread(target=write, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for handler in handlers:
        handler.close()
    files = sorted(tmp_path.glob("app.log*"))
    assert len(files) > 5
    assert all(file.stat().st_size < 3_000 for file in files)
    written = [line.split()[1] for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    assert sorted(written) == sorted(f"{number}-{count}" for number in range(3) for count in range(100))


def test_only_one_writer_at_a_time_moves_the_file_aside(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    handler = logs.SharedFile(path, largest=10)
    record = logging.LogRecord("x", logging.INFO, "", 0, "a record that is long enough", None, None)
    handler.handle(record)
    with (tmp_path / ".app.log.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        writer = Thread(target=handler.handle, args=(record,))
        writer.start()
        writer.join(0.3)
        assert writer.is_alive()
        path.rename(tmp_path / "app.log.1")  # as the process that holds the lock does
        path.touch()
    writer.join()
    handler.close()
    assert sorted(file.name for file in tmp_path.glob("app.log*")) == ["app.log", "app.log.1"]


def test_a_full_disk_ends_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    handler = logs.SharedFile(tmp_path / "missing" / "app.log")
    handler.handle(logging.LogRecord("x", logging.INFO, "", 0, "lost", None, None))
    assert capsys.readouterr().err == ""
