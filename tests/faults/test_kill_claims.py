"""Filing, deciding and paying a claim is killed at every step there is, and whoever comes back finishes it.

No claim without its documents, no mail twice, no orphan after the sweep.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Self
from urllib.parse import unquote

import pytest

from conftest import TEMPLATE
from faults.claims_worker import DOCUMENTS
from faults.foreman import Foreman, House, Order, composed
from faults.put_back import PutBack
from recoup.office.files import service as files
from support.claims import CARL, pdf, picture, policy_of, populate
from support.house import MovableClock
from support.postgres import Cluster

SCRIPT = Path(__file__).with_name("claims_worker.py")
NOW = MovableClock()()
LATER = NOW + timedelta(hours=1)
CHUNKS = 2
EACH = 20
PAIRS = 2
SEED = 20250724
KINDS = {"sql", "commit", "copy", "file"}
ALL = os.environ.get("RECOUP_KILLS") == "all"
"""Kill at each of some hundred steps."""
QUERIES = {
    "claims": "select status, version, approved_minor, currency, person_name from claims",
    "documents": "select file_name, kind, size, state from claims_documents order by file_name",
    "history": "select was, status, amount_minor, version from claims_history order by id",
    "decisions": "select amount_minor, state, first_by from claims_decisions",
    "payments": "select amount_minor, state, reference from claims_payments",
    "flags": "select kind, about <> '' from claims_flags order by kind, about",
    "filings": "select key from claims_filings",
    "owed": "select state, amount_minor, reason from owed_items where area = 'claims'",
    "mails": "select template, count(*) from messages where template like 'claims%' group by 1 order by 1",
    "events": "select kind, count(*) from events where kind like 'claims.%' or kind = 'files.kept' group by 1 order by 1",
}


class Scenario:
    """A policy holder who is about to file a claim, and a reviewer; a new house each trial."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        self.folder, self._stack = folder, ExitStack()
        self.database = cluster.create_database(TEMPLATE)
        self.put_back = PutBack(cluster, self.database.name)
        self._first = folder / "first"
        with composed(self.house(self._first, NOW)) as system:
            policy_of(system, populate(system)[CARL])
        self.put_back.remember()
        shutil.copytree(self._first, folder / "warm")
        self.worker = Foreman(SCRIPT, self.house(folder / "warm", NOW))
        self._stack.callback(self.worker.close)
        with self.trial() as trial:
            outcome = trial.run(0)
            assert outcome["ended"] == 0, outcome
            self.labels: list[str] = outcome["labels"]
            self.undisturbed = self.after()
            assert list(trial.loose_ends()) == []

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

    def after(self) -> dict[str, list[Any]]:
        """Return everything that counts."""
        return {name: self.put_back.rows(query) for name, query in QUERIES.items()}

    def house(self, home: Path, now: datetime) -> House:
        """Return a house in a folder, made where it is missing."""
        home.mkdir(exist_ok=True)
        for name, body in zip(DOCUMENTS, (pdf(), picture("PNG")), strict=True):
            (home / name).write_bytes(body)
        environ = {"RECOUP_HOME": str(home / "var")}
        return House(str(home), environ, self.database.owner_url, self.database.app_url, now.isoformat())


@dataclass(frozen=True)
class Trial:
    """One house, and what befalls it."""

    scenario: Scenario
    home: Path

    def run(self, at: int, *, now: datetime = NOW, sweeps: bool = False) -> dict[str, Any]:
        """Let a child live through the story; kill it at its step ``at``."""
        return self.scenario.worker.obey(Order(self.scenario.house(self.home, now), at, sweeps=sweeps))

    def problems(self, *, elsewhere: bool) -> Iterator[str]:
        """Let somebody come back and go on; yield what is not as if nothing had happened."""
        if elsewhere:
            self.scenario.put_back.leave_elsewhere()
        outcome = self.run(0, now=LATER, sweeps=True)
        if outcome["ended"] != 0:
            yield f"the run after it: {outcome}"
        after = self.scenario.after()
        for name, expected in self.scenario.undisturbed.items():
            if after[name] != expected:
                yield f"{name}: {after[name]} instead of {expected}"
        yield from self.loose_ends()

    def loose_ends(self) -> Iterator[str]:
        """Yield mails that are not there once, objects without a row after the sweep, and rows without an object."""
        rows = self.scenario.put_back.rows
        there = Counter(unquote(one.stem) for one in (self.home / "var" / "mail").glob("*.eml"))
        for key, state in rows("select key, state from deliveries where key like 'claims:%'"):
            if state != "accepted" or there[key] != 1:
                yield f"{key} is {state}, and is there {there[key]} times"
        with composed(self.scenario.house(self.home, LATER)) as system:
            with system.sessions.begin() as db:
                now = datetime.now(LATER.tzinfo) + timedelta(minutes=5)
                swept = files.sweep_orphans(db, system.ports.files, now=now, older_than=timedelta(0))
            left = {one.key for one in system.ports.files.list("files/")}
        kept = {key for (key,) in rows("select store_key from files")}
        if left != kept or swept.without_object or swept.wrong_size:
            yield f"after the sweep {left - kept} have no row and {kept - left} no object: {swept}"
        if lost := rows(
            "select id from claims c where not exists (select 1 from claims_documents d where d.claim_id = c.id)"
        ):
            yield f"claims without documents: {lost}"


@pytest.fixture(scope="module")
def claims(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scenario]:
    with Scenario(cluster, tmp_path_factory.mktemp("claims")) as made:
        yield made


def chosen(labels: list[str], chunk: int) -> list[int]:
    """Choose steps to be killed at: of a chunk all of them, or some, among them one of each kind."""
    mine = list(range(1, len(labels) + 1))[chunk::CHUNKS]
    if ALL:
        return mine
    random = Random(SEED + chunk)
    kinds = {kind: [one for one in mine if labels[one - 1].startswith(kind)] for kind in KINDS}
    some = [random.choice(found) for found in kinds.values()]
    return sorted({*some, *random.sample(mine, EACH // CHUNKS)})


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_killed_at_any_step_a_claim_is_filed_and_decided_once(claims: Scenario, chunk: int) -> None:
    problems, steps = [], chosen(claims.labels, chunk)
    for number, step in enumerate(steps):
        with claims.trial() as trial:
            outcome = trial.run(step)
            assert outcome["ended"] == -9, outcome
            problems += [
                f"killed {step} {outcome['at']}: {one}" for one in trial.problems(elsewhere=number % 2 == 0)
            ]
    assert not problems, "\n".join(problems)
    print(f"{len(steps)} kill points of {len(claims.labels)} steps")  # noqa: T201 - see it with -rP


def test_killed_again_while_somebody_goes_on_it_is_done_once(claims: Scenario) -> None:
    random, problems, pairs = Random(SEED), [], 0
    while pairs < PAIRS:
        with claims.trial() as trial:
            first = trial.run(random.randrange(1, len(claims.labels)))
            second = trial.run(random.randrange(1, len(claims.labels) // 2), now=LATER, sweeps=True)
            if 0 in {first["ended"], second["ended"]}:  # it was over before its step
                continue
            pairs += 1
            ends = f"{first['at']}, then {second['at']}"
            problems += [f"killed {ends}: {one}" for one in trial.problems(elsewhere=pairs % 2 == 0)]
    assert not problems, "\n".join(problems)


def test_coming_back_after_the_end_changes_nothing(claims: Scenario) -> None:
    with claims.trial() as trial:
        for _ in range(2):
            assert list(trial.problems(elsewhere=False)) == []
