"""Pages of setup: the settings and their tests, and the three files of the old program."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from starlette.background import BackgroundTask
from starlette.datastructures import UploadFile

from recoup.core.downloads import attachment
from recoup.core.errors import Conflict, Invalid, NotFound, RecoupError
from recoup.core.parts import Probe
from recoup.core.sealing import sealer_of
from recoup.core.system import Caller, System
from recoup.office.setup import shown
from recoup.office.setup.rules import layout, reading
from recoup.office.setup.service import files, parcels, tests
from recoup.web import health, pages
from recoup.web.auth import Actor, SignedIn, may
from recoup.web.deps import Db, Now, Router, Running, Typed

MOST_FILES = len(layout.FILES)
AT_ONCE = 6

router = Router(prefix="/desk", dependencies=[Depends(may("controls.look"))])
changes = Depends(may("controls.change"))


async def given_of(request: Request) -> list[tuple[str, bytes]]:
    """Return the files that a form brings, uploaded or pasted, each with what it is called."""
    async with request.form(max_files=MOST_FILES, max_fields=10) as form:
        uploads = [one for one in form.getlist("file") if isinstance(one, UploadFile)]
        given = [(one.filename, await one.read(reading.LARGEST + 1)) for one in uploads if one.filename]
        pasted = form.get("text")
    if isinstance(pasted, str) and pasted.strip():
        given.append(("", pasted.encode("utf-8", "replace")))
    return given


Given = Annotated[list[tuple[str, bytes]], Depends(given_of)]


# ---------------------------------------------------------------- settings and tests


@router.get("/settings")
def settings(
    *,
    request: Request,
    db: Db,
    system: Running,
    now: Now,
    me: SignedIn,
    q: Annotated[str, Query(max_length=200)] = "",
    only: Annotated[str, Query(max_length=10)] = "",
) -> Response:
    """Show what this process was started with, and what it talks to."""
    return _settings(request, db, system, me, now=now, q=q.strip(), only=only)


@router.post("/settings/tests", dependencies=[changes])
def test(
    *, request: Request, db: Db, system: Running, actor: Actor, now: Now, me: SignedIn, typed: Typed
) -> Response:
    """Begin one test, or all of them; the page shows what comes of it."""
    name, known = str(typed.get("name", "")), shown.probes(system)
    chosen = list(known.values()) if not name else [known[name]] if name in known else []
    try:
        if not chosen:
            raise NotFound("There is nothing of that name to test.", fix="Choose one of the list.")
        tests.begin(db, [one.name for one in chosen], actor=actor, now=now)
    except RecoupError as error:
        return _settings(request, db, system, me, now=now, problem=error)
    answer = pages.lead_on("/desk/settings")
    answer.background = BackgroundTask(_knock, system, chosen, actor)
    return answer


@router.post("/settings/test-mail", dependencies=[changes])
def test_mail(*, request: Request, db: Db, system: Running, now: Now, me: SignedIn, typed: Typed) -> Response:
    """Plan a mail that shows that mails arrive."""
    to = str(typed.get("to", "")).strip()
    try:
        delivery = tests.send_mail(db, system.settings, to=to, by=me.name, now=now)
    except Invalid as error:
        return _settings(request, db, system, me, now=now, to=to, mail_error=error.sentence())
    said = f"A test mail to {to} is on its way. This page says what becomes of it."
    return pages.lead_on(f"/desk/outbox/{delivery}", said)


def _knock(system: System, chosen: list[Probe], actor: str) -> None:
    """Test after the answer has left; each test ends with a line in the journal."""

    def one(probe: Probe) -> None:
        found = health.shown(health.knocked(probe))
        with system.sessions.begin() as db:
            fix, now = found.fix or "", system.clock()
            tests.end(db, probe.name, status=found.status, detail=found.detail, fix=fix, actor=actor, now=now)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="tests") as hands:
        list(hands.map(one, chosen))


def _settings(
    request: Request,
    db: Db,
    system: System,
    me: Caller,
    *,
    now: Now,
    q: str = "",
    only: str = "",
    to: str | None = None,
    mail_error: str = "",
    problem: RecoupError | None = None,
) -> Response:
    lines = shown.test_lines(db, system, now=now)
    return pages.render(
        request,
        "setup/settings.html",
        status=problem.status if problem else 422 if mail_error else 200,
        groups=shown.groups(system, text=q, set_only=only == "set"),
        unused=system.settings.unused,
        tests=lines,
        is_running=any(line.last.standing == "running" for line in lines),
        q=q,
        only=only,
        to=to if to is not None else _own_address(system, me),
        mail_error=mail_error,
        problem=problem,
    )


def _own_address(system: System, me: Caller) -> str:
    return me.name if "@" in me.name else next(iter(system.settings.mail.alerts), "")


# ---------------------------------------------------------------- the three files


@router.get("/setup")
def setup(request: Request, db: Db) -> Response:
    """Show the three files, and where to bring one in."""
    return pages.render(request, "setup/files.html", files=shown.file_lines(db), problem=None)


@router.get("/setup/files/{name}")
def download(db: Db, system: Running, name: str) -> Response:
    """Give a file back as everything holds now."""
    found = files.give_back(db, shown.house_of(system), name)
    headers = {"Content-Disposition": attachment(layout.file_name(found.name))}
    return Response(found.content, media_type="application/json", headers=headers)


@router.post("/setup/preview", dependencies=[changes])
def preview(*, request: Request, db: Db, system: Running, now: Now, given: Given) -> Response:
    """Show what files would change, and change nothing."""
    try:
        texts = reading.decoded_all(given)
    except Invalid as error:
        lines = shown.file_lines(db)
        return pages.render(request, "setup/files.html", status=422, files=lines, problem=error)
    return _preview(request, db, system, texts, now=now)


@router.post("/setup/apply", dependencies=[changes])
def apply(*, request: Request, db: Db, system: Running, actor: Actor, now: Now, typed: Typed) -> Response:
    """Do what was looked at, all of it or nothing."""
    sealer = sealer_of(system.settings)
    try:
        texts = parcels.unpack(str(typed.get("parcel", "")), sealer, now=now)
    except RecoupError as error:
        lines = shown.file_lines(db)
        return pages.render(request, "setup/files.html", status=error.status, files=lines, problem=error)
    reads, _ = reading.read_all(texts)
    seen, house = str(typed.get("seen", "")), shown.house_of(system)
    try:
        done = files.bring_in(db, house, reads, seen=seen, actor=actor, now=now)
    except Conflict as error:
        return _preview(request, db, system, texts, now=now, problem=error)
    called = ", ".join(layout.file_name(one.name) for one in done.files)
    return pages.lead_on("/desk/setup", f"{called}: {done.does} values were set.")


def _preview(
    request: Request,
    db: Db,
    system: System,
    texts: list[tuple[str, str]],
    *,
    now: Now,
    problem: RecoupError | None = None,
) -> Response:
    reads, unread = reading.read_all(texts)
    plan = files.look(db, shown.house_of(system), reads)
    wrong = plan.problems + len(unread)
    return pages.render(
        request,
        "setup/preview.html",
        status=problem.status if problem else 422 if wrong else 200,
        plan=plan,
        unread=unread,
        wrong=wrong,
        parcel="" if wrong else parcels.pack(texts, sealer_of(system.settings), now=now),
        file_name=layout.file_name,
        problem=problem,
    )
