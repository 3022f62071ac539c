"""The state files of the scripts that came before: read both kinds, keep the hourly one up to date."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from recoup.areas.metering.rules.submissions import wire_time
from recoup.core import quantity
from recoup.core.clock import HOUR, parse_instant
from recoup.core.errors import Invalid, Misconfigured

_MONTHLY, _HOURLY = "last_processed_month", "last_processed_hour"


@dataclass(frozen=True, slots=True)
class OldError:
    """A line that the old script could not submit."""

    contract: str
    dimension: str
    start: datetime
    quantity: str
    reason: str


@dataclass(frozen=True, slots=True)
class OldState:
    """What the old script had done of one stream: everything up to and including ``last_hour``."""

    stream: str
    last_hour: datetime
    errors: tuple[OldError, ...] = ()
    warnings: tuple[str, ...] = ()


def read(text: str, *, stream: str | None, name: str) -> list[OldState]:
    """Read a state file of either kind. ``stream`` names the one that a monthly file without a key is about.

    Raise Invalid on anything else: an unreadable state is never taken as an empty one.
    """
    try:
        document = json.loads(text)
    except ValueError as error:
        raise Invalid(f"{name} is not JSON: {error}.") from None
    if not isinstance(document, dict) or not document:
        raise Invalid(f"{name} holds no state.")
    if _MONTHLY in document:
        if stream is None:
            raise Invalid(f"{name} does not say which stream it is about.", fix="Name it with --stream.")
        return [_monthly(stream, document, name)]
    states = []
    for key, value in document.items():
        if not isinstance(value, dict) or not (_HOURLY in value or _MONTHLY in value):
            raise Invalid(f"{name}: {key} has neither {_HOURLY} nor {_MONTHLY}.")
        states.append(_monthly(key, value, name) if _MONTHLY in value else _hourly(key, value, name))
    return states


def write(path: Path, stream: str, last_hour: datetime, *, now: datetime) -> bool:
    """Bring the hourly state file up to date for one stream, whole or not at all; other streams in it stay.

    Say whether there was anything to change.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone_in(path.parent):
            document = _document(path)
            known = document.get(stream)
            if isinstance(known, dict) and known.get(_HOURLY) == wire_time(last_hour):
                return False
            document[stream] = {_HOURLY: wire_time(last_hour), "last_updated": wire_time(now)}
            _replace(path, json.dumps(document, indent=2))
            return True
    except OSError as error:
        fix = "Correct STATE_FILE_PATH, or give Recoup the right to write there."
        raise Misconfigured(f"The state file {path} cannot be written: {error.strerror}.", fix=fix) from error


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other stream, of this process or another, writes its own line into the file."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise Invalid(f"{path} is not JSON: {error}.", fix="Move it away; nothing in it is needed.") from None
    if not isinstance(document, dict):
        raise Invalid(f"{path} holds no state.", fix="Move it away; nothing in it is needed.")
    return document


def _replace(path: Path, text: str) -> None:
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    except BaseException:
        Path(part).unlink()
        raise


def _hourly(stream: str, value: Mapping[str, Any], name: str) -> OldState:
    try:
        hour = parse_instant(str(value[_HOURLY]))
    except Invalid as error:
        raise Invalid(f"{name}: {stream}: {error.detail}") from None
    return OldState(stream, hour.replace(minute=0, second=0, microsecond=0))


def _monthly(stream: str, value: Mapping[str, Any], name: str) -> OldState:
    month = value[_MONTHLY]
    try:
        start = datetime.strptime(str(month), "%Y-%m").replace(tzinfo=UTC)
        after = (start + timedelta(days=32)).replace(day=1)
    except (ValueError, OverflowError):
        raise Invalid(f"{name}: {stream}: {month!r} is not a month such as 2025-06.") from None
    try:
        return OldState(stream, after - HOUR, _failed_lines(value, name), _warnings(value, str(month)))
    except (AttributeError, TypeError) as error:
        raise Invalid(f"{name}: {stream}: its contracts cannot be read: {error}.") from None


def _warnings(value: Mapping[str, Any], month: str) -> tuple[str, ...]:
    return tuple(
        f"{len(contracts)} contracts were already submitted for {begun}, which was not finished: "
        "the marketplace may refuse that month's first hour for them."
        for begun, contracts in sorted((value.get("success_contracts") or {}).items())
        if begun > month and contracts
    )


def _failed_lines(value: Mapping[str, Any], name: str) -> tuple[OldError, ...]:
    return tuple(
        error
        for _, failed in sorted((value.get("error_contracts") or {}).items())
        for each in failed or ()
        for error in _errors(each, name)
    )


def _errors(failed: Mapping[str, Any], name: str) -> list[OldError]:
    reason = "; ".join(map(str, failed.get("errors") or [])) or str(failed.get("message") or "no reason kept")
    try:
        return [
            OldError(
                str(line["contract_id"]),
                str(line["dimension"]),
                parse_instant(str(line["start_time"])),
                quantity.to_text(quantity.parse(str(line["quantity"]))),
                reason,
            )
            for line in (failed.get("payload") or {}).get("request", [])
        ]
    except (KeyError, TypeError, Invalid) as error:
        raise Invalid(f"{name}: an error entry cannot be read: {error}.") from None
