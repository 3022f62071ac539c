"""The commands of the setup files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from recoup.core.errors import Invalid, NotFound
from recoup.office.setup.rules import layout, reading
from recoup.office.setup.rules.plans import Plan
from recoup.office.setup.rules.reading import Problem
from recoup.office.setup.schemas import PlanShown
from recoup.office.setup.service import files
from recoup.office.setup.shown import house_of
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json

WORDS = {"changes": "changes", "kept": "is kept", "same": "stays"}


def commands(opened: OpenSystem) -> tuple[cyclopts.App, ...]:
    """Return the group ``setup``."""
    these = _Commands(opened)
    group = cyclopts.App(name="setup", help="The three JSON files of the old program: bring in, give back.")
    group.command(these.bring_in, name="import")
    group.command(these.give_back, name="export")
    return (group,)


class _Commands:
    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def bring_in(
        self,
        *file: Annotated[Path, Parameter(help="etl_config.json, email_config.json, auth_config.json.")],
        dry_run: Annotated[
            bool, Parameter(negative="", help="Say what would change, and change nothing.")
        ] = False,
        json: Json = False,
    ) -> int:
        """Do what the files say, all of it or nothing, and say what became of each value."""
        if not file:
            raise Invalid("No file is named.", fix="Name one: recoup setup import email_config.json")
        reads, unread = reading.read_all((path.name, _text(path)) for path in file)
        with self._opened() as system, system.sessions.begin() as db:
            plan = files.look(db, house_of(system), reads)
            wrong = plan.problems + len(unread)
            applied = not dry_run and not wrong
            if applied:
                now, actor = system.clock(), output.actor()
                files.bring_in(db, house_of(system), reads, seen=plan.digest, actor=actor, now=now)
        if json:
            output.document(PlanShown.of(plan, applied=applied, unread=unread))
        else:
            _say(plan, unread, applied=applied)
        return Invalid.exit_code if wrong else 0

    def give_back(
        self,
        name: Annotated[str, Parameter(help="etl_config, email_config or auth_config.")],
        *,
        out: Annotated[Path | None, Parameter(help="Write it to this file, which must not be there.")] = None,
        json: Json = False,
    ) -> None:
        """Print a file as everything holds now; the password in it is empty."""
        with self._opened() as system, system.sessions.begin() as db:
            found = files.give_back(db, house_of(system), layout.named(name) or name)
        for note in found.notes:
            output.note(note)
        if out is not None:
            _write(out, found.content)
        if json:
            written = {"name": found.name, "notes": list(found.notes), "out": str(out) if out else None}
            output.document({**written, "content": found.content.decode()})
        elif out is None:
            sys.stdout.write(found.content.decode())
        else:
            output.say(f"{layout.file_name(found.name)} was written to {output.clean(str(out))}.")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as body:
            return reading.decoded(body.read(reading.LARGEST + 1))
    except Invalid as error:
        raise Invalid(f"{path}: {error.detail}", fix=error.fix) from None
    except FileNotFoundError:
        raise NotFound(f"There is no file {path}.") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be read: {error.strerror}.") from None


def _write(path: Path, content: bytes) -> None:
    try:
        with path.open("xb") as body:
            body.write(content)
    except FileExistsError:
        raise Invalid(f"{path} is there already.", fix="Name another file, or remove it.") from None
    except OSError as error:
        raise Invalid(f"{path} cannot be written: {error.strerror}.") from None


def _say(plan: Plan, unread: tuple[Problem, ...], *, applied: bool) -> None:
    for one in plan.files:
        output.say(f"{layout.file_name(one.name)}:")
        columns = {
            "VALUE": lambda line: line.path,
            "": lambda line: WORDS[line.change],
            "WAS": lambda line: line.was,
            "BECOMES": lambda line: line.becomes if line.change != "same" else "",
            "NOTE": lambda line: line.note,
        }
        output.table(columns, one.lines, empty="It sets nothing.")
        for problem in one.problems:
            output.say(f"! {output.clean(problem.path)}: {output.clean(problem.sentence)}")
        output.say("")
    for problem in unread:
        output.say(f"! {output.clean(problem.path)}: {output.clean(problem.sentence)}")
    wrong = plan.problems + len(unread)
    if wrong:
        output.say(f"{wrong} {'thing is' if wrong == 1 else 'things are'} wrong. Nothing was changed.")
    elif applied:
        output.say(f"{plan.does} values were set. `recoup controls show NAME` has who and when.")
    else:
        output.say(f"{plan.does} values would change. Nothing was changed.")
