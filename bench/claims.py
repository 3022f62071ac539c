"""Filing claims under load, and the lists over a million of them.

Claims with one PDF of 200 kB each are filed by 16 connections at once, beside a bare FastAPI route that writes the
same bytes to the same kind of store and inserts one row. Ours is measured with documents copied (wanted: at least 0.40
of the bare rate) and with documents read and rewritten, whose cost is printed apart. Then: what an upload of 10 MB adds
to the server's memory, and answer times of the desk's queue and the lists at fifty requests a second over a million
claims.
"""

from __future__ import annotations

import http.client
import io
import multiprocessing
import os
import queue
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pikepdf
from sqlalchemy import text
from sqlalchemy.orm import Session

from portal import listening, percentile, steady, wait_for
from recoup import app
from recoup.areas.claims.controls import MOST_MB
from recoup.areas.claims.documents.keeper import Keeper
from recoup.areas.claims.models import Policy
from recoup.core.clock import utc_now
from recoup.core.postgres import EmbeddedPostgres
from recoup.office.controls import service as controls
from recoup.office.people.models import Factor, Person
from recoup.office.people.permissions import Role
from recoup.office.people.rules.limits import Client
from recoup.office.people.service import people
from recoup.office.people.service.sessions import open_session

CONNECTIONS, ASKERS = 16, 2
SECONDS, ROUNDS = 10.0, 3
CLAIMS = 1_000_000
SETTLES = 45.0
"""Seconds that the database has to itself after they were written."""
HERE = Path(__file__).parent
PAGES = {
    "own claims (API)": ("customer", "/claims"),
    "all claims (API)": ("reviewer", "/claims/all"),
    "queue, due first": ("reviewer", "/desk/claims"),
    "queue, largest": ("reviewer", "/desk/claims?order=largest"),
    "my claims": ("customer", "/desk/my-claims"),
}
"""What is asked at fifty requests a second."""

ROWS = """
insert into claims (claim_number, person_id, person_name, policy_id, policy_number, claim_type, incident_date,
  description, currency, claim_minor, approved_minor, status, status_notes, reason_code, version, open_flags,
  is_history, created_at, updated_at, looked_at, status_since, due_at, decided_at, loss_location, cause,
  police_report_no)
select 'CLM-' || to_char(at, 'YYYYMMDD') || '-' || upper(lpad(to_hex(n), 8, '0')),
  case when n % 5000 = 0 then cast(:person as uuid) else cast(:other as uuid) end, 'Carl', null,
  'H-' || n % 100000,
  (array['medical', 'accident', 'property_damage', 'theft', 'fire'])[1 + n % 5], at::date - 3, 'It broke.', 'EUR',
  10000 + (n::bigint * 7919) % 900000, case when status in ('approved', 'completed') then 9000 end, status,
  case when status = 'rejected' then 'No.' else '' end, '', 2, (n % 29 = 0)::int, false, at, at, at, at,
  at + interval '2 d',
  case when status in ('approved', 'completed', 'rejected') then at + interval '3 d' end, '', '', ''
from (select n, now() - (:rows - n) * interval '1 minute' as at,
  case when n > :rows - 40000 then (array['pending', 'under_review'])[1 + n % 2]
    else (array['completed', 'completed', 'rejected', 'approved'])[1 + n % 4] end as status
  from generate_series(1, :rows) n) made
"""


@dataclass(frozen=True, slots=True)
class Holder:
    """Somebody with a policy: their id, what their browser sends, and the policy's number."""

    id: str
    headers: dict[str, str]
    policy: int


@dataclass(frozen=True, slots=True)
class House:
    """Where a Recoup lives, and who may come in."""

    home: Path
    environ: dict[str, str]
    databases: app.Databases
    holders: tuple[Holder, ...]
    reviewer: dict[str, str]


def main() -> None:
    """Measure, and print."""
    with laid_out() as house:
        measure_filing(house)
        measure_reading()
        measure_memory(house)
        measure_lists(house)


def measure_filing(house: House) -> None:
    """Print how many claims are filed in a second."""
    print(
        f"{os.cpu_count()} cores, {CONNECTIONS} connections, PDF of 200 kB, "
        f"median of {ROUNDS} rounds of {SECONDS:.0f} s"
    )
    document, rates = pdf(200_000), {name: list[float]() for name in programs(house)}
    for _ in range(ROUNDS):  # in turns, so that whatever else the machine does meets all
        for name, words in programs(house).items():
            with listening() as door, serving(words, door, house):
                rates[name].append(throughput(door.getsockname()[:2], document, house.holders[:CONNECTIONS]))
    bare = statistics.median(rates["bare"])
    for name, found in rates.items():
        rate = statistics.median(found)
        print(f"{name:18} {rate:7.1f} claims/s  {rate / bare:5.2f} of bare")
    print("                   (wanted: 0.40 with documents copied)")


def measure_reading() -> None:
    """Print what reading and rewriting a document costs."""
    for name, made in {"PDF, 200 kB": pdf(200_000), "PDF, 5 MB": pdf(5_000_000)}.items():
        keeper, folder = Keeper(), Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - only bytes of ours
        source = folder / f"recoup-bench-{os.getpid()}.pdf"
        source.write_bytes(made)
        times = []
        try:
            for number in range(21):
                into = source.with_suffix(f".{number}")
                began = time.perf_counter()
                keeper.examine(source, name="bill.pdf", declared="application/pdf", into=into)
                times.append((time.perf_counter() - began) * 1000)
                into.unlink()
        finally:
            keeper.close()
            source.unlink()
        print(
            f"{name} read and rewritten: {statistics.median(times[1:]):.1f} ms "
            f"(the first, with a cold start, {times[0]:.0f})"
        )


def measure_memory(house: House) -> None:
    """Print what an upload of 10 MB adds to the memory of the server."""
    holder = house.holders[0]
    small, large = (form(pdf(size), policy=holder.policy) for size in (1_000, 9_900_000))
    with listening() as door, serving(programs(house)["ours, rewritten"], door, house) as pid:
        connection = http.client.HTTPConnection(*door.getsockname()[:2], timeout=60)
        for _ in range(20):
            send(connection, small, holder.headers)
        before = memory(pid, "VmRSS")
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")  # forget the peak so far
        for _ in range(3):
            send(connection, large, holder.headers)
        added = memory(pid, "VmHWM") - before
        print(f"an upload of 10 MB adds {added:.1f} MB to {before:.0f} (wanted: less than 20)")


def measure_lists(house: House) -> None:
    """Print answer times over a million claims."""
    settings = app.read_settings(cwd=house.home, environ=house.environ)
    first, second = house.holders[CONNECTIONS:]  # nobody else has hundreds of open claims
    with app.composed(settings, house.databases, channels={}) as system:
        with system.sessions.begin() as db:
            db.execute(text(ROWS), {"rows": CLAIMS, "person": first.id, "other": second.id})
        with system.sessions.begin() as db:
            db.execute(text("analyze claims"))
    time.sleep(SETTLES)  # what writing a million rows set going in the database is no part of an answer
    who = {"customer": first.headers, "reviewer": house.reviewer}
    with listening() as door, serving(programs(house)["ours, rewritten"], door, house):
        print(f"\n{CLAIMS:,} claims, 50 requests/s   p50      p99     most  (ms; wanted: p99 under 60)")
        for name, (role, path) in PAGES.items():
            times = steady(door.getsockname()[:2], path, who[role])
            print(f"{name:28} {times[len(times) // 2]:7.1f}  {percentile(times, 99):7.1f}  {times[-1]:7.1f}")


def programs(house: House) -> dict[str, list[str]]:
    """Return the servers that are measured, without the port that each gets."""
    ours = [sys.executable, str(HERE / "_claims_ours.py")]
    return {
        "bare": [sys.executable, str(HERE / "_claims_floor.py"), str(house.home / "bare")],
        "ours, copied": [*ours, "plain"],
        "ours, rewritten": [*ours, "real"],
    }


@contextmanager
def serving(words: list[str], door: socket.socket, house: House) -> Iterator[int]:
    """Run a server on a port until it is not needed any more; yield its process id."""
    descriptor = door.fileno()
    command = [*words, str(descriptor)]
    with subprocess.Popen(command, cwd=house.home, env=house.environ, pass_fds=[descriptor]) as process:
        try:
            wait_for(door.getsockname()[:2])
            yield process.pid
        finally:
            process.terminate()


@contextmanager
def laid_out() -> Iterator[House]:
    """Lay out a house; everything of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="recoup-bench-") as folder:
        home = Path(folder)
        (home / "bare").mkdir()
        with EmbeddedPostgres(home / "postgres-home") as postgres:
            roles = postgres.provision(database="bench")
            environ = {
                **os.environ,
                "RECOUP_HOME": str(home),
                "RECOUP_PORT": "0",
                "DATABASE_URL": roles.app_url,
                "DATABASE_OWNER_URL": roles.owner_url,
            }
            yield prepared(home, environ, app.Databases(roles.owner_url, roles.app_url))


def prepared(home: Path, environ: dict[str, str], databases: app.Databases) -> House:
    """Add a policy holder for each connection, two who file nothing, and a reviewer; sign them in."""
    settings, now = app.read_settings(cwd=home, environ=environ), utc_now()
    holders = []
    with app.composed(settings, databases, channels={}) as system, system.sessions.begin() as db:
        reviewer = signed_in(db, Role.REVIEWER, "reviewer@b.test")[1]
        for number in range(CONNECTIONS + 2):
            person, headers = signed_in(db, Role.CUSTOMER, f"holder{number}@b.test")
            policy = Policy(
                policy_number=f"H-{number}",
                person_id=person.id,
                kind="health",
                start_date=date(2020, 1, 1),
                end_date=date(2040, 1, 1),
                premium_minor=1,
                sum_insured_minor=None,
                currency="EUR",
                status="active",
                auto_renew=True,
                created_at=now,
                updated_at=now,
            )
            db.add(policy)
            db.flush()
            holders.append(Holder(str(person.id), headers, policy.id))
        controls.change(db, MOST_MB, 100_000, expected_version=0, actor="bench", now=now)
    return House(home, environ, databases, tuple(holders), reviewer)


def signed_in(db: Session, role: Role, address: str) -> tuple[Person, dict[str, str]]:
    """Add somebody, and return what their browser sends."""
    now = utc_now()
    person = people.add(db, address=address, role=role, name="", actor="bench", now=now)
    token = open_session(
        db,
        person,
        kind="browser",
        client=Client("127.0.0.1", "bench"),
        now=now,
        factor=Factor.CONSOLE,
        how="bench",
    ).token
    return person, {"Cookie": f"recoup={token}", "Sec-Fetch-Site": "same-origin"}


def throughput(where: tuple[str, int], document: bytes, holders: Sequence[Holder]) -> float:
    """File as fast as the connections take it, each for a holder of its own; return claims per second."""
    results: multiprocessing.Queue[int] = multiprocessing.Queue()
    askers = [
        multiprocessing.Process(target=file_on, args=(where, document, holders[number::ASKERS], results))
        for number in range(ASKERS)
    ]
    for asker in askers:
        asker.start()
    count = sum(results.get() for _ in askers)
    for asker in askers:
        asker.join()
    return count / SECONDS


def file_on(
    where: tuple[str, int],
    document: bytes,
    holders: Sequence[Holder],
    results: multiprocessing.Queue[int],
) -> None:
    """File on several connections of one process; put the number of claims."""
    counts: queue.Queue[int] = queue.Queue()

    def work(holder: Holder) -> None:
        connection = http.client.HTTPConnection(*where, timeout=60)
        body = form(document, policy=holder.policy)
        send(connection, body, holder.headers)  # connected, and warm
        end, count = time.monotonic() + SECONDS, 0
        while time.monotonic() < end:
            send(connection, body, holder.headers)
            count += 1
        counts.put(count)

    threads = [threading.Thread(target=work, args=(one,)) for one in holders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(sum(counts.get() for _ in threads))


def send(connection: http.client.HTTPConnection, body: bytes, headers: dict[str, str]) -> None:
    """File once; another answer than a claim is a mistake of the benchmark."""
    connection.request(
        "POST", "/claims", body, {**headers, "Content-Type": "multipart/form-data; boundary=bench"}
    )
    answer = connection.getresponse()
    told = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status} {told[:300]!r}")


def form(document: bytes, *, policy: int) -> bytes:
    """Return the body of the brief's curl."""
    day = utc_now().date() - timedelta(days=3)
    fields = {
        "user_policy_id": str(policy),
        "claim_type": "medical",
        "incident_date": str(day),
        "description": "Emergency treatment",
        "claim_amount": "5000",
    }
    parts = "".join(
        f'--bench\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head = (
        '--bench\r\nContent-Disposition: form-data; name="files"; filename="bill.pdf"\r\n'
        "Content-Type: application/pdf\r\n\r\n"
    )
    return f"{parts}{head}".encode() + document + b"\r\n--bench--\r\n"


def pdf(size: int) -> bytes:
    """Return a PDF of about ``size`` bytes: a page of text and a picture that nobody can pack."""
    made = pikepdf.new()
    page = made.add_blank_page(page_size=(595, 842))
    width = max(1, size // 300)
    noise = made.make_stream(random.Random(7).randbytes(width * 300))
    noise.Type, noise.Subtype, noise.ColorSpace = (
        pikepdf.Name.XObject,
        pikepdf.Name.Image,
        pikepdf.Name.DeviceRGB,
    )
    noise.Width, noise.Height, noise.BitsPerComponent = width, 100, 8
    page.Resources = pikepdf.Dictionary(XObject=pikepdf.Dictionary(Im0=noise))
    page.Contents = made.make_stream(b"q 400 0 0 400 72 200 cm /Im0 Do Q")
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def memory(pid: int, what: str) -> float:
    """Return a figure of /proc, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(what):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"/proc does not tell {what}")


if __name__ == "__main__":
    main()
