"""A page of the portal that offers notices, and what the browsers that switched them on sent to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from fastapi import APIRouter, Request
from fastapi.responses import Response
from jinja2 import ChoiceLoader, DictLoader

from recoup.core.errors import Invalid
from recoup.core.push import VapidKeys
from recoup.core.system import System
from recoup.web import pages
from recoup.web.app import create_app
from recoup.web.area import Area
from recoup.web.deps import Typed
from support.doors import api

PATH = "/desk/notices-here"
LEFT, NEW = f"{PATH}/left", f"{PATH}/claims/4711"
TEMPLATE = """{% extends "web/gate.html" %}
{% block title %}Notices{% endblock %}
{% block page %}
<h1>Notices</h1>
<div data-push data-key="{{ key }}" data-subscribe="{{ path }}" data-unsubscribe="{{ path }}/left" hidden>
<p data-push-said></p>
<button type="button" class="btn" data-push-on hidden>Switch on</button>
<button type="button" class="btn" data-push-off hidden>Switch off</button>
</div>
{% endblock %}
"""


@dataclass
class PushPage:
    """Where the page is, whose keys it shows, and what came."""

    address: str = ""
    keys: VapidKeys = field(default_factory=VapidKeys.make)
    came: list[dict[str, str]] = field(default_factory=list)
    left: list[dict[str, str]] = field(default_factory=list)
    refusal: str = ""
    """What the next subscriptions are refused with; empty: they are taken."""
    leads_to: str = ""
    """Where a form that was taken leads; empty: the answer is empty, too."""


@contextmanager
def push_page(system: System) -> Iterator[PushPage]:
    """Serve the page."""
    page, router = PushPage(), APIRouter()

    @router.get(PATH)
    @router.get(NEW)
    def show(request: Request) -> Response:
        return pages.render(request, "probe/push.html", key=page.keys.public, path=PATH)

    @router.post(PATH)
    def come(typed: Typed) -> Response:
        return kept(page.came, typed)

    @router.post(LEFT)
    def leave(typed: Typed) -> Response:
        return kept(page.left, typed)

    def kept(where: list[dict[str, str]], typed: Mapping[str, object]) -> Response:
        if page.refusal:
            raise Invalid(page.refusal)
        where.append({name: str(value) for name, value in typed.items()})
        return pages.lead_on(page.leads_to) if page.leads_to else Response(status_code=204)

    application = create_app(system, areas=[Area(name="probe", pages=(router,))])
    templates = application.state.templates
    templates.loader = ChoiceLoader([DictLoader({"probe/push.html": TEMPLATE}), templates.loader])
    with api(system, application=application) as client:
        page.address = str(client.base_url).rstrip("/")
        yield page
