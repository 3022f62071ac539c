"""Whether this server lives, whether it can take work, and how everything stands in detail."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Depends, Response
from sqlalchemy.exc import SQLAlchemyError

from recoup.core.errors import RecoupError
from recoup.core.parts import Check, Probe
from recoup.core.system import System
from recoup.web.auth import may
from recoup.web.deps import Running
from recoup.web.wire import Shown

log = logging.getLogger("recoup.web")

Checks = Callable[[System], list[Check]]
Probes = Callable[[System], list[Probe]]


class CheckShown(Shown):
    """One line of a health report; ``fix`` says what to do where it is not ok, or soon will not be."""

    name: str
    status: Literal["ok", "warn", "fail", "none"]
    detail: str
    fix: str | None = None


class Health(Shown):
    """How everything stands; ``ok`` is false when one line fails."""

    ok: bool
    checks: list[CheckShown]


def shown(check: Check) -> CheckShown:
    """Show a check: one that is ok and still says what to do is a warning."""
    if check.ok is None:
        status: Literal["ok", "warn", "fail", "none"] = "none"
    elif not check.ok:
        status = "fail"
    else:
        status = "warn" if check.fix else "ok"
    return CheckShown(name=check.name, status=status, detail=check.detail, fix=check.fix)


def report(checks: Iterable[Check]) -> Health:
    """Put checks together."""
    lines = [shown(check) for check in checks]
    return Health(ok=all(line.status != "fail" for line in lines), checks=lines)


def gathered(system: System, checks: Iterable[Checks]) -> Iterator[Check]:
    """Run checks; one that breaks is a line that fails, and stops none of the others."""
    for check in checks:
        name = check.__module__.rpartition(".")[0].rpartition(".")[2]
        try:
            yield from check(system)
        except RecoupError as error:
            yield Check(name, ok=False, detail=error.detail, fix=error.fix)
        except SQLAlchemyError as error:
            log.warning("A check of %s failed: %s", name, error)
            yield Check(
                name, ok=False, detail="The database does not answer.", fix="See the line `database`."
            )
        except Exception:
            log.exception("A check of %s broke", name)
            yield Check(name, ok=False, detail="It could not be checked.", fix="The log says why.")


def knocked(probe: Probe) -> Check:
    """Knock, and say what came of it: a failure is a finding, and so is no answer in time.

    A knock that is not over in time is left alone in its thread; what it knocks at bounds it in the end.
    """
    if probe.seconds is None:
        return _knock(probe)
    answer: queue.SimpleQueue[Check] = queue.SimpleQueue()
    threading.Thread(
        target=lambda: answer.put(_knock(probe)), name=f"knock {probe.name}", daemon=True
    ).start()
    try:
        return answer.get(timeout=probe.seconds)
    except queue.Empty:
        detail = f"There was no answer within {probe.seconds:g} seconds."
        fix = "See that its address is right, and that no firewall stands between."
        return Check(probe.name, ok=False, detail=detail, fix=fix)


def _knock(probe: Probe) -> Check:
    try:
        return probe.knock()
    except RecoupError as error:
        return Check(probe.name, ok=False, detail=error.detail, fix=error.fix)
    except Exception:
        log.exception("Knocking at %s broke", probe.name)
        return Check(probe.name, ok=False, detail="It could not be tested.", fix="The log says why.")


def router(*, ready: Sequence[Checks], detail: Sequence[Checks]) -> APIRouter:
    """Return the three routes; ``ready`` are the checks without which this server can do nothing."""
    routes = APIRouter(tags=["health"])

    @routes.get("/livez", summary="This process answers")
    async def livez() -> dict[str, str]:  # no thread, no database: a busy server still lives
        return {"status": "ok"}

    @routes.get("/readyz", summary="This server can take work")
    def readyz(system: Running, response: Response) -> Health:
        found = report(gathered(system, ready))
        if not found.ok:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return found

    @routes.get(
        "/healthz", summary="How everything stands, in detail", dependencies=[Depends(may("health.look"))]
    )
    def healthz(system: Running, response: Response) -> Health:
        found = report(gathered(system, (*ready, *detail, *system.parts.checks)))
        if not found.ok:
            response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        return found

    return routes
