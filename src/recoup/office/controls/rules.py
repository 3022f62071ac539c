"""What a control is, which values fit it (numbers, text, yes or no, lists), and how it is kept and told of."""

from __future__ import annotations

import base64
import builtins
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Generic, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from recoup.core import quantity
from recoup.core.errors import Invalid
from recoup.core.sealing import Sealer

T = TypeVar("T")
"""One of the types in ``_KINDS``; a declaration with another is refused."""

LARGEST_WHOLE = 2**63 - 1
LONGEST_TEXT = 2_000
LONGEST_LIST = 200
_SEALED = "sealed"

_KINDS: Mapping[Any, str] = {
    int: "a whole number",
    str: "text of at most {longest:,} visible characters",
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
    check: Callable[[T], object] | None = None
    """Takes a value that fits otherwise, and raises Invalid with what is wrong with it."""
    secret: bool = False
    """A text that is kept sealed and never shown: only whether it is set, by whom and when."""
    setting: str = ""
    """The setting that wins where the process was started with it, such as ``mail.smtp_host``."""
    longest: int = LONGEST_TEXT
    """Characters of a text at most."""
    page: str = ""
    """The page that changes it better than a field does, where there is one."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", self.name):
            raise ValueError(f"{self.name!r} cannot name a control: write part.what_it_is")
        if self.type not in _KINDS:
            raise ValueError(f"{self.name}: a control cannot be of type {self.type}")
        if (self.minimum, self.maximum) != (None, None) and self.type not in {int, Decimal}:
            raise ValueError(f"{self.name}: only numbers have a minimum and a maximum")
        if self.secret and (self.type is not str or self.default):
            raise ValueError(f"{self.name}: a secret is text, and has no default")
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
    is_bounded = _is_bounded(fitting, longest=control.longest)
    if not (is_bounded and _is_within(control, fitting) and _is_chosen(control, fitting)):
        raise _misfit(control, value)
    if control.check is not None:
        try:
            control.check(fitting)
        except Invalid as error:
            raise Invalid(f"{control.name}: {error.detail}", fix=error.fix) from None
    return fitting


def read(control: Control[T], typed: str) -> T:
    """Read what a person typed into a form or a command: yes and no, numbers, a list with commas or line ends."""
    if control.secret and not typed:  # a form sent too early must not take a password away
        raise Invalid(f"{control.name}: nothing was typed.", fix="To remove it, set it to its default.")
    return checked(control, _READERS[control.type](typed) if control.type in _READERS else typed)


def kept(control: Control[T], fitting: T, *, sealer: Sealer | None) -> object:
    """Return how a value that fits is kept: a secret sealed for this control, everything else as JSON."""
    if not control.secret or not fitting:
        return to_json(fitting)
    if sealer is None:
        raise TypeError(f"{control.name} is a secret: give a sealer")
    sealed = sealer.seal(str(fitting).encode(), about=_about(control))
    return {_SEALED: base64.b64encode(sealed).decode()}


def opened(control: Control[T], row: object, *, sealer: Sealer | None) -> object:
    """Return what was kept; raise Misconfigured where a secret was sealed by another installation."""
    if not isinstance(row, dict) or _SEALED not in row:
        return row
    if sealer is None:
        raise TypeError(f"{control.name} is a secret: give a sealer")
    return sealer.open(base64.b64decode(row[_SEALED]), about=_about(control)).decode()


def told(control: Control[T], row: object) -> object:
    """Return what may be shown of a kept value, in pages, answers and the journal."""
    if control.secret:
        return "set" if row else "not set"
    return row


def problem_with(control: Control[T], row: object) -> Invalid | None:
    """Say why a kept value no longer fits, as after an upgrade with narrower bounds."""
    if control.secret:
        return None
    try:
        checked(control, row)
    except Invalid as error:
        return error
    return None


def part_of(name: str) -> str:
    """Return the part that a control belongs to."""
    return name.partition(".")[0]


def title_of(name: str) -> str:
    """Write a control's name as a person would: ``people.code_length`` as ``Code length``."""
    return name.partition(".")[2].replace(".", " ").replace("_", " ").capitalize()


def matching(controls: Iterable[Control[Any]], text: str) -> list[Control[Any]]:
    """Return the controls whose name or help has every word of ``text``, by part, each part in its own order."""
    words = text.casefold().split()

    def says(control: Control[Any]) -> bool:
        said = f"{control.name} {title_of(control.name)} {control.help} {control.setting}".casefold()
        return all(word in said for word in words)

    return sorted(filter(says, controls), key=lambda control: part_of(control.name))


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
    words = _KINDS[control.type].format(longest=control.longest)
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


def _about(control: Control[T]) -> str:
    return f"controls.value:{control.name}"


def _is_bounded(value: object, *, longest: int = LONGEST_TEXT) -> bool:
    match value:
        case bool():
            return True
        case int():
            return abs(value) <= LARGEST_WHOLE
        case Decimal():
            return quantity.problem_with(value) is None
        case str():
            return len(value) <= longest and _is_clean(value)
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
    if control.secret:
        return Invalid(
            f"{control.name} cannot be that (it is not shown).", fix=f"Give {expectation(control)}."
        )
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
