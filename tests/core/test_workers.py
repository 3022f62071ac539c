"""A worker is taken for dead only where that is certain."""

from __future__ import annotations

import os
import subprocess
import sys

from recoup.core.workers import is_dead, worker_name

SLEEPER = "import sys; from recoup.core.workers import worker_name; print(worker_name(), flush=True); sys.stdin.read()"


def test_this_process_lives() -> None:
    assert worker_name() == worker_name()
    assert not is_dead(worker_name())


def test_another_process_lives_until_it_is_killed_and_reaped_or_not() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        name = other.stdout.readline().strip()
        assert name != worker_name()
        assert not is_dead(name)
        other.kill()
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(name)  # a zombie does no work
        other.wait()
        assert is_dead(name)


def test_a_process_number_given_again_is_not_the_old_process() -> None:
    place, pid, started = worker_name().rsplit(":", 2)
    assert is_dead(f"{place}:{pid}:{int(started) - 1}")


def test_nobody_elsewhere_is_taken_for_dead() -> None:
    host, rest = worker_name().split("/")
    for name in (None, "", "nonsense", f"other-{host}/{rest}", f"{host}/00000000:1:1", f"{host}:1"):
        assert not is_dead(name)
