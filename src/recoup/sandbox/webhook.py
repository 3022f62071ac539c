"""A stand-in for Slack's incoming webhooks, on loopback.

``with WebhookStandIn() as slack:`` in a test; ``slack.address("daily")`` sets one up and is its secret address,
``slack.posts`` is everything that was posted to it. Its answers are one word, as Slack's are (docs.slack.dev,
incoming webhooks).
"""

from __future__ import annotations

import json
import random
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

from recoup.sandbox.faults import COMMON_FAULTS, Answer, Asked, Fault
from recoup.sandbox.http import StandIn

PREFIX = "/services/"
TOKEN_CHARACTERS = 24
SAYS = ("text", "blocks", "attachments")
"""A message has at least one of these."""


@dataclass(frozen=True, slots=True)
class Post:
    """One request as the stand-in remembers it. ``to`` is None for an address that it never gave out."""

    to: str | None
    method: str
    media_type: str
    delivery: str
    """What its header X-Recoup-Delivery says."""
    body: bytes
    status: int | None
    """None: the client got no answer."""
    fault: str | None

    @property
    def message(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def says(status: int, code: str, *, retry_after: str | None = None) -> Fault:
    """Answer with a word of Slack's, such as 403 and ``action_prohibited``, before anything is done."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    answer = _word(status, code)
    return Fault(
        name="says", handled=False, answer=Answer(status, answer.body, {**answer.headers, **headers})
    )


def moved(status: int, location: str) -> Fault:
    """Point elsewhere."""
    return Fault(name="moved", handled=False, answer=Answer(status, b"", {"Location": location}))


class WebhookStandIn(StandIn):
    """Slack's incoming webhooks on loopback. A message that it took is in ``messages``, by the name of its webhook."""

    faults: ClassVar[Mapping[str, Callable[..., Fault]]] = {**COMMON_FAULTS, "says": says, "moved": moved}

    def __init__(self, *, port: int = 0, seed: int = 0) -> None:
        super().__init__(port=port)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._names: dict[str, str] = {}
        self._gone: set[str] = set()
        self._taken: list[tuple[str, Any]] = []
        self._posts: list[Post] = []

    # What tests do and read

    def address(self, name: str) -> str:
        """Return the address of a webhook; it is set up when it is first asked for."""
        with self._lock:
            for path, known in self._names.items():
                if known == name:
                    return f"{self.url}{path}"
            token = "".join(self._random.choices(string.ascii_letters + string.digits, k=TOKEN_CHARACTERS))
            number = len(self._names)
            path = f"{PREFIX}T{number:010}/B{number:010}/{token}"
            self._names[path] = name
            return f"{self.url}{path}"

    def remove(self, name: str) -> None:
        """Take a webhook away, as a person does over there."""
        with self._lock:
            self._gone.add(name)

    @property
    def posts(self) -> list[Post]:
        """Every request, oldest first."""
        with self._lock:
            return list(self._posts)

    def messages(self, name: str) -> list[Any]:
        """Return what a webhook took, oldest first."""
        with self._lock:
            return [message for to, message in self._taken if to == name]

    # The protocol

    def handle(self, asked: Asked) -> Answer:
        """Answer as Slack does."""
        if not asked.path.startswith(PREFIX):
            return Answer(HTTPStatus.FOUND, b"", {"Location": f"{self.url}/"})
        if asked.method != "POST":
            return _word(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")
        with self._lock:
            name = self._names.get(asked.path)
            if name is None or name in self._gone:
                return _word(HTTPStatus.NOT_FOUND, "no_service")
            try:
                message = json.loads(asked.body)
            except ValueError:
                message = None
            if not isinstance(message, dict):
                return _word(HTTPStatus.BAD_REQUEST, "invalid_payload")
            if not any(message.get(part) for part in SAYS):
                return _word(HTTPStatus.BAD_REQUEST, "no_text")
            self._taken.append((name, message))
        return _word(HTTPStatus.OK, "ok")

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:
        """Remember the request without its secret."""
        with self._lock:
            self._posts.append(
                Post(
                    to=self._names.get(asked.path),
                    method=asked.method,
                    media_type=asked.headers.get("content-type", ""),
                    delivery=asked.headers.get("x-recoup-delivery", ""),
                    body=asked.body,
                    status=answer.status if answer else None,
                    fault=fault.name if fault else None,
                )
            )


def _word(status: int, word: str) -> Answer:
    return Answer(status, word.encode(), {"Content-Type": "text/html"})  # as Slack calls it
