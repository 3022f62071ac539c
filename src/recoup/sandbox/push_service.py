"""A stand-in for the push services of browsers, on loopback, and for the browsers behind it.

``with PushServiceStandIn() as service:`` in a test; ``browser = service.subscribe(keys.public)`` is what a browser
hands over, ``service.notices(browser)`` what it would show. It verifies our signature (RFC 8292), and reads what was
encrypted (RFC 8291, RFC 8188) by its own means. The channel has to be told that ``127.0.0.1`` is a push service.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import re
import string
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, ClassVar

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from recoup.core.push import from_base64url, point, to_base64url
from recoup.sandbox.faults import COMMON_FAULTS, Answer, Asked, Fault, json_answer
from recoup.sandbox.http import StandIn

PREFIX = "/send/"
TOKEN_CHARACTERS = 40
LARGEST = 4096
LONGEST_SIGNED = timedelta(hours=24)
_AUTHORIZATION = re.compile(r"vapid t=([\w-]+\.[\w-]+\.[\w-]+), k=([\w-]+)", re.ASCII)
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,32}")
_HEAD = 16 + 4 + 1


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser hands over, as ``PushSubscription.toJSON`` names it, and what it keeps to itself."""

    endpoint: str
    p256dh: str
    auth: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Push:
    """One request as the stand-in remembers it; ``token`` is the end of its address."""

    token: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    status: int | None
    """None: the client got no answer."""
    fault: str | None


@dataclass(slots=True)
class _Known:
    subscription: Subscription
    signer: str | None
    is_gone: bool = False
    taken: list[tuple[str, Any]] = field(default_factory=list)
    """Topic (empty: none) and notice, oldest first."""


def says(status: int, reason: str = "", *, retry_after: str | None = None) -> Fault:
    """Answer as Apple does, such as 403 and ``BadJwtToken``, before anything is done; without a reason: no body."""
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    answer = json_answer(status, {"reason": reason}) if reason else Answer(status)
    return Fault(
        name="says", handled=False, answer=Answer(status, answer.body, {**answer.headers, **headers})
    )


def moved(status: int, location: str) -> Fault:
    """Point elsewhere."""
    return Fault(name="moved", handled=False, answer=Answer(status, b"", {"Location": location}))


class _NoEntryError(Exception):
    def __init__(self, status: HTTPStatus, reason: str) -> None:
        super().__init__(reason)
        self.answer = json_answer(status, {"reason": reason})


class PushServiceStandIn(StandIn):
    """A push service on loopback, and the browsers that subscribed there."""

    faults: ClassVar[Mapping[str, Callable[..., Fault]]] = {**COMMON_FAULTS, "says": says, "moved": moved}

    def __init__(
        self, *, port: int = 0, seed: int = 0, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        super().__init__(port=port)
        self._random, self._now = random.Random(seed), now
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._pushes: list[Push] = []

    # What tests do and read

    def subscribe(self, signer: str | None = None) -> Subscription:
        """Subscribe a new browser to what ``signer`` (the public key of ours, base64url) sends; None: to anybody."""
        private = ec.generate_private_key(ec.SECP256R1())
        with self._lock:
            token = "".join(self._random.choices(string.ascii_letters + string.digits, k=TOKEN_CHARACTERS))
            made = Subscription(
                endpoint=f"{self.url}{PREFIX}{token}",
                p256dh=to_base64url(point(private.public_key())),
                auth=to_base64url(self._random.randbytes(16)),
                private=private,
            )
            self._known[token] = _Known(made, signer)
        return made

    def unsubscribe(self, subscription: Subscription) -> None:
        """Take a subscription away, as a person does in a browser."""
        with self._lock:
            self._of(subscription).is_gone = True

    def notices(self, subscription: Subscription) -> list[Any]:
        """Return every notice that was taken for a browser, oldest first."""
        with self._lock:
            return [notice for _topic, notice in self._of(subscription).taken]

    def waiting(self, subscription: Subscription) -> list[Any]:
        """Return what a browser would get that comes back now: of each topic, the newest alone."""
        with self._lock:
            taken = self._of(subscription).taken
        newest = {topic or f"none {number}": notice for number, (topic, notice) in enumerate(taken)}
        return list(newest.values())

    @property
    def pushes(self) -> list[Push]:
        """Every request, oldest first."""
        with self._lock:
            return list(self._pushes)

    # The protocol

    def handle(self, asked: Asked) -> Answer:
        """Answer as a push service does."""
        if asked.method != "POST" or not asked.path.startswith(PREFIX):
            return Answer(HTTPStatus.NOT_FOUND)
        with self._lock:
            known = self._known.get(asked.path.removeprefix(PREFIX))
            if known is None:
                return Answer(HTTPStatus.NOT_FOUND)
            if known.is_gone:
                return Answer(HTTPStatus.GONE)
            try:
                self._check_signature(asked.headers.get("authorization", ""), known.signer)
                topic = _topic_of(asked)
                notice = json.loads(opened(asked.body, known.subscription))
            except _NoEntryError as refusal:
                return refusal.answer
            except ValueError:
                # A real push service cannot look inside; the browser would drop it, and nobody would ever know.
                return json_answer(HTTPStatus.BAD_REQUEST, {"reason": "NotForThisBrowser"})
            known.taken.append((topic, notice))
        kept = hashlib.sha256(asked.body).hexdigest()
        return Answer(HTTPStatus.CREATED, b"", {"Location": f"{self.url}/message/{kept}"})

    def note(self, asked: Asked, answer: Answer | None, fault: Fault | None) -> None:
        """Remember the request."""
        with self._lock:
            self._pushes.append(
                Push(
                    token=asked.path.removeprefix(PREFIX),
                    headers=asked.headers,
                    body=asked.body,
                    status=answer.status if answer else None,
                    fault=fault.name if fault else None,
                )
            )

    def _of(self, subscription: Subscription) -> _Known:
        return self._known[subscription.endpoint.rpartition("/")[2]]

    def _check_signature(self, header: str, signer: str | None) -> None:
        found = _AUTHORIZATION.fullmatch(header)
        if found is None:
            raise _NoEntryError(HTTPStatus.UNAUTHORIZED, "MissingAuthorization")
        token, public = found.groups()
        if signer is not None and public != signer:
            raise _NoEntryError(HTTPStatus.FORBIDDEN, "VapidPkHashMismatch")
        try:
            key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), from_base64url(public))
            claims = jwt.decode(
                token,
                key,
                algorithms=["ES256"],
                audience=self.url,
                options={"require": ["aud", "exp", "sub"], "verify_exp": False},
            )
            ends = datetime.fromtimestamp(claims["exp"], UTC)
        except (ValueError, TypeError, jwt.InvalidTokenError):
            raise _NoEntryError(HTTPStatus.FORBIDDEN, "BadJwtToken") from None
        now = self._now()
        if not now < ends <= now + LONGEST_SIGNED or not str(claims["sub"]).startswith(
            ("mailto:", "https://")
        ):
            raise _NoEntryError(HTTPStatus.FORBIDDEN, "BadJwtToken")


def opened(body: bytes, subscription: Subscription) -> bytes:
    """Read a message as the browser does; raise ValueError where it was not encrypted for this one."""
    salt, size, named = body[:16], int.from_bytes(body[16:20]), body[20:_HEAD]
    sender = body[_HEAD : _HEAD + 65]
    sealed = body[_HEAD + 65 :]
    if named != bytes([65]) or len(sealed) > size:
        raise ValueError("this is not one record with a key of 65 bytes")
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    shared = subscription.private.exchange(ec.ECDH(), theirs)
    ours = point(subscription.private.public_key())
    # HKDF (RFC 5869) written out, where one round is enough for what is asked: the channel's half takes a library's.
    first = _mac(from_base64url(subscription.auth), shared)
    secret = _mac(first, b"WebPush: info\x00" + ours + sender + b"\x01")
    second = _mac(salt, secret)
    key = _mac(second, b"Content-Encoding: aes128gcm\x00\x01")[:16]
    nonce = _mac(second, b"Content-Encoding: nonce\x00\x01")[:12]
    try:
        padded = AESGCM(key).decrypt(nonce, sealed, None)
    except InvalidTag:
        raise ValueError("this was encrypted for another browser") from None
    text, last, padding = padded.rpartition(b"\x02")
    if not last or any(padding):
        raise ValueError("this is not the last record of a message")
    return text


def _mac(key: bytes, text: bytes) -> bytes:
    return hmac.new(key, text, hashlib.sha256).digest()


def _topic_of(asked: Asked) -> str:
    """Look at the headers; return the topic, which may be empty."""
    if asked.headers.get("content-encoding") != "aes128gcm":
        raise _NoEntryError(HTTPStatus.BAD_REQUEST, "BadContentEncoding")
    if not asked.headers.get("ttl", "").isdecimal():
        raise _NoEntryError(HTTPStatus.BAD_REQUEST, "BadTtl")
    if asked.headers.get("urgency", "normal") not in {"very-low", "low", "normal", "high"}:
        raise _NoEntryError(HTTPStatus.BAD_REQUEST, "BadUrgency")
    topic = asked.headers.get("topic", "")
    if topic and not _TOPIC.fullmatch(topic):
        raise _NoEntryError(HTTPStatus.BAD_REQUEST, "BadWebPushTopic")
    if len(asked.body) > LARGEST:
        raise _NoEntryError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "PayloadTooLarge")
    return topic
