"""Walk through the portal as a curious person does: follow every link, and see each sort of page once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

from playwright.sync_api import Page, expect
from starlette.routing import BaseRoute, Match, Route

from recoup import app
from recoup.web.area import opened

LONGEST_WALK = 250


@dataclass(frozen=True)
class Seen:
    """A place that was walked to, and the route that answers there."""

    url: str
    route: str
    is_page: bool
    """False: a download, or a mail in its sandbox, in which nothing may run."""


def routes() -> list[Route]:
    """Return every route of the portal that shows something."""
    found: list[BaseRoute] = [
        route for area in app.ALL for door in area.pages for route in opened(door).routes
    ]
    return [route for route in found if isinstance(route, Route) and "GET" in (route.methods or ())]


def route_of(url: str, known: list[Route]) -> str | None:
    """Return the route that answers an address."""
    scope = {"type": "http", "method": "GET", "path": urlsplit(url).path, "root_path": ""}
    return next((one.path for one in known if one.matches(scope)[0] is Match.FULL), None)


def walk(page: Page, *starts: str, each: int = 1) -> Iterator[Seen]:
    """Yield places, ``each`` of every route, from the starts on; a page that is yielded is open and drawn."""
    known = routes()
    queue, met, visits = list(starts), set(starts), dict[str, int]()
    while queue and sum(visits.values()) < LONGEST_WALK:
        url = queue.pop(0)
        route = route_of(url, known)
        if route is None or visits.get(route, 0) >= each:
            continue
        visits[route] = visits.get(route, 0) + 1
        head = page.context.request.get(url)
        is_page = "text/html" in head.headers.get("content-type", "")
        if not is_page or "sandbox" in head.headers.get("content-security-policy", ""):
            yield Seen(url, route, is_page=False)
            continue
        page.goto(url)
        settled(page)
        yield Seen(url, route, is_page=True)
        for href in page.eval_on_selector_all("a[href], tr[data-href], iframe[src]", _HREFS):
            to = urljoin(url, href).partition("#")[0]
            if urlsplit(to).netloc == urlsplit(starts[0]).netloc and to not in met:
                met.add(to)
                queue.append(to)


def settled(page: Page) -> None:
    """Wait until a page is drawn; some never fall silent, as they watch what runs."""
    page.wait_for_load_state("load")
    page.evaluate("document.fonts.ready")
    expect(page.locator("[data-chart]:not(:has(svg))")).to_have_count(0)


_HREFS = "all => all.map(one => one.getAttribute('href') || one.dataset.href || one.getAttribute('src'))"


def name_of(route: str) -> str:
    """Return what a picture of a route's page is called."""
    return re.sub(r"[^a-z0-9]+", "-", route.removeprefix("/desk").lower()).strip("-") or "overview"
