"""Renders templates that a person wrote: with documented words only, and bounds on loops, lengths and time.

Jinja's sandbox keeps a template from the inside of Python; it does not keep it from taking for ever or filling the
memory. So loops, texts put together and lists are counted against a budget that one rendering has.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from traceback import walk_tb
from typing import Any, Literal

from jinja2 import DictLoader, StrictUndefined, Template, TemplateSyntaxError, meta, nodes
from jinja2.exceptions import SecurityError, TemplateError
from jinja2.filters import FILTERS as JINJA_FILTERS
from jinja2.runtime import Context, LoopContext
from jinja2.sandbox import SandboxedEnvironment
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import Namespace

from recoup.office.messages import bounds, catalogue, rules
from recoup.office.messages.catalogue import Declared

Part = Literal["subject", "text", "html"]
PARTS: tuple[Part, ...] = ("subject", "text", "html")

LARGEST_SOURCE = 60_000
LARGEST_BODY = 100_000
"""What Gmail shows of a message before it cuts it off, about."""

HOUSE = ("layout.html", "parts.html")
"""What a template may build upon."""
_TESTS = "defined undefined none string number mapping sequence even odd in eq ne"
TESTS = frozenset(_TESTS.split())
_STRING_METHODS = frozenset(
    {"splitlines", "split", "strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize", "replace"}
    | {"startswith", "endswith", "ljust", "rjust"}
)
_LOOP = frozenset({"index", "index0", "revindex", "first", "last", "length", "cycle", "previtem", "nextitem"})
_ATTRIBUTES: tuple[tuple[type, frozenset[str]], ...] = (
    (str, _STRING_METHODS),
    (Mapping, frozenset({"items", "keys", "values", "get"})),
    (dt.datetime, frozenset({"year", "month", "day", "hour", "minute", "second"})),
    (dt.timedelta, frozenset({"days", "seconds", "total_seconds"})),
    (LoopContext, _LOOP),
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a template cannot be used: which part of it, in which line, and the reason as a sentence."""

    part: Part
    line: int | None
    reason: str

    def sentence(self) -> str:
        """Say it with its place."""
        where = f"{NAMES[self.part]}, line {self.line}" if self.line else NAMES[self.part]
        return f"{where}: {self.reason}"


NAMES: Mapping[Part, str] = {"subject": "Subject", "text": "Text", "html": "HTML"}


class Broken(Exception):
    """A template cannot be used."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.sentence())
        self.problem = problem


# ---------------------------------------------------------------- before: what the source says


def check(declared: Declared, part: Part, source: str) -> None:
    """Raise Broken where a part of a template names what it may not, or is no template."""
    if len(source) > LARGEST_SOURCE:
        raise Broken(Problem(part, None, f"it is longer than {LARGEST_SOURCE:,} characters."))
    if not source.strip():
        raise Broken(Problem(part, None, "it is empty."))
    try:
        tree = _environment().parse(source)
    except Exception as error:  # noqa: BLE001 - whatever the parser stumbles over, the text is no template
        raise Broken(_problem(part, error)) from None
    for node in tree.find_all(nodes.Node):
        if reason := _refused(node):
            raise Broken(Problem(part, node.lineno, reason))
    _check_names(declared, part, tree)


def _check_names(declared: Declared, part: Part, tree: nodes.Template) -> None:
    try:
        undeclared = meta.find_undeclared_variables(tree)
    except Exception as error:  # noqa: BLE001 - it compiles, which stumbles over what is nested too deeply
        raise Broken(_problem(part, error)) from None
    names = list(tree.find_all(nodes.Name))
    made = {one.name for one in names if one.ctx != "load"}
    made |= {one.target for one in tree.find_all(nodes.Import)} | set(_environment().globals)
    unknown = undeclared - made - set(declared.variables)
    for name in names:
        if name.ctx == "load" and name.name in unknown:
            known = ", ".join(declared.variables)
            raise Broken(Problem(part, name.lineno, f"there is no {name.name!r} here. There are: {known}."))
    used = {name.name for name in names if name.ctx == "load"}
    for needed in declared.must_name if part != "subject" else ():
        if needed not in used:
            raise Broken(
                Problem(part, None, f"{{{{ {needed} }}}} is missing, and it is what the mail is for.")
            )


def _refused(node: nodes.Node) -> str:
    """Return why a node may not stand in a template of a person, or nothing."""
    reason = ""
    match node:
        case nodes.Include() | nodes.FromImport():
            reason = _NO_FILES
        case nodes.Extends() | nodes.Import():
            allowed = HOUSE[0] if isinstance(node, nodes.Extends) else HOUSE[1]
            is_ours = isinstance(node.template, nodes.Const) and node.template.value == allowed
            reason = "" if is_ours else _NO_FILES
        case nodes.Getattr() if node.attr.startswith("_"):
            reason = f"{node.attr!r} is not to be had: names that start with an underscore are Python's own."
        case nodes.For() if node.recursive:
            reason = "a loop cannot call itself."
        case nodes.ScopedEvalContextModifier() | nodes.EvalContextModifier():
            reason = "autoescape stays on."
        case nodes.Filter():
            reason = _refused_filter(node)
        case nodes.Test() if node.name not in TESTS and node.name not in rules.TESTS:
            reason = f"there is no test {node.name!r}."
    return reason


_NO_FILES = f"no file can be included; there is {HOUSE[0]} to extend, and {HOUSE[1]} to import."


def _refused_filter(node: nodes.Filter) -> str:
    names = [node.name]
    if node.name == "map":
        names += [one.value if isinstance(one, nodes.Const) else "?" for one in node.args[:1]]
        if node.kwargs or node.dyn_args is not None or node.dyn_kwargs is not None or not node.args:
            return 'map takes one word, such as map("first").'
    for name in names:
        if name not in catalogue.FILTERS:
            return f"there is no filter {name!r}. There are: {', '.join(catalogue.FILTERS)}."
    return ""


# ---------------------------------------------------------------- while it is rendered


def render(declared: Declared, sources: Mapping[Part, str], context: Mapping[str, Any]) -> rules.Rendered:
    """Render a template; raise Broken with the part, the line and the reason."""
    written = {part: render_part(declared, part, sources[part], context) for part in PARTS}
    return rules.Rendered(written["subject"], written["text"], written["html"])


def render_part(declared: Declared, part: Part, source: str, context: Mapping[str, Any]) -> str:
    """Render one part of a template."""
    template = _compiled(declared.name, part, source)
    try:
        with bounds.budget():
            text = template.render(dict(context))
    except Exception as error:  # noqa: BLE001 - whatever the template did, it is told at its line
        raise Broken(_problem(part, error)) from None
    if len(text) > LARGEST_BODY:
        raise Broken(Problem(part, None, f"it comes to more than {LARGEST_BODY:,} characters."))
    if not text.strip():
        raise Broken(Problem(part, None, "nothing is left of it when it is written."))
    return text if part != "subject" else _subject(text)


def _subject(text: str) -> str:
    subject, longest = " ".join(text.split("\n")).strip(), rules.LONGEST_SUBJECT
    if len(subject) > longest or not subject.isprintable():
        raise Broken(
            Problem("subject", None, f"it has to be one line of at most {longest} visible characters.")
        )
    return subject


@functools.lru_cache(maxsize=64)
def _compiled(name: str, part: Part, source: str) -> Template:
    check(catalogue.TEMPLATES[name], part, source)
    environment = _environment()
    try:
        code = environment.compile(source, f"body.{'html' if part == 'html' else 'txt'}", f"<{part}>")
    except Exception as error:  # noqa: BLE001 - Python's own compiler has bounds, too
        raise Broken(_problem(part, error)) from None
    return Template.from_code(environment, code, environment.make_globals(None))


def _problem(part: Part, error: Exception) -> Problem:
    line: int | None = None
    if isinstance(error, TemplateSyntaxError):
        line = error.lineno
    for frame, number in walk_tb(error.__traceback__):
        if frame.f_code.co_filename == f"<{part}>":
            line = number
    match error:
        case RecursionError() | MemoryError() | SyntaxError():
            reason = "it is nested too deeply"
        case TemplateError():
            reason = (error.message or "it is no template").rstrip(".")
        case _:
            reason = f"{error}".rstrip(".") or type(error).__name__
    return Problem(part, line, f"{rules.one_line(reason, longest=300)}.")


class _Bounded(SandboxedEnvironment):
    """Jinja's sandbox, in which everything that grows is counted."""

    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%", "**"})

    def compile(self, source: Any, name: Any = None, filename: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Compile a template whose loops and joined texts are counted."""
        tree = self.parse(source, name, filename) if isinstance(source, str) else source
        return super().compile(bounds.counted_tree(tree), name, filename, *args, **kwargs)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ARG002 - Jinja's shape
        """Say whether a template may have an attribute: what is listed here, and nothing else of Python."""
        if attr.startswith("_"):
            return False
        for kind, names in _ATTRIBUTES:
            if isinstance(obj, kind):
                return attr in names
        return isinstance(obj, Namespace) or type(obj).__name__ in {"TemplateModule", "TemplateReference"}

    def wrap_str_format(self, value: Any) -> None:  # noqa: ARG002 - Jinja's shape
        """Keep ``"{:>9999999}".format`` away: there is a filter for it, which looks at widths."""
        return

    def call(self, context: Context, obj: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call what a template may call; each is a step."""
        bounds.spend()
        owner = getattr(obj, "__self__", None)
        if isinstance(owner, str):
            bounds.fits(owner, getattr(obj, "__name__", ""), args, kwargs)
        return super().call(context, obj, *args, **kwargs)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Reckon, with numbers and texts of a size."""
        bounds.spend()
        if operator == "%" and isinstance(left, str):
            raise SecurityError("use the filter format to put values into a text")
        if operator == "**":
            raise SecurityError("there are no powers here")
        if operator == "*" and not (bounds.is_number(left) and bounds.is_number(right)):
            raise SecurityError("only numbers can be multiplied")
        made = super().call_binop(context, operator, left, right)
        if isinstance(made, int) and made.bit_length() > bounds.MOST_BITS:
            raise SecurityError("the number is too large")
        return bounds.made(made) if isinstance(made, list | tuple) else bounds.short(made)


@functools.cache
def _environment() -> _Bounded:
    folder = files("recoup.office.messages") / "templates"
    environment = _Bounded(
        loader=DictLoader({name: (folder / name).read_text(encoding="utf-8") for name in HOUSE}),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=bounds.printed,
        auto_reload=False,
    )
    known = {name: JINJA_FILTERS[name] for name in catalogue.FILTERS if name in JINJA_FILTERS}
    own = {"join": bounds.joined, "replace": bounds.replaced, "format": bounds.formatted}
    inner = {
        "recoup_loop": bounds.looped,
        "recoup_made": bounds.made,
        "recoup_plain": bounds.plain,
        "recoup_short": bounds.short,
    }
    environment.filters = {**known, **rules.FILTERS, **own, **inner, "safe": JINJA_FILTERS["safe"]}
    environment.tests = {**{name: JINJA_TESTS[name] for name in TESTS}, **rules.TESTS}
    environment.globals = {"range": bounds.small_range, "namespace": Namespace}
    return environment
