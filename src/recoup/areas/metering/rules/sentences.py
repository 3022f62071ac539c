"""How a window stands, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

from recoup.areas.metering.models import EntryState, WindowState

_SAID: Mapping[str, str] = {
    EntryState.PLANNED: "on the way",
    EntryState.REJECTED: "rejected",
    EntryState.DUPLICATE: "duplicate",
    EntryState.UNKNOWN: "with an unknown outcome",
    EntryState.EXPIRED: "too late",
    EntryState.HELD: "held",
    EntryState.CARRIED: "carried on whole",
    EntryState.RESTAMPED: "moved into a later hour",
    EntryState.DISMISSED: "let go",
}


def of_window(
    state: str, *, completed_by: str | None, files: int, records: int, entries: Mapping[str, int]
) -> str:
    """Say how a window stands and what became of its entries."""
    if state == WindowState.HELD:
        return (
            "Its files cannot be used as they are. Later hours go on, and every export tries this one again."
        )
    if state == WindowState.WAITING:
        return "It is not complete yet. Every export looks at it again."
    by = {
        "marker": "The producer's marker closed it.",
        "settle": "It was complete when it had settled: no marker names the stream.",
        "import": "It was taken over from the old script.",
    }.get(completed_by or "", "")
    read = f"{_count(files, 'file')} with {_count(records, 'record')} were read."
    return " ".join(part for part in (by, read, _of_entries(entries)) if part)


def _of_entries(entries: Mapping[str, int]) -> str:
    total = sum(entries.values())
    accepted = entries.get(EntryState.ACCEPTED, 0)
    if not total:
        return "Nothing of it is billed."
    if accepted == total:
        return f"{'Its one entry was' if total == 1 else f'All {total:,} entries were'} accepted."
    rest = ", ".join(
        f"{count:,} {_SAID[state]}" for state, count in sorted(entries.items()) if state in _SAID
    )
    return f"Of {_count(total, 'entry', 'entries')} {accepted:,} {'was' if accepted == 1 else 'were'} accepted; {rest}."


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
