"""Pages: templates rendered for whoever asks, forms that lead on, and sentences that survive one redirect."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any, Literal, TypeVar
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy.orm import Session

from recoup.core.errors import RecoupError
from recoup.core.system import Caller, System
from recoup.web import cells, shown, static_files
from recoup.web.area import Area, MenuItem
from recoup.web.lists import Listing, sheet

R = TypeVar("R")

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types default"
)
"""What a page may do: nothing inline, nothing from elsewhere."""
MENU_GROUPS = ("", "Business", "Work", "House")
SAID = "recoup_said"
LONGEST_SAID = 600
ONE_MINUTE = 60

Tone = Literal["ok", "warn", "bad", "calm"]


def environment(areas: Sequence[Area]) -> Environment:
    """Return the templates of the frame (``web/…``) and of every part (``jobs/…``)."""
    packages = {"web": "recoup.web", **{area.name: area.templates for area in areas if area.templates}}
    made = Environment(
        loader=PrefixLoader({name: PackageLoader(package) for name, package in packages.items()}),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(icon=static_files.icon, static=static_files.url, menu=_menu(areas))
    made.filters.update(
        state=shown.state,
        tone=shown.tone,
        words=shown.words,
        duration=shown.duration,
        whole=shown.whole,
        quantity=shown.quantity,
        money=shown.money,
        size=shown.size,
        short=shown.short,
        json_block=_json_block,
    )
    return made


def _menu(areas: Sequence[Area]) -> tuple[MenuItem, ...]:
    items = [item for area in areas for item in area.menu]
    return tuple(sorted(items, key=lambda item: MENU_GROUPS.index(item.group)))


def _json_block(value: object) -> Markup:
    """Write a value as JSON that may stand inside a script element."""
    text = json.dumps(value, ensure_ascii=True, default=str)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))  # noqa: S704 - no tag is left


def render(request: Request, template: str, *, status: int = 200, **context: Any) -> HTMLResponse:
    """Answer with a page. Templates know ``me``, ``path``, ``now``, ``zone``, ``said``, and what is given here."""
    system: System = request.app.state.system
    caller: Caller | None = getattr(request.state, "caller", None)
    zone, now = caller.zone if caller else "UTC", system.clock()
    said, moments = _said(request), shown.Moments(now, zone)
    known = {
        "me": caller,
        "path": request.scope["path"],
        "query": request.query_params,
        "now": now,
        "zone": zone,
        "said": said,
        "moment": moments.moment,
        "ago": moments.ago,
        "rows_of": partial(cells.rows_of, now=now, zone=zone),
        "day": partial(shown.day, zone=zone),
        "clock": partial(shown.clock, zone=zone),
        "problem": None,
    }
    environment_: Environment = request.app.state.templates
    body = environment_.get_template(template).render({**known, **context})
    answer = HTMLResponse(body, status, headers={"Content-Security-Policy": CSP})
    if said is not None:
        answer.delete_cookie(SAID)
    return answer


def listed(
    request: Request, db: Session, listing: Listing[R], *, template: str = "web/listing.html", **context: Any
) -> HTMLResponse:
    """Answer with a page of a list, as the query asks for it; a query that does not fit is told in the page."""
    path = request.scope["path"]
    try:
        caller: Caller | None = getattr(request.state, "caller", None)
        zone = caller.zone if caller else "UTC"
        shown_sheet = sheet(db, listing, request.query_params, path=path, zone=zone)
    except RecoupError as error:
        return render(request, "web/problem.html", status=error.status, problem=error, back=path)
    return render(request, template, sheet=shown_sheet, **context)


def lead_on(to: str, said: str = "", *, tone: Tone = "ok") -> RedirectResponse:
    """Answer a form: go and look at ``to`` (a path here), where ``said`` is shown once."""
    answer = RedirectResponse(to, HTTPStatus.SEE_OTHER)
    if said:
        text = json.dumps({"text": said[:LONGEST_SAID], "tone": tone})
        packed = base64.urlsafe_b64encode(text.encode()).decode()
        answer.set_cookie(SAID, packed, max_age=ONE_MINUTE, httponly=True, samesite="strict")
    return answer


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence about what was just done."""

    text: str
    tone: str


def _said(request: Request) -> Said | None:
    try:
        found = json.loads(base64.urlsafe_b64decode(request.cookies.get(SAID, "")))
        return Said(
            str(found["text"])[:LONGEST_SAID], found["tone"] if found["tone"] in shown.TONES else "calm"
        )
    except (ValueError, KeyError, TypeError):
        return None


def first_place(request: Request, caller: Caller, *, otherwise: str = "/desk/account") -> str:
    """Return where the first line of somebody's menu leads; who may see none of it is led ``otherwise``."""
    environment_: Environment = request.app.state.templates
    items: Any = environment_.globals["menu"]
    return next((str(item.href) for item in items if caller.may(item.may)), otherwise)


def sign_in_first(request: Request) -> Response:
    """Send somebody without a session to the door, and from there back to where they wanted to go."""
    wanted = request.scope["path"]
    query = request.scope.get("query_string", b"").decode("ascii", "replace")
    back = f"{wanted}?{query}" if query else wanted
    words = urlencode({"next": back}) if request.method == "GET" and wanted != "/desk" else ""
    return RedirectResponse(f"/desk/sign-in?{words}" if words else "/desk/sign-in", HTTPStatus.SEE_OTHER)


def path_here(wanted: str | None, *, otherwise: str = "/desk") -> str:
    """Return ``wanted`` if it is a path of ours: a link must not lead anybody elsewhere after a sign-in."""
    if (
        wanted
        and wanted.startswith("/desk")
        and wanted.isprintable()
        and "\\" not in wanted
        and "//" not in wanted
    ):
        return wanted
    return otherwise


def is_page(request: Request) -> bool:
    """Say whether failures of this request are told to a person in a page, not to a program."""
    path: str = request.scope["path"]
    return path in {"/", "/desk"} or path.startswith("/desk/")


def problem_page(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a page that says what went wrong."""
    answer = render(request, "web/problem.html", status=status, problem=detail, back=None)
    answer.headers.update(headers or {})
    return answer
