"""A sync is killed at every step there is, and a normal one makes everything right: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import unquote

import pytest

from conftest import TEMPLATE
from faults.foreman import Foreman, House, Order, as_a_crontab_does, composed
from faults.put_back import PutBack
from faults.rights_worker import JOB
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_reports import OWNER, Dress
from support.channel import DAY, made_at, report_of
from support.postgres import Cluster

SCRIPT = Path(__file__).with_name("rights_worker.py")
ONE = timedelta(days=1)
LONG_ON = 2
BEFORE = made_at(DAY + 2 * ONE)
NOW = made_at(DAY + 5 * ONE)
LATER = NOW + timedelta(hours=1)
MANY = 40
LONG = "Live in Köln " * 20_000
"""Of a report that does not come in one piece."""
RECIPIENTS = ("rita@example.com", "leo@example.com")
CHUNKS = 2
EACH = 1
PAIRS = 3
SEED = 20250720
KINDS = {"sql", "commit", "copy", "http", "file", "work", "engine"}
NAMED = (
    "commit: after",
    "file: before rename",
    "file: before link",
)
ALL = os.environ.get("RECOUP_KILLS") == "all"
"""Kill at each of some 800 steps: a quarter of an hour."""


def claims(*, day: int, salt: str = "") -> bytes:
    """Return a day's report: some claims come, some go, some change, one becomes disputed, all views move."""
    told = {}
    for number in range(day * 5, MANY + day * 7):
        policy = f"{salt}US" if number % 11 == day else "WW"
        told[f"C{number:04d}"] = {"views": str(number * 31 * (day + 1)), "claim_policy_monetize": policy}
    told["C0030"]["claim_status_detail"] = ("NONE", "NONE", "DISPUTED", "APPEALED")[day]
    told["C0031"]["video_title"] = LONG if day == LONG_ON else "short"
    return report_of(told)


@dataclass(frozen=True)
class After:
    """Everything that a run leaves in the database, without ids that are made anew each time."""

    reports: list[Any]
    things: list[Any]
    versions: list[Any]
    changes: list[Any]
    owed: list[Any]
    mails: list[Any]
    events: list[Any]


QUERIES = {
    "reports": "select report_id, day, state, is_baseline, rows, things, added, gone, changed, rewritten, views, counts, "
    "causes, told_at is null, sha256, attempts, columns from rights_reports order by report_id",
    "things": "select key, since, is_gone, views, status, detail, policy from rights_things order by key",
    "versions": "select v.key, v.since, v.before, v.is_gone, v.cells, r.report_id from rights_versions v "
    "join rights_reports r on r.id = v.report_id order by 1, 2",
    "changes": "select r.report_id, c.day, c.key, c.sort, c.cause, c.causes, c.columns, c.before, c.after, c.weight "
    "from rights_changes c join rights_reports r on r.id = c.report_id order by 1, 3",
    "owed": "select key, state, lapses_at, title from owed_items where key not like 'rights:report:%' order by key",
    "mails": "select r.report_id, split_part(d.key, ':', 3) from deliveries d join rights_reports r "
    "on d.key like 'rights:' || r.id || ':%' order by 1, 2",
    "events": "select kind, count(*) from events where kind in ('rights.snapshot_taken', 'rights.report_kept', "
    "'rights.told', 'rights.report_lapsed', 'rights.report_rejected') group by 1 order by 1",
}


class Scenario:
    """A content owner of whom two days are known, and three reports that a sync is to take; a new house each trial.

    One of them replaces the first day, so that the second is compared anew; two are of new days.
    """

    def __init__(self, cluster: Cluster, folder: Path, *, template: str) -> None:
        self.cluster, self.folder, self._stack = cluster, folder, ExitStack()
        self.database = cluster.create_database(template)
        self.put_back = PutBack(cluster, self.database.name)
        self.youtube = self._stack.enter_context(YouTubeStandIn(clock=lambda: LATER, token_life=400 * ONE))
        for number in range(2):
            self.youtube.publish(DAY + number * ONE, claims(day=number), created=made_at(DAY + number * ONE))
        self._first = folder / "first"
        with composed(self.house(self._first, BEFORE)) as system:
            run = as_a_crontab_does(system, JOB)
            assert run.summary.startswith("2 reports fetched. 2 snapshots taken"), run.summary
        made = iter(NOW - timedelta(hours=number) for number in (9, 8, 7))
        self.youtube.publish(DAY, claims(day=0, salt="backfill "), created=next(made))
        self.youtube.publish(DAY + 2 * ONE, claims(day=2), created=next(made), dress=Dress.PLAIN)
        self.youtube.publish(DAY + 3 * ONE, claims(day=3), created=next(made))
        self.put_back.remember()
        shutil.copytree(self._first, folder / "warm")
        self.syncer = Foreman(SCRIPT, self.house(folder / "warm", NOW))
        self._stack.callback(self.syncer.close)
        with self.trial() as trial:
            outcome = trial.run(0)
            assert outcome["state"] == "succeeded", outcome
            assert outcome["summary"].startswith("3 reports fetched. 3 snapshots taken"), outcome
            self.labels: list[str] = outcome["labels"]
            self.undisturbed = self.after()
            assert trial.left_over() == []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.put_back.close()
        self._stack.close()

    @contextmanager
    def trial(self) -> Iterator[Trial]:
        """Open a house that is as it was at first, and so is its database."""
        with self.put_back.beside(self._first) as home:
            yield Trial(self, home)

    def after(self) -> After:
        """Return everything that counts."""
        return After(**{name: self.put_back.rows(query) for name, query in QUERIES.items()})

    def house(self, home: Path, now: datetime) -> House:
        """Return a house in a folder, made where it is missing."""
        home.mkdir(exist_ok=True)
        token = self.folder / "token.json"
        token.write_text(json.dumps(self.youtube.credentials()), encoding="utf-8")
        environ = {
            "RECOUP_HOME": str(home / "var"),
            "YOUTUBE_CONTENT_OWNER_ID": OWNER,
            "YOUTUBE_CREDENTIALS_FILE": str(token),
            "RECOUP_RIGHTS_REPORTING_URL": self.youtube.url,
            "RECOUP_RIGHTS_KINDS": "claim",
            "RECOUP_RIGHTS_RECIPIENTS": ",".join(RECIPIENTS),
        }
        return House(str(home), environ, self.database.owner_url, self.database.app_url, now.isoformat())


@dataclass(frozen=True)
class Trial:
    """One house, and what befalls it."""

    scenario: Scenario
    home: Path

    def run(
        self,
        at: int,
        *,
        label: str = "",
        now: datetime = NOW,
        server: Path | None = None,
        sweeps: bool = False,
    ) -> dict[str, Any]:
        """Let a child sync; kill it, or the server with that home, at its step ``at``."""
        house = self.scenario.house(self.home, now)
        order = Order(house, at, label, str(server) if server else None, sweeps)
        return self.scenario.syncer.obey(order)

    def left_over(self) -> list[str]:
        """Return files that nobody needs: of runs that are over, of snapshots that are not the newest."""
        rights = self.home / "var" / "rights"
        found = [str(path.relative_to(self.home)) for path in (rights / "work").iterdir()]
        found += [str(path.relative_to(self.home)) for path in rights.rglob("*.part")]
        newest = "select id from rights_reports where state = 'taken' order by day desc limit 1"
        ((head,),) = self.scenario.put_back.rows(newest)
        prints = rights / "fingerprints"
        return found + [one.name for one in prints.glob("*") if not one.name.startswith(str(head))]

    def problems(self, *, elsewhere: bool) -> Iterator[str]:
        """Sync once more in a new process, as usual, and yield what is not as if nothing had happened."""
        if elsewhere:
            self.scenario.put_back.leave_elsewhere()
        outcome = self.run(0, now=LATER, sweeps=elsewhere)
        if outcome.get("state") != "succeeded":
            yield f"the run after it: {outcome}"
        yield from self.differences()

    def differences(self) -> Iterator[str]:
        """Yield what is not as it is without a kill."""
        for name, expected in asdict(self.scenario.undisturbed).items():
            found = getattr(self.scenario.after(), name)
            if found != expected:
                lost = [row for row in expected if row not in found]
                more = [row for row in found if row not in expected]
                yield f"{name}: {len(lost)} lost {lost[:2]}, {len(more)} too many {more[:2]}"
        yield from self._mails()
        if left := self.left_over():
            yield f"left over: {left}"
        if running := self.scenario.put_back.rows(
            "select id, state from runs where state in ('running', 'queued')"
        ):
            yield f"runs: {running}"
        gone = [
            key
            for (key,) in self.scenario.put_back.rows("select store_key from files")
            if not any(self.home.rglob(Path(key).name))
        ]
        if gone:
            yield f"rows without their file: {gone}"

    def _mails(self) -> Iterator[str]:
        """Yield what is wrong with the mails: each was planned once, and lies in the folder once."""
        if several := [key for key, times in Counter(self.scenario.after().mails).items() if times > 1]:
            yield f"planned several times: {several}"
        mails = (self.home / "var" / "mail").glob("*.eml")
        there = {unquote(path.name.removesuffix(".eml")) for path in mails}
        for key, state in self.scenario.put_back.rows(
            "select key, state from deliveries where key like 'rights:%'"
        ):
            if key not in there or state != "accepted":
                yield f"{key} is {state}, and is {'' if key in there else 'not '}there"


def chosen(labels: list[str], chunk: int) -> list[tuple[str, int]]:
    """Choose steps to be killed at, of those of a chunk: what is named in any case, of the rest some of each kind.

    A step is named by its label and how often that came: threads work side by side, so that its number varies.
    """
    seen: Counter[str] = Counter()
    places: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    work: list[str] = []  # of the transaction so far: a commit is told by what it commits
    for label in labels:
        seen[label] += 1
        context = dict.fromkeys(work) if label.startswith("commit") else work[-1:]
        places.setdefault((label, *context), []).append((label, seen[label]))
        work = [] if label == "commit: after" else [*work, label]
    if ALL:
        return [step for steps in places.values() for step in steps][chunk::CHUNKS]
    named = [key for key in places if key[0].startswith(NAMED)]
    random = Random(SEED + chunk)
    kinds = [
        [key for key in places if key not in named and key[0].startswith(kind)] for kind in sorted(KINDS)
    ]
    some = [key for keys in kinds for key in random.sample(keys, EACH)]
    return [random.choice(places[key]) for key in [*named[chunk::CHUNKS], *some]]


@pytest.fixture(scope="module")
def rights(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with Scenario(cluster, tmp_path_factory.mktemp("rights"), template=TEMPLATE) as made:
        yield made


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_killed_at_any_step_a_sync_loses_nothing_and_doubles_nothing(rights: Scenario, chunk: int) -> None:
    problems, killed, steps = [], [], chosen(rights.labels, chunk)
    for number, (label, nth) in enumerate(steps):
        with rights.trial() as trial:
            outcome = trial.run(nth, label=label)
            if outcome["ended"] == 0:
                continue  # threads and packets vary, and with them how often a step comes: it was over before
            assert outcome["ended"] == -9, outcome
            killed.append(outcome["at"])
            problems += [
                f"killed {outcome['at']}: {one}" for one in trial.problems(elsewhere=number % 2 == 0)
            ]
    assert not problems, "\n".join(problems)
    assert len(killed) > len(steps) * 0.9
    assert {label.partition(":")[0] for label, _ in steps} == KINDS
    print(f"{len(killed)} kill points of {len(rights.labels)} steps")  # noqa: T201 - see it with -rP


def test_killed_again_while_it_recovers_it_loses_nothing_either(rights: Scenario) -> None:
    random, problems, pairs = Random(SEED), [], 0
    while pairs < PAIRS:
        with rights.trial() as trial:
            first = trial.run(random.randrange(1, len(rights.labels)))
            second = trial.run(random.randrange(1, len(rights.labels) // 2), now=LATER)
            if 0 in {first["ended"], second["ended"]}:  # it was over before its step
                continue
            pairs += 1
            ends = f"{first['at']}, then {second['at']}"
            problems += [f"killed {ends}: {one}" for one in trial.problems(elsewhere=pairs % 2 == 0)]
    assert not problems, "\n".join(problems)


def test_a_second_run_changes_nothing(rights: Scenario) -> None:
    with rights.trial() as trial:
        for _ in range(2):
            assert list(trial.problems(elsewhere=False)) == []
