"""What a control is, and which values fit it: whole numbers, text, yes or no, decimals, lists of text."""

from __future__ import annotations

import builtins
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from recoup.core import quantity
from recoup.core.errors import Invalid

T = TypeVar("T")
"""One of the types in ``_KINDS``; a declaration with another is refused."""

LARGEST_WHOLE = 2**63 - 1
LONGEST_TEXT = 2_000
LONGEST_LIST = 200

_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    str: "text of at most 2,000 visible characters",
    bool: "yes or no",
    Decimal: 'a decimal number, written like "1.5"',
    list[str]: "a list of at most 200 texts",
}
_ADAPTERS: Mapping[Any, TypeAdapter[Any]] = {
    kind: TypeAdapter(kind, config=ConfigDict(strict=True)) for kind in _KINDS
}
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


@dataclass(frozen=True, slots=True)
class Control(Generic[T]):
    """A setting that an administrator may change while Recoup runs: ``Control("metering.settle_minutes", int, 90, …)``.

    ``minimum`` and ``maximum`` bound numbers and belong to them; ``choices`` are the only texts (or numbers) that
    fit, for a list the only ones in it. The default has to fit, too; a declaration that does not raises ValueError.
    """

    name: str
    type: builtins.type[T]
    default: T
    help: str
    minimum: int | Decimal | None = None
    maximum: int | Decimal | None = None
    choices: tuple[str | int | Decimal, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", self.name):
            raise ValueError(f"{self.name!r} cannot name a control: write part.what_it_is")
        if self.type not in _KINDS:
            raise ValueError(f"{self.name}: a control cannot be of type {self.type}")
        if (self.minimum, self.maximum) != (None, None) and self.type not in {int, Decimal}:
            raise ValueError(f"{self.name}: only numbers have a minimum and a maximum")
        try:
            checked(self, self.default)
        except Invalid as error:
            raise ValueError(f"{self.name}: the default does not fit: {error.detail}") from None


def checked(control: Control[T], value: object) -> T:
    """Return ``value`` if it fits the control exactly as it is; raise Invalid with one sentence.

    Nothing is converted but text and whole numbers to a decimal: what comes as a float, or as the text of a whole
    number, is refused. Use ``read`` for what a person typed.
    """
    try:
        plain = _decimal(value) if control.type is Decimal else value
        fitting: T = _ADAPTERS[control.type].validate_python(plain)
    except (ValidationError, Invalid):
        raise _misfit(control, value) from None
    if not (_is_bounded(fitting) and _is_within(control, fitting) and _is_chosen(control, fitting)):
        raise _misfit(control, value)
    return fitting


def read(control: Control[T], typed: str) -> T:
    """Read what a person typed into a form or a command: yes and no, numbers, a list with commas or line ends."""
    return checked(control, _READERS[control.type](typed) if control.type in _READERS else typed)


def to_json(value: object) -> object:
    """Return the value as it is kept: decimals as text, everything else as it is."""
    return quantity.to_text(value) if isinstance(value, Decimal) else value


def to_text(value: object) -> str:
    """Write a value as ``read`` takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(value)
    return str(to_json(value))


def expectation(control: Control[T]) -> str:
    """Say in words what fits: ``a whole number from 0 to 1440``."""
    words = _KINDS[control.type]
    if control.choices:
        listed = ", ".join(to_text(choice) for choice in control.choices)
        return f"{words} out of {listed}" if control.type == list[str] else f"one of {listed}"
    if control.minimum is not None and control.maximum is not None:
        return f"{words} from {to_text(control.minimum)} to {to_text(control.maximum)}"
    if control.minimum is not None:
        return f"{words}, at least {to_text(control.minimum)}"
    if control.maximum is not None:
        return f"{words}, at most {to_text(control.maximum)}"
    return words


def _decimal(value: object) -> object:
    if isinstance(value, str):
        return quantity.parse(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    return value


def _is_bounded(value: object) -> bool:
    match value:
        case bool():
            return True
        case int():
            return abs(value) <= LARGEST_WHOLE
        case Decimal():
            return quantity.problem_with(value) is None
        case str():
            return len(value) <= LONGEST_TEXT and _is_clean(value)
        case list():
            return len(value) <= LONGEST_LIST and all(_is_bounded(item) for item in value)
    return False  # pragma: no cover - the adapter let it through as one of these


def _is_clean(value: str) -> bool:
    """Say whether Postgres, a terminal and a page can all show the text."""
    return all(char.isprintable() or char in "\n\t\N{NO-BREAK SPACE}" for char in value)


def _is_within(control: Control[T], value: Any) -> bool:
    above = control.minimum is None or value >= control.minimum
    return above and (control.maximum is None or value <= control.maximum)


def _is_chosen(control: Control[T], value: object) -> bool:
    if not control.choices:
        return True
    items = value if isinstance(value, list) else [value]
    return all(item in control.choices for item in items)


def _misfit(control: Control[T], value: object) -> Invalid:
    shown = to_text(value) if isinstance(value, bool | Decimal) else repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}…"  # noqa: PLR2004 - one line of a form
    return Invalid(f"{control.name} cannot be {shown}.", fix=f"Give {expectation(control)}.")


def _read_whole(typed: str) -> object:
    return int(typed) if re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", typed, re.ASCII) else typed


def _read_list(typed: str) -> object:
    return [item.strip() for item in re.split(r"[,\n]", typed) if item.strip()]


_READERS: Mapping[Any, Callable[[str], object]] = {
    int: _read_whole,
    bool: lambda typed: _WORDS.get(typed.strip().lower(), typed),
    list[str]: _read_list,
}
