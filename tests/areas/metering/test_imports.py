"""Taking over from the old scripts: no hour twice, and nothing that they could not submit is forgotten."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from recoup.areas.metering.jobs.export import chosen
from recoup.areas.metering.models import Entry, Window
from recoup.areas.metering.service import adjustments, imports
from recoup.areas.metering.service.state_files import OldError, OldState
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.clock import hour_of
from recoup.core.errors import Conflict
from recoup.office.owed import queries as owed
from recoup.sandbox.clazar import ClazarStandIn
from recoup.sandbox.usage import CLEAN, SERVICES, UsageWorld, hours_before
from support.house import MovableClock
from support.market import Market, market
from support.postgres import Database

SERVICE = SERVICES[0]
NOW = datetime(2025, 7, 1, 6, 30, tzinfo=UTC)
ENVIRON = {"SERVICE_NAME": SERVICE.name, "ENVIRONMENT_TYPE": SERVICE.environment, "PLAN_ID": SERVICE.plan_id}
JUNE = datetime(2025, 6, 1, tzinfo=UTC)
STATE = OldState(
    SERVICE.stream,
    datetime(2025, 6, 30, 23, tzinfo=UTC),
    (OldError("contract-1", "cpu_core_hours", JUNE, "360", "Some error"),),
)


def take_over(here: Market) -> None:
    (config,) = chosen(here.system.settings.section("metering", MeteringSettings), None)
    with here.system.sessions.begin() as db:
        imports.take_over(db, config, STATE, actor="Alice", now=here.clock())


def test_it_goes_on_where_the_old_script_stopped(database: Database, tmp_path: Path) -> None:
    clock = MovableClock(NOW)
    with (
        ClazarStandIn(clock=clock) as clazar,
        market(database, tmp_path, clazar, clock=clock, environ=ENVIRON) as here,
    ):
        UsageWorld(3, [SERVICE], mix=CLEAN).write(here.files, hours_before(hour_of(NOW), 12))
        take_over(here)
        here.export()
        hours = {row.start_time for row in clazar.ledger}
        assert min(hours) == datetime(2025, 7, 1, 0, tzinfo=UTC)
        assert max(hours) == datetime(2025, 7, 1, 5, tzinfo=UTC)
        with here.system.sessions.begin() as db:
            windows = db.scalars(select(Window.hour).order_by(Window.hour)).all()
        assert list(windows) == [JUNE, *(datetime(2025, 7, 1, hour, tzinfo=UTC) for hour in range(6))]
        with pytest.raises(Conflict, match="already"):
            take_over(here)


def test_what_it_could_not_submit_waits_for_a_person_and_may_go_with_the_next_hour(
    database: Database, tmp_path: Path
) -> None:
    clock = MovableClock(NOW)
    with (
        ClazarStandIn(clock=clock) as clazar,
        market(database, tmp_path, clazar, clock=clock, environ=ENVIRON) as here,
    ):
        take_over(here)
        assert here.export().needs_person
        with here.system.sessions.begin() as db:
            (entry,) = db.scalars(select(Entry)).all()
            assert (entry.state, entry.quantity) == ("held", Decimal(360))
            assert "Some error" in entry.reason
            item = owed.by_key(db, f"metering:{SERVICE.stream}:2025-06-01T00:contract-1")
            assert item is not None
            assert item.state == "open"
            adjustments.retry(db, entry.id, how="restamp", note="", actor="Alice", now=clock())
        with here.system.sessions.begin() as db:
            item = owed.by_key(db, f"metering:{SERVICE.stream}:2025-06-01T00:contract-1")
            assert item is not None
            assert item.state == "settled"
        clock.advance(hours=3)
        here.export()
        (row,) = clazar.ledger
        assert (row.contract_id, row.quantity) == ("contract-1", "360")
        assert row.start_time == datetime(2025, 7, 1, 5, tzinfo=UTC)
