"""The demo, as somebody meets it first: it adds up, and nothing of it stays."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from recoup.core.errors import Conflict
from recoup.entry import demo
from support.portal import portal_of_a_demo

DEMO = [sys.executable, "-m", "recoup.entry.cli", "demo"]


def start(tmp_path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*DEMO, "--hours", "4", "--seed", "3", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        # Whoever has these set must not find sample data in a real marketplace.
        env={
            **os.environ,
            "TMPDIR": str(tmp_path),
            "SERVICE_NAME": "Real",
            "CLAZAR_API_URL": "http://127.0.0.1:9/",
        },
    )


def left_running(tmp_path: Path) -> list[str]:
    """Return the command lines of processes that work in the folder, or were told of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            works_in = str((process / "cwd").readlink())
        except OSError:
            continue
        if int(process.name) != os.getpid() and (str(tmp_path) in works_in or str(tmp_path).encode() in told):
            found.append(told.split(b"\0")[0].decode())
    return found


def test_it_adds_up_with_a_worker_killed_in_the_middle(tmp_path: Path) -> None:
    with start(tmp_path) as running:
        said, told = running.communicate(timeout=240)
    assert running.returncode == 0, told
    result = json.loads(said)
    assert result["ok"]
    assert [check["ok"] for check in result["checks"]] == [True] * 19
    assert result["killed"]["records"] > 0
    assert result["killed"]["seconds"] < 30
    streams = {one["stream"].split(":")[0]: one for one in result["streams"]}
    assert set(streams) == {"Postgres", "Search"}
    for one in streams.values():
        assert one["hours"] == 4
        assert one["accepted"] + one["carried_whole"] == one["entries"]
        assert (one["held"], one["otherwise"]) == (0, 0)
    both = streams.values()
    assert sum(one["sent_twice"] for one in both) >= result["killed"]["records"]
    assert sum(one["adjustments"] for one in both) == 4  # the dimensions of the late file
    assert streams["Postgres"]["remainders"] > 0  # AWS takes whole numbers
    assert sum(one["unbilled"] for one in both) > 0
    (held,) = result["held_then_mended"]
    assert "line" in held
    claims, assets = result["reports"]
    assert (claims["kind"], assets["kind"]) == ("claim", "asset")
    assert (claims["snapshots"], claims["fetched"], claims["broken"], claims["made_anew"]) == (12, 13, 1, 1)
    assert (assets["snapshots"], assets["fetched"], assets["broken"], assets["made_anew"]) == (12, 12, 0, 0)
    assert claims["rows"] - claims["folded"] == 12 * 2_000
    assert min(claims["added"], claims["gone"], claims["changed"], claims["waiting"], assets["changed"]) > 0
    first, second, third = result["rights_runs"]
    assert first.startswith("21 reports fetched. 21 snapshots taken:")
    assert "ends too early" in first
    assert second.startswith("4 reports fetched. 4 snapshots taken:")
    assert third == "No new reports. Nothing to process."
    assert "policy changed" in result["newest_changes"]
    assert result["mails"] > 4  # one for each kind of report in each of two runs, and that something was held
    assert "kill -9" in told
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_stopped_in_the_middle_it_takes_everything_with_it(tmp_path: Path) -> None:
    with start(tmp_path) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Time now passes" in line:
                break
        running.send_signal(signal.SIGINT)
        assert "Stopped. Nothing is left running." in running.stderr.read()
        running.wait(60)
    assert running.returncode == 130
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_when_nobody_reads_on_it_ends_too(tmp_path: Path) -> None:
    with start(tmp_path) as running:
        assert running.stderr is not None
        running.stderr.readline()
        running.stderr.close()
        running.wait(120)
    assert running.returncode == 128 + signal.SIGPIPE
    assert left_running(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_no_demo_made_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mine = tmp_path / "var/demo/mine"
    mine.mkdir(parents=True)
    with pytest.raises(Conflict, match="no demo made it"):
        demo.run(keep=True)
    assert mine.is_dir()


def test_the_portal_shows_both_on_its_first_screen(tmp_path: Path) -> None:
    with (
        portal_of_a_demo(tmp_path, hours=4) as portal,
        httpx2.Client(base_url=portal.address, follow_redirects=True, timeout=30, trust_env=False) as visitor,
    ):
        visitor.get(portal.link)
        first = visitor.post(portal.link, headers={"Origin": portal.address})
        assert first.url.path == "/desk"
        shown = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", first.text))
        assert "Claims changed on" in shown
        assert "Usage accepted until" in shown
        changes = visitor.get("/desk/rights").text
        assert "Kettenbrücke Musik" in changes
        assert "policy changed" in changes
        with portal.client() as program:
            assert program.get("/jobs/rights.sync").json()["paused"]  # its stand-in ended with the demo


@pytest.mark.parametrize("hours", ["1", "241"])
def test_hours_are_bounded(hours: str) -> None:
    ended = subprocess.run([*DEMO, "--hours", hours], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 64
    assert "--hours" in ended.stderr
