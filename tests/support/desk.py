"""The portal for tests: somebody of each role knocks with the role's name as a bearer, and pages are read as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from html.parser import HTMLParser

import httpx2

from recoup.core.system import Caller, Presented, System
from recoup.office.people import permissions
from recoup.office.people.permissions import Role
from support.doors import api

NOT_SHOWN = frozenset({"script", "style", "head", "title"})
NEVER_CLOSED = frozenset({"input", "br", "hr", "img", "meta", "link"})


@contextmanager
def desk(system: System, *, zone: str = "UTC") -> Iterator[httpx2.Client]:
    """Serve the system; its client is an administrator, and whoever shows a role's name is of that role."""

    def authenticate(presented: Presented, *, now: datetime) -> Caller | None:
        if presented.secret in set(Role):
            role = Role(presented.secret)
            return Caller(f"{role}@example.com", "session", permissions.of(role), role=role, zone=zone)
        return system.authenticate(presented, now=now)

    with api(replace(system, authenticate=authenticate)) as client:
        client.headers["Authorization"] = "Bearer administrator"
        client.headers["Sec-Fetch-Site"] = "same-origin"  # as a browser says of its forms
        yield client


def as_role(role: Role | str) -> dict[str, str]:
    """Return the headers of somebody of a role."""
    return {"Authorization": f"Bearer {role}"}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._hidden += tag in NOT_SHOWN
        self.links += [value or "" for name, value in attrs if name == "href" and tag == "a"]

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in NOT_SHOWN

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def _read(page: httpx2.Response | str) -> _Text:
    parser = _Text()
    parser.feed(page if isinstance(page, str) else page.text)
    return parser


def main_of(page: httpx2.Response) -> str:
    """Return the HTML of a page without its frame."""
    found = re.search(r'<main[^>]*id="content".*?</main>', page.text, re.DOTALL)
    assert found is not None, page.text[:500]
    return found[0]


def text_of(page: httpx2.Response | str) -> str:
    """Return what a person reads on a page, with single blanks."""
    return re.sub(r"\s+", " ", " ".join(_read(page).parts)).strip()


def links_of(page: httpx2.Response | str) -> list[str]:
    """Return where the links of a page lead."""
    return _read(page).links


def tags_of(page: httpx2.Response | str) -> list[str]:
    """Return the names of the elements of a page, in order."""
    return _read(page).tags
