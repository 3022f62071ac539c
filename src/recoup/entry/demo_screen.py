"""How the demo looks: a bar with the worker's latest lines below it on a terminal, plain lines everywhere else."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from recoup.entry.demo_figures import Check, StreamFigures
from recoup.entry.demo_rights_figures import KindFigures

LINES = 5
_STYLES = {"warning": "yellow", "error": "red"}

ROWS: Mapping[str, Callable[[StreamFigures], int]] = {
    "Hours exported": lambda one: one.hours,
    "Files read": lambda one: one.files,
    "Records read": lambda one: one.records,
    "  repeats, folded": lambda one: one.folded,
    "  without a contract": lambda one: one.unbilled,
    "  unusable, quarantined": lambda one: one.quarantined,
    "Entries: contract, dimension, hour": lambda one: one.entries,
    "  handed over again after the kill": lambda one: one.sent_twice,
    "  accepted by Clazar": lambda one: one.accepted,
    "  less than 1, carried on": lambda one: one.carried_whole,
    "  in any other state": lambda one: one.otherwise,
    "Submissions": lambda one: one.submissions,
    "Hours held": lambda one: one.held,
    "Adjustments that wait for a person": lambda one: one.adjustments,
    "Remainders carried on": lambda one: one.remainders,
}
REPORT_ROWS: Mapping[str, Callable[[KindFigures], int]] = {
    "Reports fetched": lambda one: one.fetched,
    "  downloads that broke off": lambda one: one.broken,
    "  replaced by one that was made anew": lambda one: one.made_anew,
    "Snapshots, one for each day": lambda one: one.snapshots,
    "Rows in them": lambda one: one.rows,
    "  several of one claim or asset, folded": lambda one: one.folded,
    "Changes: added": lambda one: one.added,
    "  gone": lambda one: one.gone,
    "  changed": lambda one: one.changed,
    "In the newest snapshot": lambda one: one.now,
    "Wait for an answer": lambda one: one.waiting,
}


class Screen:
    """Shows what goes on. With ``aside`` it speaks on stderr, and leaves stdout to the result."""

    def __init__(self, *, hours: int, aside: bool) -> None:
        self.console = _Console(stderr=aside, highlight=False)
        self._lines: deque[tuple[str, str]] = deque(maxlen=LINES)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("hours,"),
            TimeElapsedColumn(),
            console=self.console,
            expand=True,
        )
        self._task = self._bar.add_task("Starting", total=hours)
        self._live: Live | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal may be gone, which must not keep the rest from ending
            self.rest()

    def say(self, text: str, *, style: str = "") -> None:
        """Print a line that stays."""
        self.console.print(Text(text, style=style), soft_wrap=not self.console.is_terminal)

    def begin(self) -> None:
        """Show the bar; in a pipe there is none."""
        if self.console.is_terminal:
            self._live = Live(self._drawn(), console=self.console, refresh_per_second=8, transient=True)
            self._live.start()

    def doing(self, what: str) -> None:
        """Say at the bar's left what goes on right now."""
        self._bar.update(self._task, description=what)

    def progress(self, done: int, lines: Iterable[tuple[str, str]]) -> None:
        """Move the bar, and show the latest lines (level and text) of the worker's log."""
        self._lines.extend(lines)
        self._bar.update(self._task, completed=done)
        if self._live is not None:
            self._live.update(self._drawn())

    def rest(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def figures(self, figures: Sequence[StreamFigures]) -> None:
        """Print the table of figures, one column for each stream."""
        heads = []
        for one in figures:
            service, environment, plan = one.stream.split(":")
            heads.append(f"{service} ({one.cloud})\n{environment} {plan}")
        self._table(heads, {name: [get(one) for one in figures] for name, get in ROWS.items()})

    def reports(self, figures: Sequence[KindFigures]) -> None:
        """Print the table of a content owner's reports, one column for each kind."""
        heads = [f"{one.kind.capitalize()}s" for one in figures]
        self._table(heads, {name: [get(one) for one in figures] for name, get in REPORT_ROWS.items()})

    def checks(self, checks: Sequence[Check]) -> None:
        """Print what was compared, and where it differs."""
        yes, no = ("✓", "✗") if self.console.encoding.startswith("utf") else ("ok", "NO")
        for check in checks:
            self.say(f"{yes if check.ok else no} {check.what}", style="green" if check.ok else "bold red")
            for problem in check.problems[:10]:
                self.say(f"    {problem}")
            if len(check.problems) > 10:  # noqa: PLR2004 - a screenful
                self.say(f"    and {len(check.problems) - 10:,} more")

    def _table(self, heads: Sequence[str], rows: Mapping[str, Sequence[int]]) -> None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("", no_wrap=True)
        for head in heads:
            table.add_column(head, justify="right")
        for name, values in rows.items():
            table.add_row(name, *(f"{value:,}" for value in values))
        self.console.print(table)

    def _drawn(self) -> Group:
        width = self.console.width - 2
        below = [
            Text("  " + text[:width], style=_STYLES.get(level, "dim"), no_wrap=True)
            for level, text in self._lines
        ]
        return Group(self._bar, *below)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Let it be known: rich would end the process here, and leave the others running."""
        raise  # noqa: PLE0704 - called where rich has caught it
