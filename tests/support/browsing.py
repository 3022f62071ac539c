"""A browser for tests of pages: cookies, Fetch Metadata, forms; and sessions as the door gives them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from http.cookies import Morsel, SimpleCookie

import httpx2
from sqlalchemy import update

from recoup.core.system import System
from recoup.office.people.models import Factor, SignIn
from recoup.office.people.service.sessions import Opened
from support.doors import api
from support.people import Mailbox, sign_in

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@contextmanager
def served(system: System) -> Iterator[str]:
    """Serve the system; yield its address."""
    with api(system) as client:
        yield str(client.base_url)


@contextmanager
def browser(address: str, **headers: str) -> Iterator[httpx2.Client]:
    """Open a browser of its own, with no cookies yet."""
    known = {"User-Agent": FIREFOX, "Sec-Fetch-Site": "same-origin"}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with httpx2.Client(base_url=address, headers=known | named, timeout=30) as client:
        yield client


@contextmanager
def came_in(address: str, opened: Opened) -> Iterator[httpx2.Client]:
    """Open a browser that holds a session."""
    with browser(address) as client:
        client.cookies.set("recoup", opened.token, domain="127.0.0.1", path="/")
        yield client


def session_of(system: System, mailbox: Mailbox, who: str) -> Opened:
    """Sign somebody in; where their role needs a second factor, by a link of this server's command line."""
    opened = sign_in(system, mailbox, who)
    if opened.missing:
        by_link = update(SignIn).where(SignIn.id == opened.session)
        with system.sessions.begin() as db:
            db.execute(by_link.values(factor=Factor.CONSOLE, factor_at=system.clock()))
    return opened


def cookies_of(answer: httpx2.Response) -> dict[str, Morsel[str]]:
    """Return the cookies that an answer sets, with their attributes."""
    jar: SimpleCookie = SimpleCookie()
    for line in answer.headers.get_list("set-cookie"):
        jar.load(line)
    return dict(jar)


def fields(answer: httpx2.Response, action: str) -> dict[str, str]:
    """Return what stands in the form of a page that goes to ``action``."""
    return _Form(answer.text, action).fields


class _Form(HTMLParser):
    def __init__(self, page: str, action: str) -> None:
        super().__init__()
        self._wanted = action
        self._inside = False
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "form":
            self._inside = found.get("action") == self._wanted
        elif self._inside and tag == "input" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
