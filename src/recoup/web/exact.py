"""JSON whose numbers are exact both ways: decimals are read and written as they stand, never by way of a float."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Any

import msgspec
from fastapi import Request, Response
from pydantic import BaseModel

from recoup.core.clock import to_text
from recoup.web.deps import Route

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class ExactRequest(Request):
    """A request whose JSON body has Decimals where others have floats, and no NaN."""

    async def json(self) -> Any:
        """Return the body; raise ValueError's kin for what is no JSON."""
        return json.loads(await self.body(), parse_float=Decimal, parse_constant=_no_number)


class ExactRoute(Route):
    """A route that reads its body so; use it as the ``route_class`` of a router."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route."""
        handler = super().get_route_handler()

        async def exact(request: Request) -> Response:
            return await handler(ExactRequest(request.scope, request.receive))

        return exact


def answer(
    shown: BaseModel | list[Any], *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Answer with a model, or a list of them; decimals become numbers with all their digits."""
    body = [_plain(one) for one in shown] if isinstance(shown, list) else _plain(shown)
    return Response(_ENCODER.encode(body), status, headers, media_type="application/json")


def _plain(shown: BaseModel) -> Any:
    return _instants(shown.model_dump())


def _instants(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _instants(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_instants(one) for one in value]
    return to_text(value) if hasattr(value, "tzinfo") and hasattr(value, "date") else value


def _no_number(text: str) -> Any:
    raise json.JSONDecodeError(f"{text} is no number", text, 0)
