"""Forms made from the models that check them: one field per parameter, with its help, its bounds and its default."""

from __future__ import annotations

import types
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

FormKind = Literal["text", "whole", "yes", "choice", "lines", "list", "mail", "day", "secret", "moment"]

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form, as the macro ``ui.field`` writes it."""

    name: str
    title: str
    kind: FormKind = "text"
    help: str = ""
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    none: str = ""
    """What an empty choice is called."""
    least: int | None = None
    most: int | None = None
    rows: int = 0
    placeholder: str = ""


def fields_of(model: type[BaseModel]) -> list[Field]:
    """Return the fields of a form for a model, in the model's order."""
    return [_field(name, info) for name, info in model.model_fields.items()]


def values_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return what a fresh form shows: the defaults, as they are typed."""
    fields = model.model_fields.items()
    return {name: typed_value(info.get_default(call_default_factory=True)) for name, info in fields}


def typed_value(value: Any) -> Any:
    """Write a value as it stands in a field."""
    if value is None or value is PydanticUndefined:
        return ""
    if isinstance(value, list | tuple | set):
        return "\n".join(map(str, value))
    if isinstance(value, bool):
        return "yes" if value else ""
    return value.value if isinstance(value, Enum) else str(value)


def read(model: type[M], typed: Mapping[str, str | list[str]]) -> tuple[M | None, dict[str, str]]:
    """Check what was typed; return the values, or None and a sentence for each field that is wrong."""
    given: dict[str, Any] = {}
    for name, info in model.model_fields.items():
        value = typed.get(name)
        field = _field(name, info)
        if field.kind == "yes":
            given[name] = value in {"yes", "on", "true"}
        elif field.kind == "list":
            given[name] = _lines(value)
        elif isinstance(value, str) and value.strip():
            given[name] = value.strip()
        elif field.required:
            given[name] = ""
    try:
        return model.model_validate(given), {}
    except ValidationError as error:
        return None, {_place(each["loc"]): _sentence(dict(each)) for each in error.errors(include_url=False)}


def _place(place: tuple[int | str, ...]) -> str:
    return str(place[0]) if place else ""


def _sentence(error: Mapping[str, Any]) -> str:
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{message[:1].upper()}{message[1:]}" + ("" if message.endswith(".") else ".")


def _lines(value: str | Iterable[str] | None) -> list[str]:
    texts = [value] if isinstance(value, str) else list(value or ())
    return [line.strip() for text in texts for line in text.replace(",", "\n").splitlines() if line.strip()]


def _field(name: str, info: FieldInfo) -> Field:
    kind, is_optional = _bare(info.annotation)
    made: dict[str, Any] = {
        "name": name,
        "title": info.title or name.replace("_", " ").capitalize(),
        "help": info.description or "",
        "required": info.is_required() and not is_optional,
    }
    if kind is bool or get_origin(kind) in {list, tuple, set}:
        return Field(**{**made, "required": False}, kind="yes" if kind is bool else "list")
    if get_origin(kind) is Literal:
        return Field(**made, kind="choice", choices=tuple((str(one), str(one)) for one in get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return Field(**made, kind="choice", choices=tuple((str(one.value), str(one.value)) for one in kind))
    if kind is int:
        return Field(**made, kind="whole", least=_bound(info, "ge", "gt"), most=_bound(info, "le", "lt"))
    return Field(**made, **_PLAIN.get(kind, {}))


_PLAIN: Mapping[Any, Mapping[str, Any]] = {
    SecretStr: {"kind": "secret"},
    datetime: {"kind": "moment", "placeholder": "2025-07-24T16:00:00Z"},
    date: {"kind": "day"},
    Decimal: {"placeholder": "0.00"},
}


def _bare(annotation: Any) -> tuple[Any, bool]:
    """Return a type without ``| None`` and ``Annotated``, and whether None fits, too."""
    if get_origin(annotation) in {Union, types.UnionType}:
        kinds = [one for one in get_args(annotation) if one is not type(None)]
        return (_bare(kinds[0])[0] if len(kinds) == 1 else str), len(kinds) < len(get_args(annotation))
    if hasattr(annotation, "__metadata__"):
        return _bare(get_args(annotation)[0])
    return annotation, False


def _bound(info: FieldInfo, inclusive: str, exclusive: str) -> int | None:
    for mark in info.metadata:
        if getattr(mark, inclusive, None) is not None:
            return int(getattr(mark, inclusive))
        if getattr(mark, exclusive, None) is not None:
            return int(getattr(mark, exclusive)) + (1 if exclusive == "gt" else -1)
    return None
