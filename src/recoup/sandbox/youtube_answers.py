"""How Google words answers: failures, instants, pages of lists; and what can be let go wrong with a request."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from recoup.sandbox.faults import Answer, Asked, Fault, json_answer


def unauthorised() -> Fault:
    """401 whatever the token."""
    return Fault(name="unauthorised", handled=False, answer=unauthenticated())


def quota() -> Fault:
    """403 that is no matter of permission: try later."""
    answer = problem(403, "PERMISSION_DENIED", "Quota exceeded for quota metric.", "quotaExceeded")
    return Fault(name="quota", handled=False, answer=answer)


def no_permission() -> Fault:
    """403 that trying again does not mend."""
    answer = problem(403, "PERMISSION_DENIED", "The caller does not have permission.", "forbidden")
    return Fault(name="no_permission", handled=False, answer=answer)


def truncated(keep: float = 0.5) -> Fault:
    """Answer in good order with a body that ends too early: nothing but the bytes tells."""

    def cut(answer: Answer) -> Answer:
        return Answer(answer.status, answer.body[: int(len(answer.body) * keep)], answer.headers)

    return Fault(name="truncated", handled=True, rewrite=cut)


def page(asked: Asked, name: str, rows: Sequence[Mapping[str, Any]], *, most: int) -> Answer:
    """Answer with a page; what is empty is left out, as proto3 does in JSON."""
    query = {key: value for key, value in asked.query.items() if key not in {"pageToken", "pageSize"}}
    mark = hashlib.sha256(json.dumps([asked.path, sorted(query.items())]).encode()).hexdigest()[:8]
    try:
        size = min(int(asked.query.get("pageSize", most)), most)
        token = base64.urlsafe_b64decode(asked.query.get("pageToken", "")).decode()
        first = int(token.removeprefix(mark)) if token else 0
    except ValueError:
        return invalid("The page token or the page size is not valid.")
    if size < 1 or (token and not token.startswith(mark)):
        return invalid("The page token does not belong to this request.")
    shown = rows[first : first + size]
    answer: dict[str, Any] = {name: shown} if shown else {}
    if first + size < len(rows):
        answer["nextPageToken"] = base64.urlsafe_b64encode(f"{mark}{first + size}".encode()).decode()
    return json_answer(200, answer)


def instant(at: datetime) -> str:
    """Write as Google does: UTC with Z, microseconds always."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def problem(code: int, status: str, message: str, reason: str) -> Answer:
    """Answer as Google words a failure."""
    errors = [{"message": message, "domain": "global", "reason": reason}]
    return json_answer(
        code, {"error": {"code": code, "message": message, "status": status, "errors": errors}}
    )


def unauthenticated() -> Answer:
    """Answer that the token is none, or none that holds."""
    return problem(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.", "authError")


def not_found(message: str) -> Answer:
    """Answer that it is not there."""
    return problem(404, "NOT_FOUND", message, "notFound")


def invalid(message: str) -> Answer:
    """Answer that the request is not as it must be."""
    return problem(400, "INVALID_ARGUMENT", message, "badRequest")


def refused(status: int, error: str, description: str) -> Answer:
    """Answer as the token endpoint words a failure (RFC 6749, 5.2)."""
    return json_answer(status, {"error": error, "error_description": description})
