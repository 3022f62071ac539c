"""How the journal's lines about jobs and runs read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

EVENTS = {
    "jobs.schedule_changed": "The schedule was changed from {was} to {cron} {zone}.",
    "jobs.paused": "The job was paused.",
    "jobs.resumed": "The job was resumed.",
    "jobs.notify_changed": "Who is told was changed. When a run succeeds: {success}. When one fails: {failure}.",
    "jobs.run_succeeded": "A run of {job} succeeded: {summary}",
    "jobs.run_failed": "A run of {job} failed: {summary}",
    "jobs.run_parked": "A run of {job} was parked: {summary}",
    "jobs.run_cancelled": "A run of {job} was cancelled. {summary}",
    "jobs.run_looked_after": "Somebody looked after the run. {note}",
}
"""A sentence per kind, with details in braces."""


def told(kind: str, detail: Mapping[str, Any]) -> str:
    """Write an event as a sentence; one of a kind that is not known here by its name."""
    sentence = EVENTS.get(kind)
    if sentence is None:
        words = kind.partition(".")[2].replace("_", " ")
        return f"{words[:1].upper()}{words[1:]}."
    values = defaultdict(str, {name: _written(value) for name, value in detail.items()})
    return " ".join(sentence.format_map(values).split())


def _written(value: Any) -> str:
    return (", ".join(map(str, value)) or "nobody") if isinstance(value, list) else str(value)
