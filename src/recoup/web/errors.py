"""Failures on the wire: problem documents (RFC 9457), and pages with the same sentence for people."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from recoup.core.db import is_connection_lost
from recoup.core.errors import RecoupError, TooMany, Unavailable
from recoup.core.ids import new_id
from recoup.web import pages

log = logging.getLogger("recoup.web")

MEDIA_TYPE = "application/problem+json"
MOST_NAMED = 10
LONGEST_PATH = 200

RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "What was asked cannot be done; `detail` says why, and what to do.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
"""What every route may answer besides its own."""

SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "What went wrong, as RFC 9457 has it.",
    "type": "object",
    "required": ["title", "status", "detail"],
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "detail": {"type": "string"}},
            },
        },
    },
}


def problem(
    status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> JSONResponse:
    """Return a problem document."""
    body = {"title": HTTPStatus(status).phrase, "status": status, "detail": detail, **more}
    return JSONResponse(body, status, dict(headers or {}), media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Have every failure that we foresee answered as a problem document, or as a page where a person asked."""
    app.add_exception_handler(RecoupError, _foreseen)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(SQLAlchemyError, _database)


def unforeseen(request: Request, error: Exception) -> Response:
    """Write a failure down under a new number and answer with that number only."""
    number = new_id()
    log.error("Request failed (%s)", number, exc_info=error)
    return answered(
        request,
        HTTPStatus.INTERNAL_SERVER_ERROR,
        f"Something unforeseen happened. The log has the details under {number}.",
    )


def answered(
    request: Request, status: int, detail: str, *, headers: Mapping[str, str] | None = None, **more: object
) -> Response:
    """Answer a failure: with a page where a person asked for one, else with a problem document."""
    if not pages.is_page(request):
        return problem(status, detail, headers=headers, **more)
    if status == HTTPStatus.UNAUTHORIZED:
        return pages.sign_in_first(request)
    try:
        return pages.problem_page(request, status, detail, headers=headers)
    except Exception:  # the page about a failure must not fail itself
        log.exception("The page about a failure could not be made")
        return problem(status, detail, headers=headers)


def _foreseen(request: Request, error: Exception) -> Response:
    if not isinstance(error, RecoupError):  # pragma: no cover - registered for nothing else
        raise error
    headers = {}
    if error.status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        headers["Connection"] = "close"  # or a sender without an end is listened to for ever
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="recoup"'
    if isinstance(error, Unavailable | TooMany) and error.retry_after is not None:
        headers["Retry-After"] = str(error.retry_after)
    return answered(request, error.status, error.sentence(), headers=headers)


def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):  # pragma: no cover - registered for nothing else
        raise error
    named = [_named(each) for each in error.errors()[:MOST_NAMED]]
    detail = " ".join(each["detail"] for each in named)
    return answered(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=named)


def _named(finding: Mapping[str, Any]) -> dict[str, str]:
    """Name a field as the caller wrote it: without ``body`` or ``query`` before it, where there is a name."""
    place = finding["loc"]
    if finding["type"] == "json_invalid":
        return {"field": "body", "detail": f"The body is not JSON (character {place[-1]})."}
    field = ".".join(map(str, place[1:] or place))
    return {"field": field, "detail": f"{field}: {finding['msg']}."}


def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):  # pragma: no cover - registered for nothing else
        raise error
    detail = str(error.detail)
    if error.status_code == HTTPStatus.BAD_REQUEST:
        detail = "The body cannot be read."
    elif error.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {str(request.scope['path'])[:LONGEST_PATH]}."
    elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} is not possible here."
    return answered(request, error.status_code, detail, headers=error.headers)


def _database(request: Request, error: Exception) -> Response:
    if not (isinstance(error, PoolTimeout) or is_connection_lost(error)):
        return unforeseen(request, error)
    log.warning("The database did not answer: %s", type(error).__name__)
    return answered(
        request,
        HTTPStatus.SERVICE_UNAVAILABLE,
        "The database does not answer. Try again.",
        headers={"Retry-After": "5"},
    )
