"""AWS Secrets Manager: secrets by name, kept for an hour."""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from recoup.core.clock import Clock
from recoup.core.errors import Misconfigured, NotFound, RecoupError, Unavailable

PREFIX = "distronation/"
KEPT = timedelta(hours=1)
"""What AWS advises."""
LONGEST_NAME = 2_048
LATER = "Try again later."

_CREDENTIALS_FIX = (
    "Check the credentials that this machine finds (AWS_ACCESS_KEY_ID, a profile, or its role)."
)
_PLACE_FIX = "Set its region, or correct its endpoint."
_CLOCK_FIX = "Set this machine's clock by NTP."
_REFUSED = ("does not take our credentials", _CREDENTIALS_FIX)
_BY_CODE = {
    "ExpiredToken": _REFUSED,
    "ExpiredTokenException": _REFUSED,
    "IncompleteSignature": _REFUSED,
    "InvalidClientTokenId": _REFUSED,
    "InvalidSignatureException": ("does not take our signature", f"{_CREDENTIALS_FIX} {_CLOCK_FIX}"),
    "MissingAuthenticationToken": _REFUSED,
    "NotAuthorized": _REFUSED,
    "OptInRequired": _REFUSED,
    "RequestExpired": ("finds that our clock is wrong", _CLOCK_FIX),
    "UnrecognizedClientException": _REFUSED,
}
_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_BUSY = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "RequestLimitExceeded",
        "RequestTimeout",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "TooManyRequestsException",
    }
)

Secret = Mapping[str, Any] | str


@dataclass(slots=True)
class _Kept:
    """One secret. The lock is held while AWS is asked, so that one thread does."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    value: Secret | None = field(default=None, repr=False)
    until: datetime | None = None


class SecretsManager:
    """The secrets under ``prefix`` in one region; one serves any number of threads.

    Credentials come from boto3's own chain, and so does the endpoint where none is given
    (``AWS_ENDPOINT_URL_SECRETS_MANAGER``). Nothing is asked before the first ``get``.
    """

    def __init__(
        self,
        region: str | None,
        prefix: str = PREFIX,
        *,
        now: Clock,
        endpoint: str | None = None,
        kept: timedelta = KEPT,
        connect_seconds: float = 10,
        read_seconds: float = 20,
        attempts: int = 4,
    ) -> None:
        self._region, self._prefix, self._endpoint = region or None, prefix, endpoint
        self._now, self._life = now, kept
        self._waits = {"connect_timeout": connect_seconds, "read_timeout": read_seconds}
        self._attempts = attempts
        self._secrets: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._made: Any = None

    def get(self, name: str, *, fresh: bool = False) -> Secret:
        """Return a secret by its name below the prefix, its whole name, or its ARN; ``fresh``: not from the cache.

        A JSON object comes as a mapping, anything else as the text that it is. Raise NotFound for one that is not
        there, Misconfigured where AWS refuses us or part of Recoup is missing, and Unavailable after bounded attempts
        where it is busy or does not answer.
        """
        full = self._full(name)
        with self._lock:
            kept = self._secrets.setdefault(full, _Kept())
        with kept.lock:
            now = self._now()
            if not fresh and kept.value is not None and kept.until is not None and now < kept.until:
                return kept.value
            value = _read(self._ask(full), full)
            kept.value, kept.until = value, now + self._life
            return value

    def close(self) -> None:
        """Close the connections that are kept open, and forget every secret."""
        with self._lock:
            self._secrets.clear()
            made, self._made = self._made, None
        if made is not None:
            made.close()

    def _full(self, name: str) -> str:
        whole = name if name.startswith(("arn:", self._prefix)) else f"{self._prefix}{name}"
        if not name or len(whole) > LONGEST_NAME:
            raise Misconfigured(
                f"A secret's name has 1 to {LONGEST_NAME} characters.", fix="Correct the name of the secret."
            )
        return whole

    def _ask(self, full: str) -> Mapping[str, Any]:
        """Return AWS's answer with a secret in it.

        boto3 repeats what is throttled, broken or unheard; an answer that was cut off it takes for one without fields.
        """
        for _ in range(self._attempts):
            answer = self._ask_once(full)
            if answer.keys() & {"SecretString", "SecretBinary"}:
                return answer
        raise Unavailable(
            f"The answer of {self._place} for secret {full} holds no secret: it was cut off, or something on the way "
            "answered.",
            fix=LATER,
        )

    def _ask_once(self, full: str) -> Mapping[str, Any]:
        aws = _aws()
        try:
            answer: Mapping[str, Any] = self._client().get_secret_value(SecretId=full)
        except aws.failures as error:
            failure = self._explain(aws, error, full)
        except (
            ValueError,
            TypeError,
            AttributeError,
            KeyError,
        ):  # how boto3 stumbles over what is no such answer
            return {}
        else:
            return answer
        raise failure  # out here, so that no failure of boto3's, which may hold an answer, hangs on to it

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = _aws().connect(self._region, self._endpoint, self._waits, self._attempts)
            return self._made

    @property
    def _place(self) -> str:
        return f"AWS Secrets Manager{f' in {self._region}' if self._region else ''}"

    def _explain(self, aws: _Aws, error: Exception, full: str) -> RecoupError:
        if isinstance(error, aws.refusal):
            return self._refusal(error.response, full)
        said = " ".join(str(error).split()).rstrip(".")
        if isinstance(error, aws.no_credentials):
            return Misconfigured(
                f"There are no usable credentials for {self._place} ({said}).", fix=_CREDENTIALS_FIX
            )
        if isinstance(error, aws.bad_place):
            return Misconfigured(f"{self._place} cannot be asked ({said}).", fix=_PLACE_FIX)
        return Unavailable(
            f"{self._place} did not answer for secret {full} ({type(error).__name__}).", fix=LATER
        )

    def _refusal(self, answer: Mapping[str, Any], full: str) -> RecoupError:
        told, status = answer.get("Error", {}), answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        code = str(told.get("Code", status))
        message = " ".join(str(told.get("Message") or "no reason given").split()).rstrip(".")
        said = f"{code}: {message[:500]}"
        # AWS says "denied" before "not there" where the policy does not cover the name.
        if code in _DENIED:
            return Misconfigured(
                f"{self._place} does not let us read secret {full} ({said}).",
                fix=f"Allow secretsmanager:GetSecretValue on secret:{self._prefix}* in the policy of our user or role, "
                "and check the name.",
            )
        if code == "ResourceNotFoundException":
            return NotFound(
                f"There is no secret {full} in {self._place} ({said}).", fix="Check its name and the region."
            )
        if code in _BUSY or status >= 500 or status in {408, 429}:  # noqa: PLR2004 - server errors
            return Unavailable(f"{self._place} is busy or broken ({said}).", fix=LATER)
        if code == "DecryptionFailure":
            return Misconfigured(
                f"Secret {full} cannot be decrypted ({said}).",
                fix="Allow kms:Decrypt on its key in the policy of our user or role, and see that the key is enabled.",
            )
        if code == "InvalidRequestException":
            return Misconfigured(
                f"Secret {full} cannot be read in the state in which it is ({said}).",
                fix="Restore it where it is marked for deletion, and see that it has a current value.",
            )
        problem, fix = _BY_CODE.get(
            code, ("refuses the question", "Check its name, its region and its endpoint.")
        )
        return Misconfigured(f"{self._place} {problem} for secret {full} ({said}).", fix=fix)


def _read(answer: Mapping[str, Any], full: str) -> Secret:
    text = answer.get("SecretString")
    if text is None:
        try:
            text = bytes(answer["SecretBinary"]).decode()
        except UnicodeDecodeError:
            text = None
    if text is None:  # out here, so that no failure that holds the bytes hangs on to it
        raise Misconfigured(
            f"Secret {full} holds bytes that are no text.", fix="Store it as text or as JSON."
        )
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return str(text)
    return found if isinstance(found, dict) else str(text)


@dataclass(frozen=True, slots=True)
class _Aws:
    """What is used of botocore, which is heavy, and optional."""

    failures: tuple[type[Exception], ...]
    refusal: type[Any]
    no_credentials: tuple[type[Exception], ...]
    bad_place: tuple[type[Exception], ...]
    session: Callable[[], Any]
    config: Callable[..., Any]

    def connect(
        self, region: str | None, endpoint: str | None, waits: Mapping[str, float], attempts: int
    ) -> Any:
        """Return a client that repeats what is throttled, broken or unheard, and nothing else."""
        config = self.config(**waits, retries={"mode": "standard", "total_max_attempts": attempts})
        try:
            return self.session().create_client(
                "secretsmanager", region_name=region, endpoint_url=endpoint, config=config
            )
        except ValueError as error:  # how boto3 says that an endpoint or a region is malformed
            raise Misconfigured(
                f"AWS Secrets Manager's address cannot be used: {error}.", fix=_PLACE_FIX
            ) from error


@functools.cache
def _aws() -> _Aws:
    try:
        import botocore.exceptions as said  # noqa: PLC0415 - heavy, optional, and for AWS only
        import botocore.session  # noqa: PLC0415 - as above
        from botocore.config import Config  # noqa: PLC0415 - as above
        from botocore.parsers import ResponseParserError  # noqa: PLC0415 - as above
    except ModuleNotFoundError as absent:
        raise Misconfigured(
            "AWS Secrets Manager needs a part of Recoup that is not installed here.",
            fix="Run: pip install 'recoup[s3]'.",
        ) from absent
    return _Aws(
        failures=(said.BotoCoreError, said.ClientError, ResponseParserError),
        refusal=said.ClientError,
        no_credentials=(
            said.NoCredentialsError,
            said.PartialCredentialsError,
            said.CredentialRetrievalError,
            said.TokenRetrievalError,
            said.NoAuthTokenError,
            said.SSOError,
            said.ProfileNotFound,
            said.ConfigParseError,
        ),
        bad_place=(said.NoRegionError, said.InvalidRegionError, said.ParamValidationError),
        session=botocore.session.get_session,
        config=Config,
    )
