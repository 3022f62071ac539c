"""`recoup demo`: three days of usage, twelve of rights reports and a handful of claims, against stand-ins."""

from __future__ import annotations

import errno
import json as json_text
import os
import shlex
import shutil
import sys
import time
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from recoup import app
from recoup.core.clock import HOUR, utc_now
from recoup.entry import demo_claims_figures, demo_portal, demo_rights_figures
from recoup.entry.demo_claims import ClaimsStory
from recoup.entry.demo_claims_figures import read_claims
from recoup.entry.demo_figures import Books, Check, checks, example, read_books
from recoup.entry.demo_places import (
    Ended,
    Places,
    StandInForClazar,
    WorkerProcess,
    environment,
    make_folder,
    orderly_end,
    usage_store,
)
from recoup.entry.demo_rights import TITLE, RightsPlot, RightsStory
from recoup.entry.demo_rights_figures import RightsBooks, read_rights
from recoup.entry.demo_screen import Screen
from recoup.entry.demo_story import DEMO_SERVICES, YOU, Plot, Story
from recoup.entry.demo_worker import FileClock
from recoup.office.journal import jobs as journal
from recoup.sandbox import s3
from recoup.sandbox.youtube import YouTubeStandIn
from recoup.sandbox.youtube_reports import OWNER
from recoup.web import output
from recoup.web.output import Json

LEAST_HOURS, MOST_HOURS = 2, 240
DIFFERENT, INTERRUPTED = 1, 128
GRAPHICAL = ("DISPLAY", "WAYLAND_DISPLAY")
NEXT = (
    ("recoup metering status", "how each stream stands"),
    ("recoup metering adjustments", "what the late file changed, for a person to decide"),
    ("recoup metering unbilled", "usage that no contract pays for"),
    ("recoup metering quarantine", "records that cannot be used, and why"),
    ("recoup rights changes", "what the newest report of claims changed, the heaviest first"),
    ("recoup claims list", "the claims, and what they wait for"),
    ("recoup owed list", "what is owed, and when it lapses"),
    ("recoup outbox list", "what was handed to Clazar, with its answers"),
    ("recoup runs list", "the runs of both"),
    ("recoup journal verify", "that nobody changed the history"),
)


@dataclass(frozen=True, slots=True)
class Result:
    """What the demo came to."""

    books: Books
    rights: RightsBooks
    checks: list[Check]
    seconds: float
    store: str
    story: Story
    second: RightsStory
    mails: int
    link: str
    """The path that lets an administrator into the portal, once."""

    @property
    def ok(self) -> bool:
        """Whether everything that was used is accounted for, and every change of a right is known."""
        return all(check.ok for check in self.checks)


def run(
    *,
    keep: Annotated[
        bool, Parameter(negative="", help="Run in ./var/demo, and leave it there to look around in.")
    ] = False,
    portal: Annotated[
        bool,
        Parameter(negative="", help="Keep it, and open the portal on it until Ctrl-C, on a terminal."),
    ] = False,
    hours: Annotated[
        int, Parameter(validator=Number(gte=LEAST_HOURS, lte=MOST_HOURS), help="How many hours of usage.")
    ] = 72,
    seed: Annotated[int, Parameter(help="Another number, other customers.")] = 7,
    json: Json = False,
) -> int:
    """Show it at work: three days of usage for a stand-in of Clazar, twelve days of YouTube's reports, some claims.

    A worker is killed in the middle, a file is broken, another comes late, a download breaks off, a report is made
    anew, a bill carries a script; in the end every figure is compared with what the stand-ins have. Nothing leaves this
    machine, and nothing is left running. Ends with 0 when all of it adds up, and with 1 when not.
    """
    keep = keep or portal
    screen = Screen(hours=hours * len(DEMO_SERVICES), aside=json)
    where = make_folder(keep=keep)
    try:
        with orderly_end() as stack:
            stack.enter_context(screen)
            result = _play(stack, where, screen, keep=keep, hours=hours, seed=seed)
    except Ended as ended:
        where.remove()
        with suppress(OSError):
            screen.say("Stopped. Nothing is left running.")
        return INTERRUPTED + ended.number
    except Exception as failure:
        if isinstance(failure, OSError) and failure.errno in {
            errno.EPIPE,
            errno.EIO,
        }:  # nobody listens any more
            where.remove()
        else:
            screen.say(f"It stopped; {where.folder} has the logs.")
        raise
    screen.figures(result.books.figures)
    screen.say(example(result.books, result.story.plot.everything, result.story.plot.late))
    screen.reports(result.rights.figures)
    screen.say(result.rights.newest)
    screen.checks(result.checks)
    _farewell(result, where, screen, keep=keep)
    if json:
        output.document(_document(result, where, keep=keep, hours=hours, seed=seed))
    if result.ok and not keep:
        where.remove()
    if result.ok and portal and not json and sys.stdin.isatty() and sys.stdout.isatty():
        _open_portal(where, result, screen)
    return 0 if result.ok else DIFFERENT


def _open_portal(where: Places, result: Result, screen: Screen) -> None:
    """Show the portal until Ctrl-C."""
    try:
        with orderly_end() as stack:
            opened = demo_portal.Portal(where, port=demo_portal.free_port(os.environ))
            stack.callback(opened.end)
            address = opened.address() + result.link
            screen.say(f"\nThe portal is open: {address}", style="bold")
            screen.say(
                "The link lets an administrator in, once. Ctrl-C ends the portal; what it shows stays."
            )
            if any(name in os.environ for name in GRAPHICAL):
                webbrowser.open(address)
            opened.wait()
    except Ended:
        screen.say("The portal is closed. Nothing is left running.")


def _play(stack: ExitStack, where: Places, screen: Screen, *, keep: bool, hours: int, seed: int) -> Result:
    begun = time.monotonic()
    screen.begin()
    screen.say(
        "Starting a database, stand-ins for Clazar and YouTube, and a store for usage files, all on this machine only."
    )
    clazar = StandInForClazar(where)
    stack.callback(clazar.end)
    with ThreadPoolExecutor(1) as aside:  # making the usage up takes as long as starting what it goes to
        making = aside.submit(_plots, seed=seed, hours=hours, now=utc_now())
        address, store = stack.enter_context(usage_store(where, keep=keep))
        plot, reports = making.result()
    clock = FileClock(where.clock)
    clock.set(plot.steps[0][0])
    where.write_settings(address, DEMO_SERVICES, start=plot.steps[0][0])
    youtube = stack.enter_context(YouTubeStandIn(clock=clock))
    environ = environment(
        {
            "CLAZAR_API_URL": f"{clazar.url}/metering/",
            "CLAZAR_CLIENT_ID": "stand-in-client",
            "CLAZAR_CLIENT_SECRET": "stand-in-secret",
            "YOUTUBE_CONTENT_OWNER_ID": OWNER,
            "YOUTUBE_TOKEN_JSON": json_text.dumps(youtube.credentials()),
            "RECOUP_RIGHTS_TITLE": TITLE,
            "RECOUP_RIGHTS_REPORTING_URL": youtube.url,
            "RECOUP_RIGHTS_PARTNER_URL": youtube.partner_url,
            "RECOUP_RIGHTS_RECIPIENTS": YOU,
            **s3.environment(),
        }
    )
    settings = app.read_settings(cwd=where.folder, environ=environ)
    system = stack.enter_context(app.running(settings, clock=clock))
    records = sum(file.facts.records for file in plot.everything)
    screen.say(
        f"Two services used something for {hours} hours: {len(plot.everything):,} files with {records:,} records, "
        f"in {store}."
    )
    screen.say("Time now passes quickly. At ten past the hour, by its own schedule, the export runs.")

    def start_worker() -> WorkerProcess:
        worker = WorkerProcess(where, environ)
        stack.callback(worker.end)
        return worker

    story = Story(system, where, clock, system.ports.open_store(address), clazar, start_worker, screen, plot)
    second = RightsStory(system, clock, youtube, screen, reports, story.follow)
    second.wait()
    story.tell()
    second.tell()
    third = ClaimsStory(system, clock, screen)
    third.tell()
    story.end()
    with system.sessions.begin() as db:
        books, rights = read_books(db), read_rights(db, where.mails)
        claims = read_claims(db, system.ports.files, where.mails)
        link = demo_portal.invite(db, now=utc_now()) if keep else ""
    found = checks(books, where.ledger, plot.everything, late=[plot.late.key])
    verified = journal.verify(system)
    found.append(
        Check(f"The journal's {verified.events:,} events form one unbroken chain.", verified.problems)
    )
    found.append(
        Check(
            "The worker died with a submission on its way, and it is billed once.",
            () if story.killed else ("No worker was killed: none was caught in the act.",),
        )
    )
    found += demo_rights_figures.checks(
        rights, reports.truth, second.published, told=reports.told, changed_again=second.changed_again
    )
    found += demo_claims_figures.checks(claims, third.filed, sent=third.sent, refused=third.refused)
    mails = len(list(where.mails.glob("*.eml")))
    return Result(books, rights, found, time.monotonic() - begun, store, story, second, mails, link)


def _plots(*, seed: int, hours: int, now: datetime) -> tuple[Plot, RightsPlot]:
    plot = Plot.of(seed=seed, hours=hours, now=now)
    return plot, RightsPlot.of(seed=seed, until=plot.steps[-1][-1] + HOUR)


def _farewell(result: Result, where: Places, screen: Screen, *, keep: bool) -> None:
    if result.ok:
        screen.say(
            "Everything that was used is accounted for: billed once, carried on, or on a list for a person. What "
            "became of each right is known for every day, and each claim has its documents and its reasons.",
            style="bold green",
        )
    else:
        screen.say("That does not add up; see above.", style="bold red")
    screen.say(f"It took {result.seconds:.0f} s. Nothing is left running.")
    if result.ok and not keep:
        screen.say(f"Its folder is gone, too. To look around in one: {_program()} demo --keep")
        return
    mails = f"{result.mails} mail{'' if result.mails == 1 else 's'}"
    screen.say(
        f"RECOUP_HOME is {where.home}, with {mails} in {where.mails}. The workers' log is {where.log}."
    )
    screen.say("Look around:")
    screen.say(f"  cd {shlex.quote(str(where.folder))}")
    if shutil.which("recoup") is None:
        screen.say(f"  PATH={shlex.quote(str(Path(sys.argv[0]).absolute().parent))}:$PATH")
    for words, what in NEXT:
        screen.say(f"  {words:<30} {what}")
    if result.ok:
        screen.say(f"  {'recoup up':<30} the portal; this link lets an administrator in, once:")
        screen.say(f"  {demo_portal.usual_address(os.environ)}{result.link}")


def _document(result: Result, where: Places, *, keep: bool, hours: int, seed: int) -> dict[str, Any]:
    stays = keep or not result.ok
    return {
        "ok": result.ok,
        "hours": hours,
        "seed": seed,
        "seconds": round(result.seconds, 1),
        "store": result.store,
        "streams": [asdict(one) for one in result.books.figures],
        "killed": asdict(result.story.killed) if result.story.killed else None,
        "held_then_mended": list(result.story.held),
        "reports": [asdict(one) for one in result.rights.figures],
        "rights_runs": [run.summary for run in result.second.runs],
        "newest_changes": result.rights.newest,
        "mails": result.mails,
        "checks": [{"what": one.what, "ok": one.ok, "problems": list(one.problems)} for one in result.checks],
        "folder": str(where.folder) if stays else None,
        "portal": demo_portal.usual_address(os.environ) + result.link if result.link else None,
    }


def _program() -> str:
    """Return how whoever started this may type ``recoup`` elsewhere."""
    typed = Path(sys.argv[0])
    return (
        "recoup" if typed.name != "recoup" or shutil.which("recoup") else shlex.quote(str(typed.absolute()))
    )
