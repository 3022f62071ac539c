"""Pages of streams: how they stand beside one another, the map of one stream's hours, its usage over days."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.responses import Response

from recoup.areas.metering.models import Stream
from recoup.areas.metering.queries import board_rows, detail_rows, stream_rows, usage_rows
from recoup.areas.metering.rules import hour_map, usage
from recoup.areas.metering.rules.streams import StreamConfig
from recoup.areas.metering.rules.usage import Stack
from recoup.areas.metering.service import streams as setting_up
from recoup.areas.metering.service.submissions import CHANNEL
from recoup.areas.metering.settings import MeteringSettings
from recoup.core.errors import RecoupError
from recoup.core.quantity import to_text
from recoup.core.system import System
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Now, Router, Running
from recoup.web.wire import Word, found

CONFIG_ENV = """\
S3_BUCKET_NAME=your-usage-bucket
SERVICE_NAME=Postgres
ENVIRONMENT_TYPE=PROD
PLAN_ID=pt-…
CLAZAR_CLOUD=aws
CLAZAR_CLIENT_ID=…
CLAZAR_CLIENT_SECRET_FILE=/etc/recoup/clazar-secret"""
RECOUP_TOML = """\
[metering]
bucket = "your-usage-bucket"
cloud = "aws"
clazar_client_id = "…"

[[metering.streams]]
service = "Postgres"
environment = "PROD"
plan = "pt-…\""""
IN = {0: "", 3: "in thousands", 6: "in millions", 9: "in billions", 12: "in trillions"}
LONGEST_NAME = 22
A_DAY = timedelta(days=1)

router = Router(prefix="/desk/metering", dependencies=[Depends(may("metering.look"))])


@router.get("")
def all_streams(request: Request, db: Db, system: Running, now: Now) -> Response:
    """Show every stream, and how to set one up where there is none."""
    boards = [board_rows.board(db, one, now=now) for one in stream_rows.streams(db)]
    known = {one.stream.key for one in boards}
    problem, configs = _configured(system)
    return pages.render(
        request,
        "metering/streams.html",
        boards=boards,
        configured={one.key for one in configs},
        new=[one for one in configs if one.key not in known],
        problem=problem,
        has_marketplace=CHANNEL in system.ports.channels,
        config_env=CONFIG_ENV,
        recoup_toml=RECOUP_TOML,
    )


@router.get("/streams/{name}")
def one_stream(
    request: Request,
    db: Db,
    now: Now,
    name: Word,
    until: Annotated[date | None, Query(description="The last day of the map.")] = None,
) -> Response:
    """Show the map of a stream's hours."""
    stream = _stream(db, name)
    today = now.astimezone(UTC).date()
    last = min(until or today, today)
    first = last - timedelta(days=hour_map.DAYS - 1)
    known = board_rows.hour_facts(db, stream.id, since=_start(first), until=_start(last) + A_DAY)
    rows = hour_map.days(known, cloud=stream.cloud, first_hour=stream.first_hour, until=last, now=now)
    start = stream.first_hour.astimezone(UTC).date()
    return pages.render(
        request,
        "metering/stream.html",
        stream=stream,
        board=board_rows.board(db, stream, now=now),
        rows=rows,
        counts=hour_map.counted(rows),
        lapsing=sum(cell.lapses for row in rows for cell in row.cells),
        looks=hour_map.LOOKS,
        earlier=first - A_DAY if first > start else None,
        later=min(last + timedelta(days=hour_map.DAYS), today) if last < today else None,
    )


@router.get("/streams/{name}/usage")
def usage_of_stream(
    *,
    request: Request,
    db: Db,
    now: Now,
    name: Word,
    dimension: Word | None = None,
    until: Annotated[date | None, Query(description="The last day that is shown.")] = None,
) -> Response:
    """Show a stream's usage over days, by contract and by dimension."""
    stream = _stream(db, name)
    today = now.astimezone(UTC).date()
    last = min(until or today, today)
    start = stream.first_hour.astimezone(UTC).date()
    first = max(last - timedelta(days=hour_map.DAYS - 1), min(start, last))
    days = [first + number * A_DAY for number in range((last - first).days + 1)]
    sums = usage_rows.by_day(db, stream.id, since=_start(first), until=_start(last) + A_DAY)
    dimensions = sorted({one.dimension for one in sums})
    chosen = dimension if dimension in dimensions else next(iter(dimensions), None)
    by_contract = usage.stack(
        [(one.day.date(), one.contract, one.measured) for one in sums if one.dimension == chosen], days
    )
    by_worth = usage.stack(
        [(one.day.date(), one.dimension, one.amount) for one in sums if one.amount is not None], days
    )
    return pages.render(
        request,
        "metering/usage.html",
        stream=stream,
        days=days,
        dimensions=dimensions,
        chosen=chosen,
        by_contract=by_contract,
        by_worth=by_worth,
        contract_chart=_chart(by_contract),
        worth_chart=_chart(by_worth),
        earlier=first - A_DAY if first > start else None,
        later=min(last + timedelta(days=hour_map.DAYS), today) if last < today else None,
    )


def _stream(db: Db, name: str) -> Stream:
    return found(detail_rows.stream_named(db, name), f"stream {name}", see="metering status")


def _configured(system: System) -> tuple[RecoupError | None, list[StreamConfig]]:
    try:
        return None, list(setting_up.configured(system.settings.section("metering", MeteringSettings)))
    except RecoupError as error:
        return error, []


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _chart(stack: Stack) -> Mapping[str, Any]:
    """Return bars, one stack for each day. Digits are lost here, and here only: the table beside it is exact."""
    scale = Decimal(10) ** stack.power
    return {
        "legend": {"type": "scroll"},
        "xAxis": {"type": "category", "data": [f"{day:%d %b}" for day in stack.days]},
        "yAxis": {"type": "value", "name": IN.get(stack.power, f"in 10^{stack.power}")},
        "series": [
            {
                "name": _short(name),
                "type": "bar",
                "stack": "all",
                "barMaxWidth": 36,
                "data": [float(to_text(stack.value(name, day) / scale)) for day in stack.days],
            }
            for name in stack.names
        ],
    }


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
