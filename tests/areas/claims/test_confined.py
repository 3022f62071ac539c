from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from recoup.areas.claims import confined
from recoup.areas.claims.documents.limits import MEGABYTE, Limits
from recoup.core.errors import Invalid, RecoupError, Unavailable, Unsupported

LIMITS = Limits(memory=512 * MEGABYTE, processor=20, clock=30.0, written=MEGABYTE)


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask a child that runs some lines with ``request``; what they leave in ``found`` is the answer."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))

    def asked(lines: str, limits: Limits = LIMITS, **request: Any) -> dict[str, Any]:
        body = "\n    ".join(dedent(lines).strip().splitlines())
        (tmp_path / "sample_child.py").write_text(
            "import os, signal, sys, time\nfrom recoup.areas.claims import confined\nfrom recoup.core import errors\n"
            f"def task(request):\n    {body}\n    return found\n"
            "if __name__ == '__main__':\n    confined.serve(task)\n"
        )
        return confined.ask("sample_child", request, limits=limits, threads=1, doing="Counting the sheep")

    return asked


def test_a_child_answers_whatever_its_libraries_print(ask: Any) -> None:
    lines = "print('noise'); os.write(1, b'more noise'); found = {'twice': 2 * request['number']}"
    assert ask(lines, number=21) == {"twice": 42}


def test_a_child_knows_nothing_of_our_environment(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://somewhere")
    assert "DATABASE_URL" not in ask("found = dict(os.environ)")


def test_what_a_child_refuses_is_refused_in_its_words(ask: Any) -> None:
    with pytest.raises(Unsupported, match="No sheep") as refused:
        ask("raise errors.Unsupported('No sheep here.', fix='Bring one.')")
    assert refused.value.fix == "Bring one."


@pytest.mark.parametrize(
    ("lines", "limits", "failure", "sentence"),
    [
        ("os.kill(os.getpid(), signal.SIGKILL)", LIMITS, Unavailable, "was stopped"),
        ("os.abort()", LIMITS, Unavailable, "was stopped"),
        ("found = bytearray(1 << 30)", LIMITS, Invalid, "too much memory"),
        (
            "time.sleep(60)",
            Limits(memory=LIMITS.memory, processor=20, clock=1.0),
            Invalid,
            "longer than 1 seconds",
        ),
        (
            "while True: pass",
            Limits(memory=LIMITS.memory, processor=1, clock=30.0),
            Invalid,
            "processor's time",
        ),
        ("os._exit(0)", LIMITS, Unavailable, "no answer"),
        ("found = ['a list']", LIMITS, Unavailable, "no answer"),
        ("found = 'x' * (2 << 20)", LIMITS, Unavailable, "failed|no answer"),
    ],
)
def test_a_child_that_comes_to_a_bad_end_says_so_in_a_sentence(
    ask: Any, lines: str, limits: Limits, failure: type[RecoupError], sentence: str
) -> None:
    with pytest.raises(failure, match=f"Counting the sheep .*({sentence})"):
        ask(lines, limits)


def test_what_broke_a_child_is_in_the_log_and_not_in_the_sentence(
    ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.WARNING, "recoup.claims"),
        pytest.raises(Unavailable, match="failed") as failed,
    ):
        ask("raise ValueError('a wolf')")
    assert "a wolf" in caplog.text
    assert "wolf" not in failed.value.sentence()


def test_no_library_reports_to_its_makers(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra ocr is not installed")
    there = {**confined._environment(1), "TMPDIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", "import onnxruntime"], env=there, cwd=tmp_path, check=True, timeout=60
    )
    assert done.returncode == 0
    assert list(tmp_path.iterdir()) == []  # its session file comes with its telemetry
