"""Texts of messages: the packaged ones, and those that people put in their place."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from importlib.resources import files
from typing import Any

from jinja2 import (
    ChoiceLoader,
    Environment,
    PackageLoader,
    StrictUndefined,
    TemplateNotFound,
    UndefinedError,
    select_autoescape,
)

from recoup.core.errors import Invalid, NotFound
from recoup.office.messages import catalogue, rules, sandbox
from recoup.office.messages.catalogue import Declared
from recoup.office.messages.sandbox import Part, Problem

FILES: Mapping[Part, str] = {"subject": "subject.txt", "text": "body.txt", "html": "body.html"}
_MOMENT = "$at"
_UNKEPT = re.compile("[\\x00\\ud800-\\udfff]")
LONGEST_KEPT = 20_000

Sources = Mapping[Part, str]
"""The three texts of a template."""


def packaged(template: str, context: Mapping[str, object]) -> rules.Rendered:
    """Render a packaged template. Raise NotFound where there is none, Invalid where the context lacks something."""
    environment = _environment()
    try:
        subject, text, html = (
            environment.get_template(f"{template}/{name}").render(context) for name in FILES.values()
        )
    except TemplateNotFound:
        raise NotFound(f"There is no message template {template!r}.") from None
    except UndefinedError as error:
        raise Invalid(f"The message {template} cannot be written: {error.message}.") from None
    return rules.Rendered(subject, text, html)


@functools.cache
def packaged_sources(template: str) -> Sources:
    """Return the packaged texts of a template as they stand in their files."""
    declared = named(template)
    folder = files(declared.package) / declared.folder / template
    return {part: (folder / name).read_text(encoding="utf-8") for part, name in FILES.items()}


def problems(
    declared: Declared, sources: Sources, contexts: tuple[Mapping[str, Any], ...] = ()
) -> list[Problem]:
    """Return what is wrong with the texts of a template, at most one thing for each: tried on all samples."""
    found: dict[Part, Problem] = {}
    for part in sandbox.PARTS:
        for context in ({}, *declared.samples, *contexts):
            try:
                if context:
                    sandbox.render_part(declared, part, sources[part], context)
                else:
                    sandbox.check(declared, part, sources[part])
            except sandbox.Broken as broken:
                found.setdefault(part, broken.problem)
                break
    return list(found.values())


def kept(context: Mapping[str, object]) -> dict[str, Any]:
    """Return a context as it can be stored and rendered from again; what is no plain value is left as text."""
    return {name: _kept(value) for name, value in context.items()}


def given(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored context as templates take it."""
    return {name: _given(value) for name, value in stored.items()}


def named(name: str) -> Declared:
    """Return a template by its name; raise NotFound."""
    declared = catalogue.TEMPLATES.get(name)
    if declared is None:
        raise NotFound(
            f"There is no message template {name[:80]!r}.", fix="See `recoup messages templates list`."
        )
    return declared


def _kept(value: object) -> Any:
    match value:
        case None | bool() | int():
            return value
        case datetime():
            return {_MOMENT: value.isoformat()}
        case date() | Decimal():
            return str(value)
        case Mapping():
            return {_text(str(name)): _kept(one) for name, one in value.items()}
        case list() | tuple():
            return [_kept(one) for one in value]
    return _text(str(value))


def _text(text: str) -> str:
    """Leave out what neither Postgres nor a mail can hold."""
    return _UNKEPT.sub("\N{REPLACEMENT CHARACTER}", text[:LONGEST_KEPT])


def _given(value: Any) -> Any:
    match value:
        case {"$at": str(written)} if len(value) == 1:
            return datetime.fromisoformat(written)
        case dict():
            return {name: _given(one) for name, one in value.items()}
        case list():
            return [_given(one) for one in value]
    return value


@functools.cache
def _environment() -> Environment:
    homes = dict.fromkeys((one.package, one.folder) for one in catalogue.TEMPLATES.values())
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package, folder) for package, folder in homes]),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(rules.FILTERS)
    environment.tests.update(rules.TESTS)
    return environment
