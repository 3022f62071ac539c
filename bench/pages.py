"""The portal's pages over a million rows in each of the large tables: the server's time for each, asked one at a time.

House tables (runs, deliveries, events, the access log) hold a million rows each, and so do the entries and the parts
of one metering stream; nothing else runs meanwhile. Beside them stands the lightest page behind the door, which reads
no such table: the ratio says what the rows cost. Wanted: none over 300 ms.
"""

from __future__ import annotations

import http.client
import statistics
import time

import psycopg

from portal import laid_out, served

ROWS = 1_000_000
HOURS, CONTRACTS, DIMENSIONS = 2_500, 80, 5
"""Of the metering stream: a million entries."""
TIMES = 5
WANTED = 300
STREAM = "01900000-0000-7000-a000-000000000001"
KEY = "Postgres:PROD:pt-1"
LIGHTEST = "/desk/account"

MADE_OF_TIME = (
    "(lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '7' || substr(md5(n::text), 1, 3) || 'a' "
    "|| substr(md5(n::text), 4, 15))::uuid"
)
MINUTES = (
    "(select n, now() - (%(rows)s - n) * interval '1 minute' as at from generate_series(1, %(rows)s) n) made"
)
HOUR = "date_trunc('hour', now()) - h * interval '1 hour'"

STATEMENTS = (
    f"""insert into deliveries (id, key, kind, channel, subject, payload, is_secret, sha256, headers, state, attempt,
      handings, crashes, next_attempt_at, answer, created_at, updated_at)
    select {MADE_OF_TIME}, 'bench:' || n, 'metering.submission', 'clazar', 'metering/window/' || mod(n, 1000), '{{}}',
      false, 'x', '{{}}', case when mod(n, 500) = 0 then 'refused' else 'accepted' end, 1, 1, 0, at,
      '{{}}', at, at from {MINUTES}""",
    f"""insert into events (id, at, actor, kind, subject, detail)
    select {MADE_OF_TIME}, at, 'schedule', case when mod(n, 7) = 0 then 'outbox.accepted'
      else 'metering.window_taken' end,
      'metering/window/' || n, '{{}}' from {MINUTES}""",
    f"""insert into access_log (id, at, name, how, address, agent, method, action, subject, status, detail)
    select {MADE_OF_TIME}, at, 'a@b.test', 'session', '192.0.2.' || mod(n, 200), 'Firefox', 'GET', 'opened',
      '/desk/runs', 200, '' from {MINUTES}""",
    f"""insert into metering_streams (id, key, cloud, currency, first_hour, marker_to, before_start, created_at)
    select '{STREAM}', '{KEY}', 'aws', 'USD', date_trunc('hour', now()) - interval '{HOURS} hours',
      date_trunc('hour', now()), '', now()""",
    f"""insert into metering_windows (id, stream_id, hour, state, reason, deadline, listing, files, records,
      folded_records, unbilled_records, quarantined_records, quarantined_quantity, taken_at, tried_at, completed_by)
    select md5('w' || h)::uuid, '{STREAM}', {HOUR}, 'taken', '', {HOUR} + interval '25 hours', 'x', 1, 8000, 0,
      20, 0, 0, now(), now(), 'marker' from generate_series(1, {HOURS}) h""",
    """insert into metering_files (id, window_id, key, etag, size, sha256, records, quarantined)
    select md5('f' || id)::uuid, id, 'k' || id, 'e', 100000, 'sha', 100, 0 from metering_windows""",
    f"""insert into metering_parts (window_id, file_id, contract, subscription, organization, customer, dimension,
      quantity, records, amount, unpriced, folded_records, folded_quantity)
    select w.id, md5('f' || w.id)::uuid, case when k < {CONTRACTS} then 'contract-' || k end, 'sub-' || k, 'org',
      'customer', 'dimension-' || d, 1.2345678 + k, 20, 0.55, 0, 0, 0
    from metering_windows w, generate_series(0, {CONTRACTS + 9}) k, generate_series(1, {DIMENSIONS}) d""",
    f"""insert into metering_entries (id, stream_id, window_id, hour, contract, dimension, measured, carried_in,
      quantity, carried_out, amount, state, reason, submissions, handings, answer, updated_at)
    select md5('e' || w.id || k || d)::uuid, '{STREAM}', w.id, w.hour, 'contract-' || k, 'dimension-' || d,
      1.2345678 + k, 0, 1 + k, 0.2345678, 0.55, case when w.hour > now() - interval '3 hours' then 'planned'
        when k = 3 and extract(hour from w.hour) = 5 then 'expired' else 'accepted' end, '', 1, 1, '{{}}', now()
    from metering_windows w, generate_series(0, {CONTRACTS - 1}) k, generate_series(1, {DIMENSIONS}) d""",
    f"""insert into owed_items (id, key, area, party, title, link, amount_minor, currency, state, lapses_at, opened_at,
      ended_at, reason)
    select md5('o' || w.id || k)::uuid, 'metering:{KEY}:' || to_char(w.hour at time zone 'utc', 'YYYY-MM-DD"T"HH24')
        || ':contract-' || k, 'metering', 'contract-' || k, 'Usage', '/desk', 55, 'USD',
      case when w.hour > now() - interval '3 hours' then 'open' else 'settled' end, w.deadline, w.hour,
      case when w.hour > now() - interval '3 hours' then null else now() end, 'taken'
    from metering_windows w, generate_series(0, {CONTRACTS - 1}) k""",
    "analyze",
)

PAGES = (
    "/desk",
    "/desk/waiting",
    "/desk/search?q=bench:77",
    "/desk/jobs",
    "/desk/jobs/metering.export",
    "/desk/runs",
    "/desk/runs?state=failed&to=2025-06-01",
    "/desk/outbox",
    "/desk/outbox?state=refused",
    "/desk/outbox?key=bench:77",
    "/desk/messages",
    "/desk/journal",
    "/desk/journal?kind=outbox.accepted&until=2025-06-01",
    "/desk/files",
    "/desk/owed",
    "/desk/access",
    "/desk/access?address=203.0.113.9",
    "/desk/access?action=opened&to=2025-06-01",
    "/desk/metering",
    "/desk/metering/windows",
    "/desk/metering/entries",
    "/desk/metering/entries?state=expired",
    "/desk/metering/entries?dimension=dimension-3",
    "/desk/metering/unbilled",
    "/desk/metering/remainders",
    f"/desk/metering/streams/{STREAM}",
    f"/desk/metering/streams/{STREAM}/usage",
)


def main() -> None:
    """Measure, and print."""
    with laid_out() as house:
        lay_out(house.owner_url)
        with served(house.home, house.environ) as where:
            report(where, house.headers)


def report(where: tuple[str, int], headers: dict[str, str]) -> None:
    """Ask for every page, and print."""
    floor = took(where, LIGHTEST, headers)
    print(f"{ROWS:,} rows in each large table; milliseconds, median of {TIMES} (wanted: none over {WANTED})")
    print(f"{floor:7.1f}          {LIGHTEST}")
    for path in PAGES:
        time_ = took(where, path, headers)
        print(f"{time_:7.1f}  {time_ / floor:6.1f} x  {path}{'   TOO SLOW' if time_ > WANTED else ''}")


def lay_out(owner_url: str) -> None:
    """Write the rows."""
    url = owner_url.replace("postgresql+psycopg", "postgresql")
    with psycopg.connect(url, autocommit=True, options="-c recoup.role=system") as db:
        for statement in STATEMENTS:
            db.execute(statement, {"rows": ROWS} if "%(rows)s" in statement else None)


def took(where: tuple[str, int], path: str, headers: dict[str, str]) -> float:
    """Return the median of a page's time, once it was asked for."""
    times = []
    for _ in range(TIMES + 1):
        connection = http.client.HTTPConnection(*where, timeout=60)
        start = time.perf_counter()
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        times.append((time.perf_counter() - start) * 1_000)
        connection.close()
        if answer.status != 200:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
    return statistics.median(times[1:])


if __name__ == "__main__":
    main()
