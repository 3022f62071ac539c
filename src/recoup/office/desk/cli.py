"""Commands of lists: what there is, and one of them as a file."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Annotated
from urllib.parse import urlencode

import cyclopts
from cyclopts import Parameter

from recoup.core.errors import Invalid
from recoup.core.system import System
from recoup.office.desk import service as exports
from recoup.office.desk.schemas import ListShown
from recoup.office.files import service as files
from recoup.office.jobs import queries, service
from recoup.office.jobs.here import run_here
from recoup.office.jobs.models import Run, RunState
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json
from recoup.web.wire import Page


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``lists``."""
    these = _Commands(opened)
    group = cyclopts.App(name="lists", help="Every list of the portal, as a file: CSV, Excel or Parquet.")
    group.command(these.listed, name="list")
    group.command(these.export)
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def listed(self, *, json: Json = False) -> None:
        """Show what can be exported, and what narrows and sorts it."""
        with self._opened() as system:
            known = sorted(exports.listings(system.parts).items())
        found = Page[ListShown](items=[ListShown.of(one) for _, one in known])
        columns = {
            "NAME": lambda one: one.name,
            "TITLE": lambda one: one.title,
            "FILTERS": lambda one: [each.name for each in one.filters],
            "ORDERS": lambda one: list(one.orders),
        }
        output.listing(found, columns, as_json=json, empty="No part has a list.")

    def export(
        self,
        name: str,
        *,
        format: Annotated[  # noqa: A002 - what a person types
            exports.Format | None, Parameter(help="By default what --out ends with, else csv.")
        ] = None,
        filter: Annotated[  # noqa: A002 - what a person types
            tuple[str, ...],
            Parameter(name="--filter", negative="", help="Narrow it: state=failed. As often as needed."),
        ] = (),
        order: Annotated[str, Parameter(help="One of the list's orders.")] = "",
        zone: Annotated[str, Parameter(help="The time zone of days and of a workbook's times.")] = "UTC",
        out: Annotated[
            Path | None, Parameter(help="Where to write it; `-` writes to stdout. Never over a file.")
        ] = None,
    ) -> int:
        """Write a list into a file: all rows of one moment.

        It is a run as any other: its file is kept with it, and copied to --out where that is given.
        """
        words = dict(_word(one) for one in filter)
        kind = format or _format_of(out)
        if out is not None and out != Path("-") and out.exists():
            raise Invalid(f"{out} is there already.", fix="Choose another name, or remove it.")
        with self._opened() as system:
            listing = exports.listing(system.parts, name)
            query = urlencode({**words, **({"order": order} if order else {})})
            exports.asked(listing, query, zone=zone)
            params = {"list": name, "query": query, "format": kind, "zone": zone, "role": "system"}
            run = run_here(system, service.find(system.parts.jobs, exports.JOB), params, actor=output.actor())
            is_whole = run.state == RunState.SUCCEEDED and not run.needs_person
            if is_whole and out is not None:
                _copy(system, run, out)
        output.note(run.summary) if out == Path("-") else output.say(run.summary)
        return 0 if is_whole else 1


def _word(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise Invalid(f"{text!r} is no filter.", fix="Write it like state=failed.")
    return name, value


def _format_of(out: Path | None) -> exports.Format:
    match out.suffix.lower() if out else "":
        case ".xlsx":
            return "xlsx"
        case ".parquet":
            return "parquet"
    return "csv"


def _copy(system: System, run: Run, out: Path) -> None:
    with system.sessions.begin() as db:
        file = files.get(db, queries.artifacts(db, run.id)[0].file_id)
    with files.open_file(system.ports.files, file) as body:
        if out == Path("-"):
            shutil.copyfileobj(body, sys.stdout.buffer)
            return
        with out.open("xb") as target:
            shutil.copyfileobj(body, target)
