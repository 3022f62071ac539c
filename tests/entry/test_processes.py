"""Recoup as a person starts it: everything up, whatever dies comes back, and nothing is left when it ends."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest

from recoup.core.clock import hour_of, utc_now
from recoup.sandbox import faults
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import CLEAN, SERVICES, UsageWorld, hours_before
from support.postgres import server_of
from support.processes import RECOUP, Running, environment, left_of, recoup, running

SERVICE = SERVICES[0]


def until(so: Callable[[], object], seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def at_work(up: Running) -> bool:
    """Say whether a worker of this tree has said that it works since the last one was started."""
    return up.said().count("Working as") >= up.said().count("Started the worker")


def started_anew(home: Path, before: int) -> bool:
    """Say whether another database server than before lives."""
    try:
        now = server_of(home)
        return now != before and (Path("/proc") / str(now)).exists()
    except (OSError, IndexError, ValueError):  # the file that names it is being written
        return False


def test_up_starts_everything_restarts_what_dies_and_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp_path, "up") as up:
        client = up.client()
        up.wait(lambda: at_work(up))
        [server], [worker] = up.children("server"), up.children("worker")

        os.kill(worker, signal.SIGKILL)
        up.wait(lambda: up.children("worker") not in ([], [worker]))
        up.wait(lambda: at_work(up))
        assert "The worker 1 ended (signal 9)" in up.said()

        run = client.post("/jobs/files.sweep/runs", json={})
        assert run.status_code == 202
        up.wait(lambda: client.get(run.headers["location"]).json()["state"] == "succeeded")

        database = server_of(tmp_path / "var")
        os.kill(database, signal.SIGKILL)
        up.wait(lambda: started_anew(tmp_path / "var", database))
        up.wait(lambda: client.get("/readyz").status_code == 200 and client.get("/runs").status_code == 200)

        client.close()
        os.kill(server, signal.SIGKILL)
        up.wait(lambda: up.children("server") == [])
        # The address stays open while nobody answers: whoever calls waits for the next server.
        assert httpx2.get(f"{client.base_url}/livez", timeout=30).status_code == 200
        assert up.stop() == 0
        assert left_of(up) == []
        assert up.said().endswith("Everything has stopped.\n")
        assert "Traceback" not in up.said()


def test_a_killed_up_takes_everything_with_it(tmp_path: Path) -> None:
    with running(tmp_path, "up") as up:
        up.client().close()
        up.wait(lambda: at_work(up))
        assert len(left_of(up)) >= 3
        up.stop(signal.SIGKILL)
        assert until(lambda: left_of(up) == [])


def test_a_server_finishes_what_it_answers_when_it_is_told_to_stop(tmp_path: Path) -> None:
    with running(tmp_path, "server") as server:
        client = server.client()
        client.close()
        where, key = client.base_url, client.headers["authorization"]
        head = (
            f"POST /jobs/files.sweep/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {key}\r\n"
            "Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        )
        with socket.create_connection((where.host, where.port or 0), timeout=30) as caller:
            caller.sendall(head.encode() + b"{")
            time.sleep(0.5)  # the request is under way, and waits for its last byte
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.5)
            caller.sendall(b"}")
            answer = b"".join(iter(lambda: caller.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert server.process.wait(30) == 0
        assert left_of(server) == []
        assert "Traceback" not in server.said()
    [run] = json.loads(recoup(tmp_path, "runs", "list", "--json").stdout)["items"]
    assert run["state"] == "queued"


def test_a_worker_ends_in_good_order(tmp_path: Path) -> None:
    with running(tmp_path, "worker", "--threads", "2") as worker:
        worker.wait(lambda: "Working as" in worker.said())
        assert worker.stop(signal.SIGINT) == 0
        assert left_of(worker) == []


def test_a_taken_port_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = recoup(tmp_path, "up", RECOUP_PORT=str(port))
    assert ended.returncode == 75
    assert ended.stderr == (
        f"Another program listens on 127.0.0.1:{port}. Stop it, or set RECOUP_PORT to another port.\n"
    )


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            {"RECOUP_PORT": "abc"},
            "recoup.port, from environment (RECOUP_PORT), is 'abc': expected a whole number.",
        ),
        ({"RECOUP_HOME": "/proc/nowhere"}, "/proc/nowhere"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL is not a PostgreSQL address."),
    ],
)
def test_what_cannot_be_started_is_a_sentence(tmp_path: Path, more: dict[str, str], sentence: str) -> None:
    ended = recoup(tmp_path, "server", **more)
    assert (ended.returncode, ended.stdout) == (78, ""), ended
    assert sentence in ended.stderr
    assert ended.stderr.count("\n") == 1


def test_help_waits_for_nothing() -> None:
    heavy = (
        "{'sqlalchemy', 'fastapi', 'pydantic', 'procrastinate', 'alembic', 'psycopg', 'uvicorn', 'httpx2'}"
    )
    program = (
        "import sys; from recoup.entry.cli import main; code = main(['--help']); "
        f"sys.exit(code or sorted({heavy} & set(sys.modules)) or 0)"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "metering" in ended.stdout


def test_what_is_no_text_is_a_sentence(tmp_path: Path) -> None:
    ended = recoup(tmp_path, "journal", "list", "--kind", os.fsdecode(b"x\xff"))
    assert (ended.returncode, ended.stdout) == (65, "")
    assert ended.stderr.startswith("'x\\udcff' is not text in UTF-8.")


def test_a_reader_that_has_enough_is_no_failure(tmp_path: Path) -> None:
    with subprocess.Popen(
        [*RECOUP, "openapi"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as command:
        assert command.stdout
        assert command.stderr
        assert command.stdout.readline() == b"{\n"
        command.stdout.close()
        assert command.stderr.read() == b""
    assert command.returncode in {0, 141}


def test_settings_migrate_and_doctor(tmp_path: Path) -> None:
    shown = json.loads(recoup(tmp_path, "settings", "show", "--json", RECOUP_PROT="1").stdout)
    origins = {one["name"]: (one["value"], one["origin"]) for one in shown["settings"]}
    assert origins["recoup.port"] == ("0", "environment (RECOUP_PORT)")
    assert "RECOUP_PORT?" in shown["unused"][0]
    first, second = (json.loads(recoup(tmp_path, "migrate", "--json").stdout) for _ in range(2))
    assert first["before"] is None
    assert second == {"before": first["after"], "after": first["after"]}
    ended = recoup(tmp_path, "doctor", "--json", S3_BUCKET_NAME="")
    found = {one["name"]: one for one in json.loads(ended.stdout)["checks"]}
    assert [name for name, one in found.items() if one["status"] == "fail"] == ["workers"]
    assert ended.returncode == 1
    assert found["schema"]["status"] == found["files"]["status"] == found["journal"]["status"] == "ok"
    (tmp_path / "var/secrets").mkdir(mode=0o755, exist_ok=True)
    (tmp_path / "var/secrets").chmod(0o755)
    plain = recoup(tmp_path, "doctor").stdout
    assert re.search(r"FAIL +secrets .*/var/secrets\.\n", plain)
    assert "2 of " in plain


def usage(home: Path, clazar: ClazarStandIn) -> dict[str, str]:
    """Lay out six hours of usage that end now; return what the script's user sets."""
    now = hour_of(utc_now())
    UsageWorld(3, [SERVICE], mix=CLEAN).write(home / "usage", hours_before(now, 6))
    UsageWorld(3, [SERVICE], mix=CLEAN).write_marker(home / "usage", now)
    return {
        "SERVICE_NAME": SERVICE.name,
        "ENVIRONMENT_TYPE": SERVICE.environment,
        "PLAN_ID": SERVICE.plan_id,
        "RECOUP_METERING_SOURCE": str(home / "usage"),
        "RECOUP_METERING_START": f"{hours_before(now, 6)[0]:%Y-%m-%dT%H:%M:%SZ}",
        "CLAZAR_CLIENT_ID": clazar.client_id,
        "CLAZAR_CLIENT_SECRET": clazar.client_secret,
        "CLAZAR_API_URL": clazar.metering_url,
    }


def test_the_export_runs_from_a_crontab(tmp_path: Path) -> None:
    with ClazarStandIn(clock=lambda: datetime.now(UTC)) as clazar:
        told = usage(tmp_path, clazar)
        ended = recoup(tmp_path, "metering", "export", **told)
        assert (ended.returncode, ended.stdout) == (0, ""), ended
        assert "Successfully sent data to Clazar" in ended.stderr
        assert len({row.start_time for row in clazar.ledger}) == 6
        again = recoup(tmp_path, "metering", "export", "--json", **told)
        assert again.returncode == 0
        assert json.loads(again.stdout)["streams"][0]["windows"] == {"taken": 6}


def test_ctrl_c_stops_an_export_in_good_order(tmp_path: Path) -> None:
    with ClazarStandIn(clock=lambda: datetime.now(UTC)) as clazar:
        told = usage(tmp_path, clazar)
        clazar.script(faults.slow(1.5), path="/metering/", times=None)
        with running(tmp_path, "metering", "export", env=told) as export:
            export.wait(lambda: "Sending " in export.said())
            assert export.stop(signal.SIGINT) == 130
            assert left_of(export) == []
            assert "It stops at its next step." in export.said()
            assert "Traceback" not in export.said()
        clazar.clear_script()
        [run] = json.loads(recoup(tmp_path, "runs", "list", "--json", **told).stdout)["items"]
        assert run["state"] == "cancelled"
        assert recoup(tmp_path, "metering", "export", **told).returncode == 0
        hours = [row.start_time for row in clazar.ledger]
        assert len(set(hours)) == 6


def test_a_second_ctrl_c_waits_for_nothing(tmp_path: Path) -> None:
    with ClazarStandIn(clock=lambda: datetime.now(UTC)) as clazar:
        told = usage(tmp_path, clazar)
        clazar.script(faults.slow(30), path="/metering/", times=None)
        with running(tmp_path, "metering", "export", env=told) as export:
            export.wait(lambda: "Sending " in export.said())
            export.process.send_signal(signal.SIGINT)
            export.wait(lambda: "It stops at its next step." in export.said())
            begun = time.monotonic()
            assert export.stop(signal.SIGINT) == 130
            assert time.monotonic() - begun < 15
            assert left_of(export) == []
            assert "Traceback" not in export.said()
