"""A stand-in for Twilio's Messages API, on loopback.

``with TwilioStandIn() as twilio:`` in a test; ``twilio.texts`` is every text that it took, ``twilio.posts`` everything
that was asked. Numbers can be made bad: ``twilio.refuse("+41…", 21610)`` is one who answered STOP.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar
from urllib.parse import parse_qs

from recoup.sandbox.faults import COMMON_FAULTS, Answer, Asked, Fault, json_answer
from recoup.sandbox.http import StandIn

ACCOUNT = "AC00000000000000000000000000000471"
TOKEN = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"  # noqa: S105 - opens the stand-in alone
LONGEST = 1_600
WORDS = {
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    21211: "The 'To' number {to} is not a valid phone number.",
    21408: "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}",
    21602: "Message body is required.",
    21603: "A 'From' phone number is required.",
    21604: "A 'To' phone number is required.",
    21606: "The 'From' phone number provided is not a valid message-capable phone number.",
    21610: "Attempt to send to unsubscribed recipient",
    21614: "'To' number is not a valid mobile number",
    21617: "The concatenated message body exceeds the 1600 character limit.",
}
"""What is told with a code."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text that was taken."""

    sid: str
    to: str
    sender: str
    text: str


@dataclass(frozen=True, slots=True)
class Post:
    """One request as the stand-in remembers it. ``is_known``: it came with the account's credentials."""

    method: str
    path: str
    media_type: str
    form: Mapping[str, str]
    is_known: bool
    status: int | None
    """None: the client got no answer."""
    fault: str | None


def says(status: int, code: int, *, message: str | None = None, retry_after: str | None = None) -> Fault:
    """Answer with an error of Twilio's, such as 400 and 21610, before anything is done."""
    answer = _error(status, code, message=message)
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    made = Answer(status, answer.body, {**answer.headers, **headers})
    return Fault(name="says", handled=False, answer=made)


def moved(status: int, location: str) -> Fault:
    """Point elsewhere."""
    return Fault(name="moved", handled=False, answer=Answer(status, b"", {"Location": location}))


class TwilioStandIn(StandIn):
    """Twilio's Messages on loopback."""

    faults: ClassVar[Mapping[str, Callable[..., Fault]]] = {**COMMON_FAULTS, "says": says, "moved": moved}

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self._lock = threading.Lock()
        self._refused: dict[str, int] = {}
        self._texts: list[Text] = []
        self._posts: list[Post] = []

    # What tests do and read

    def refuse(self, to: str, code: int) -> None:
        """Refuse texts to a number from now on."""
        with self._lock:
            self._refused[to] = code

    @property
    def texts(self) -> list[Text]:
        """Every text that was taken, oldest first."""
        with self._lock:
            return list(self._texts)

    @property
    def posts(self) -> list[Post]:
        """Every request, oldest first."""
        with self._lock:
            return list(self._posts)

    def to(self, number: str) -> list[str]:
        """Return what a number got, oldest first."""
        return [one.text for one in self.texts if one.to == number]

    # The protocol

    def handle(self, asked: Asked) -> Answer:
        """Answer as Twilio does."""
        if not _is_known(asked):
            return _error(HTTPStatus.UNAUTHORIZED, 20003)
        account = f"/2010-04-01/Accounts/{ACCOUNT}"
        if (asked.method, asked.path) == ("GET", f"{account}.json"):
            return json_answer(HTTPStatus.OK, {"sid": ACCOUNT, "status": "active"})
        if (asked.method, asked.path) != ("POST", f"{account}/Messages.json"):
            return _error(HTTPStatus.NOT_FOUND, 20404)
        form = _form(asked)
        to, sender = form.get("To", ""), form.get("MessagingServiceSid") or form.get("From", "")
        text = form.get("Body", "")
        with self._lock:
            problem = (
                (21604 if not to else 0)
                or (21603 if not sender else 0)
                or (21602 if not text else 0)
                or (21617 if len(text) > LONGEST else 0)
                or self._refused.get(to, 0)
            )
            if problem:
                return _error(HTTPStatus.BAD_REQUEST, problem, to=to)
            sid = f"SM{len(self._texts) + 1:032x}"
            self._texts.append(Text(sid, to, sender, text))
        return json_answer(
            HTTPStatus.CREATED,
            {
                "account_sid": ACCOUNT,
                "sid": sid,
                "status": "queued",
                "to": to,
                "from": form.get("From"),
                "messaging_service_sid": form.get("MessagingServiceSid"),
                "body": text,
                "num_segments": "1",
                "error_code": None,
                "error_message": None,
            },
        )

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:
        """Remember the request without its credentials."""
        with self._lock:
            self._posts.append(
                Post(
                    method=asked.method,
                    path=asked.path,
                    media_type=asked.headers.get("content-type", ""),
                    form=_form(asked),
                    is_known=_is_known(asked),
                    status=answer.status if answer else None,
                    fault=fault.name if fault else None,
                )
            )


def _form(asked: Asked) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(asked.body.decode("utf-8", "replace")).items()}


def _is_known(asked: Asked) -> bool:
    wanted = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    return asked.headers.get("authorization", "") == f"Basic {wanted}"


def _error(status: int, code: int, *, to: str = "", message: str | None = None) -> Answer:
    told: dict[str, Any] = {
        "code": code,
        "message": message if message is not None else WORDS.get(code, "").format(to=to),
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return json_answer(status, told)
