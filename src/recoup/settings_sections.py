"""How a part declares its settings, and how raw values become them: names, checks, and a sentence for what is wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr, ValidationError, ValidationInfo
from pydantic.fields import FieldInfo

from recoup.settings_layers import Layers, did_you_mean

PROCESS = "recoup"
"""The section of the process itself; its environment names carry no section: RECOUP_PORT."""

DEFAULT = "default"
"""The origin of what is set nowhere."""


class Env:
    """Marks a field with environment names that it answers to besides its own ``RECOUP_<SECTION>_<FIELD>``.

    Within one layer the field's own name wins, then these in their order. A field of tables has no own name, a
    field of type ``tuple[str, ...]`` is written with commas.
    """

    def __init__(self, *names: str) -> None:
        self.names = names


class EnvPattern:
    r"""Marks a list of tables that a numbered family of environment names can fill.

    The pattern's first group is the number that orders the tables, its second the key within one, in capitals:
    ``EnvPattern(r"DIMENSION(\d+)_(NAME|FORMULA)")``. A family that is found replaces the list in recoup.toml.
    """

    def __init__(self, pattern: str) -> None:
        self.pattern = re.compile(pattern)


class Section(BaseModel):
    """The settings of one part, ``[section]`` in recoup.toml; nothing changes them once they are loaded."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,  # pages show them
    )


def absolute(path: Path, info: ValidationInfo) -> Path:
    """Make a path absolute from the working directory that was loaded from; raise ValueError for ``~``."""
    if str(path).startswith("~"):
        raise ValueError("~ is not understood here, write the whole path")
    return Path(info.context["cwd"]) / path if info.context else path.absolute()


Folder = Annotated[Path, AfterValidator(absolute)]
"""A path, made absolute."""


class Draft:
    """One section on its way: raw values by field, and where each came from by dotted name."""

    def __init__(self, name: str, kind: type[Section]) -> None:
        self.name = name
        self.kind = kind
        self.data: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self.problems: list[str] = []

    def take_toml(self, table: object, toml_name: str) -> None:
        """Take the values of ``[section]``; an empty text is as good as none."""
        if isinstance(table, dict):
            self.data = {key: value for key, value in table.items() if value != ""}
            self.origins = {f"{self.name}.{key}": f"{toml_name} [{self.name}] {key}" for key in self.data}

    def take_env(self, layers: Layers) -> None:
        """Put what the environment layers say over what is there."""
        for field, info in self.kind.model_fields.items():
            path = f"{self.name}.{field}"
            if found := layers.find(env_names(self.name, field, info)):
                is_list = get_origin(info.annotation) is tuple
                self.data[field] = [part.strip() for part in found.text.split(",")] if is_list else found.text
                self.origins[path] = found.origin
            for mark in info.metadata:
                if isinstance(mark, EnvPattern) and (tables := layers.family(mark.pattern)):
                    self.data[field] = [{key: found.text for key, found in table.items()} for table in tables]
                    for number, table in enumerate(tables, start=1):
                        places = {f"{path}.{number}.{key}": found.origin for key, found in table.items()}
                        self.origins |= places | {f"{path}.{number}": ", ".join(places.values())}

    def finish(self, context: Mapping[str, Path]) -> Section | None:
        """Return the section, or None with a sentence in ``problems`` for each thing that is wrong."""
        try:
            return self.kind.model_validate(self.data, context=dict(context))
        except ValidationError as error:
            self.problems = [self._sentence(dict(each)) for each in error.errors(include_url=False)]
            return None

    def _sentence(self, error: Mapping[str, Any]) -> str:
        """Say one of pydantic's findings in our words, without a value that is or may be a secret."""
        place: tuple[str | int, ...] = error["loc"]
        path = ".".join([self.name, *(str(step + 1) if isinstance(step, int) else step for step in place)])
        origin = origin_of(self.origins, path)
        what = path if origin == DEFAULT else f"{path}, from {origin},"
        if error["type"] == "extra_forbidden":
            model = _model_in(_annotation_at(self.kind, place[:-1]))
            return f"{what} is no setting{did_you_mean(str(place[-1]), model.model_fields if model else ())}."
        if error["type"] == "missing":
            return f"{path} is missing{'' if origin == DEFAULT else f', beside {origin}'}."
        context = error.get("ctx", {})
        expected = _EXPECTED.get(error["type"], "").format(**context)
        annotation = _annotation_at(self.kind, place)
        if annotation is None or _is_secret(annotation):
            return (
                f"{what} cannot be used: expected {expected or 'another value'} (what is set is not shown)."
            )
        reason = f"expected {expected}" if expected else str(context.get("error", error["msg"]))
        value = error["input"]
        is_plain = isinstance(value, str | int | Decimal)
        return (
            f"{what} is {str(value)[:80]!r}: {reason}." if is_plain else f"{what} cannot be used: {reason}."
        )


def env_names(section: str, field: str, info: FieldInfo) -> list[str]:
    """Return the environment names of a field, the strongest first; tables have no name of their own."""
    own = f"RECOUP_{field}" if section == PROCESS else f"RECOUP_{section}_{field}"
    is_table = _model_in(info.annotation) is not None or get_origin(info.annotation) is dict
    marked = [name for mark in info.metadata if isinstance(mark, Env) for name in mark.names]
    return marked if is_table else [own.upper(), *marked]


def origin_of(origins: Mapping[str, str], path: str) -> str:
    """Return the origin of a dotted name, or of the nearest thing around it."""
    while path:
        if path in origins:
            return origins[path]
        path = path.rpartition(".")[0]
    return DEFAULT


def flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    """Yield dotted name and value for a person, for each plain value in a section; list items count from 1."""
    if isinstance(value, BaseModel):
        for field in type(value).model_fields:
            yield from flat(f"{path}.{field}", getattr(value, field))
    elif isinstance(value, tuple) and any(isinstance(item, BaseModel) for item in value):
        for number, item in enumerate(value, start=1):
            yield from flat(f"{path}.{number}", item)
    else:
        yield path, _shown(value)


_EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "decimal_parsing": "a decimal number such as 1.5",
    "decimal_type": "a decimal number such as 1.5",
    "string_type": "text",
    "path_type": "a path",
    "tuple_type": "a list",
    "model_type": "a table of settings",
    "literal_error": "{expected}",
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} or less",
}


def _shown(value: object) -> str:
    match value:
        case None | "" | ():
            return "not set"
        case SecretStr():
            return "set"
        case bool():
            return str(value).lower()
        case tuple():
            return ", ".join(map(str, value))
        case _:
            return str(value)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation such as ``tuple[Stream, ...]``, or None."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def _annotation_at(annotation: Any, place: tuple[str | int, ...]) -> Any:
    """Return the type of the field at a place that pydantic names, or None where we have no field."""
    for step in place:
        if isinstance(step, str):
            model = _model_in(annotation)
            found = model.model_fields.get(step) if model else None
            annotation = found.annotation if found else None
    return annotation


def _is_secret(annotation: Any) -> bool:
    return annotation is SecretStr or any(map(_is_secret, get_args(annotation)))
