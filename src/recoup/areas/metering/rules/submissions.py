"""What goes to the marketplace, and what its answer means for each line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from recoup.areas.metering.models import EntryState
from recoup.core import quantity
from recoup.core.clock import HOUR, parse_instant
from recoup.core.errors import Invalid

RECORDS_PER_SUBMISSION = 25
"""AWS and Azure take no more per call; Clazar's own limit is not public."""
MOST_SUBMISSIONS = 8
"""How often an entry is submitted that no answer mentions, in about an hour, before a person is asked."""


@dataclass(frozen=True, slots=True)
class Line:
    """One record of a submission as it is sent. Quantities are text, times ``YYYY-MM-DDTHH:MM:SSZ``."""

    cloud: str
    contract: str
    dimension: str
    hour: datetime
    quantity: Decimal

    def on_the_wire(self) -> dict[str, str]:
        """Return the record in Clazar's shape."""
        return {
            "cloud": self.cloud,
            "contract_id": self.contract,
            "dimension": self.dimension,
            "start_time": wire_time(self.hour),
            "end_time": wire_time(self.hour + HOUR),
            "quantity": quantity.to_text(self.quantity),
        }


def wire_time(instant: datetime) -> str:
    """Write an instant as Clazar reads it."""
    return f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def payload(lines: Iterable[Line]) -> bytes:
    """Write a submission; the same lines always give the same bytes."""
    return json.dumps({"request": [line.on_the_wire() for line in lines]}, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the marketplace said of one line: ``accepted``, ``duplicate``, ``rejected`` or ``missing``."""

    state: str
    reason: str
    result: Mapping[str, Any]


MISSING = Verdict("missing", "Clazar's answer did not mention it.", {})


def read_result(result: Mapping[str, Any]) -> Verdict:
    """Read one result: ``success`` and nothing else is success; an unknown dimension fails without a word.

    A duplicate is told only by the error's text: "already exists", or "same contract_id" with "same hour".
    """
    errors = _error_texts(result.get("errors"))
    message = "; ".join([*errors, *(str(result[key]) for key in ("message", "code") if result.get(key))])
    if result.get("status") == "success" and not errors:
        return Verdict("accepted", "", result)
    said = message.lower()
    if "already exist" in said or ("same contract_id" in said and "same hour" in said):
        return Verdict("duplicate", message, result)
    status = result.get("status")
    reason = message or f"Clazar answered status {status!r} and no reason; the dimension may not exist there."
    return Verdict("rejected", reason, result)


def read_results(
    sent: Sequence[tuple[str, str, str]], results: Sequence[Any]
) -> dict[tuple[str, str, str], Verdict]:
    """Match results with what was sent, each named by (contract, dimension, start_time); order is not promised.

    An error result may name nothing. It is given to the only line left without one, or to all of them when there
    are as many such results as lines and all say the same; else those lines are ``missing``.
    """
    verdicts: dict[tuple[str, str, str], Verdict] = {}
    nameless: list[Verdict] = []
    wanted = set(sent)
    for result in results:
        if not isinstance(result, Mapping):
            continue
        name = (
            str(result.get("contract_id")),
            str(result.get("dimension")),
            _start(result.get("start_time")),
        )
        if name in wanted:
            verdict = read_result(result)
            known = verdicts.get(name)
            verdicts[name] = verdict if known is None or known.state == "accepted" else known
        elif "contract_id" not in result or "dimension" not in result:
            nameless.append(read_result(result))
    left = [name for name in sent if name not in verdicts]
    same = len({verdict.state for verdict in nameless}) == 1
    for index, name in enumerate(left):
        verdicts[name] = nameless[index] if same and len(nameless) == len(left) else MISSING
    return verdicts


def _start(value: object) -> str:
    try:
        return wire_time(parse_instant(str(value)))
    except Invalid:
        return str(value)


def _error_texts(errors: object) -> list[str]:
    if not errors:
        return []
    if isinstance(errors, str):
        return [errors]
    if isinstance(errors, Mapping):
        return [str(errors.get("message", errors))]
    if isinstance(errors, Sequence):
        return [text for each in errors for text in _error_texts(each)]
    return [str(errors)]


def state_after(verdict: Verdict, *, handings: int) -> tuple[EntryState, str]:
    """Return an entry's state after an answer; ``handings`` counts how often we handed it over, this time included.

    A duplicate is ours when we handed the same line over before and never heard the outcome; otherwise somebody
    else submitted that hour, in a quantity that we cannot know.
    """
    if verdict.state == "accepted":
        return EntryState.ACCEPTED, ""
    if verdict.state == "duplicate":
        if handings > 1:
            return EntryState.ACCEPTED, "Clazar had it already, from our own earlier hand-over."
        return (
            EntryState.DUPLICATE,
            f"Clazar has a record for this hour that we did not send: {verdict.reason}",
        )
    return refused(verdict.reason, handings=handings)


def refused(reason: str, *, handings: int) -> tuple[EntryState, str]:
    """Return the state of an entry that was not taken this time.

    Where it was handed over before, that copy may have arrived: to submit it another way could bill it twice.
    """
    if handings > 1:
        text = f"{reason.rstrip('.')}. An earlier hand-over may have arrived: look it up at Clazar."
        return EntryState.UNKNOWN, text
    return EntryState.REJECTED, reason
