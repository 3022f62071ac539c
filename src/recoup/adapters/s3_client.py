"""A client of boto3's own core (botocore) that a slow store cannot pin, and the store's refusals as sentences."""

from __future__ import annotations

import functools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from recoup.core.errors import Changed, Conflict, Invalid, Misconfigured, NotFound, RecoupError, Unavailable

try:
    import botocore.exceptions as refusals
    import botocore.session
    import urllib3.exceptions
    from botocore.config import Config
    from botocore.loaders import create_loader
    from botocore.parsers import ResponseParserError
except ModuleNotFoundError as absent:
    raise Misconfigured(
        "Stores in S3 need a part of Recoup that is not installed here.", fix="Run: pip install 'recoup[s3]'."
    ) from absent

FAILURES: tuple[type[Exception], ...] = (refusals.BotoCoreError, refusals.ClientError, ResponseParserError)
"""Everything that a call of the client raises."""

_NO_CREDENTIALS = (
    refusals.NoCredentialsError,
    refusals.PartialCredentialsError,
    refusals.CredentialRetrievalError,
    refusals.TokenRetrievalError,
    refusals.NoAuthTokenError,
    refusals.SSOError,
    refusals.ProfileNotFound,
    refusals.ConfigParseError,
)
_CREDENTIALS_FIX = (
    "Check the credentials that this machine finds (AWS_ACCESS_KEY_ID, a profile, or its role)."
)
_PLACE_FIX = "Correct the store's address: s3://bucket/prefix?endpoint=…&region=…"
_BAD_CREDENTIALS = ("refuses our credentials", _CREDENTIALS_FIX)
_NO_BUCKET = ("names a bucket that is not there", _PLACE_FIX)
_WRONG_REGION = ("is in another region", _PLACE_FIX)
_NOT_LET_IN = ("does not let us in", f"{_CREDENTIALS_FIX} They need to list, read, write and delete there.")
_NO_STORE = (
    "is no store of the kind that Recoup needs",
    "It needs conditional writes: AWS, SeaweedFS, MinIO, …",
)

# What only a person can mend: what the store says of itself, and what the person can do.
_MISTAKES_BY_CODE = {
    "ExpiredToken": _BAD_CREDENTIALS,
    "InvalidAccessKeyId": _BAD_CREDENTIALS,
    "InvalidToken": _BAD_CREDENTIALS,
    "SignatureDoesNotMatch": _BAD_CREDENTIALS,
    "TokenRefreshRequired": _BAD_CREDENTIALS,
    "RequestTimeTooSkewed": ("finds that our clock is wrong", "Set this machine's clock by NTP."),
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "AuthorizationHeaderMalformed": _WRONG_REGION,
    "IllegalLocationConstraintException": _WRONG_REGION,
}
_MISTAKES_BY_STATUS = {
    301: _WRONG_REGION,
    307: _WRONG_REGION,
    401: _NOT_LET_IN,
    403: _NOT_LET_IN,
    404: _NO_STORE,
    405: _NO_STORE,
    501: _NO_STORE,
}
_BUSY_CODES = {"RequestTimeout", "SlowDown", "NoSuchUpload"}
_BUSY_STATUSES = {408, 429, *range(500, 600)} - {501}


@dataclass(frozen=True, slots=True)
class Limits:
    """How long, how often and in what portions a store is asked; one call ends after at most their product.

    ``silence_seconds`` is the longest wait for a next byte. A body must also bring ``slow_bytes`` in every
    ``slow_seconds`` of waiting, or a byte a second would hold a worker for days. ``attempts`` counts the first.
    """

    connect_seconds: float = 10
    silence_seconds: float = 30
    slow_seconds: float = 30
    slow_bytes: int = 30 * 1024
    attempts: int = 4
    portion_bytes: int = 8 * 1024 * 1024


def connect(bucket: str, endpoint: str | None, region: str | None, limits: Limits) -> Any:
    """Return an S3 client whose every response is paced; credentials come from boto3's own chain."""
    config = Config(
        connect_timeout=limits.connect_seconds,
        read_timeout=limits.silence_seconds,
        retries={"mode": "standard", "total_max_attempts": limits.attempts},
        signature_version="s3v4",
        # "auto" would sign links for a host that redirects; a dot in the name would not fit AWS's certificate.
        s3={"addressing_style": "path" if endpoint or "." in bucket else "virtual"},
        max_pool_connections=32,
    )
    session = botocore.session.get_session()
    session.register_component("data_loader", _descriptions())
    region = region or session.get_config_variable("region") or "us-east-1"
    try:
        client = session.create_client("s3", endpoint_url=endpoint, region_name=region, config=config)
    except ValueError as error:  # how boto3 says that an endpoint or a region is malformed
        raise Misconfigured(f"The store's address cannot be used: {error}.", fix=_PLACE_FIX) from error
    # botocore's own session knows proxies, certificates and timeouts, and has no public name.
    pacer = _Pacer(client._endpoint.http_session, limits)  # noqa: SLF001 - see the line above
    client.meta.events.register("before-send.s3", pacer.send)
    return client


def ask(client: Any, operation: str, question: dict[str, Any]) -> dict[str, Any]:
    """Call one operation of the client; raise one of FAILURES, also for an answer that boto3 cannot read."""
    try:
        answer: dict[str, Any] = getattr(client, operation)(**question)
    except FAILURES:
        raise
    except ValueError as unreadable:  # half a date, half a number
        raise ResponseParserError(str(unreadable)) from unreadable
    return answer


def lists_in_byte_order(client: Any) -> bool:
    """Whether ``StartAfter`` may be left to the store: AWS orders keys by their bytes, some others do not."""
    host = urlsplit(client.meta.endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def explain(error: Exception, *, where: str, key: str, writing: bool) -> RecoupError:
    """Turn one of FAILURES into a failure that a person can read; ``where`` names the store."""
    if isinstance(error, refusals.ClientError):
        return _refusal(error, where, key, writing=writing)
    if isinstance(error, _NO_CREDENTIALS):
        return Misconfigured(f"There are no usable credentials for {where}: {error}.", fix=_CREDENTIALS_FIX)
    if isinstance(error, refusals.ParamValidationError):
        return Invalid(f"{where} cannot be asked for {key!r}: {' '.join(str(error).split())}.")
    if isinstance(error, refusals.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        fix = "Name the authority that signed it in AWS_CA_BUNDLE, or correct the endpoint."
        return Misconfigured(f"The certificate of {where} cannot be trusted: {error}.", fix=fix)
    return Unavailable(f"{where} did not answer as it should: {error}.", fix="Try again later.")


def may_have_been_done(error: BaseException | None) -> bool:
    """Whether the call, or an earlier attempt of it, may have been carried out without our hearing of it."""
    if not isinstance(error, refusals.ClientError):
        return isinstance(error, FAILURES)
    meta = error.response.get("ResponseMetadata", {})
    return bool(meta.get("RetryAttempts")) or meta.get("HTTPStatusCode") in _BUSY_STATUSES


def gives_no_reason(error: Exception) -> bool:
    """Whether a refusal came without a body (as all answers to HEAD do), so that its cause is not known."""
    return code_of(error).isdecimal() and int(code_of(error)) not in _BUSY_STATUSES


def code_of(error: Exception) -> str:
    """Return the store's own word for a refusal (``NoSuchKey``), or nothing."""
    return error.response.get("Error", {}).get("Code", "") if isinstance(error, refusals.ClientError) else ""


@functools.cache
def _descriptions() -> Any:
    """Return what reads the description of S3's calls, once for all stores: it takes a quarter of a second."""
    return create_loader()


def _refusal(error: Any, where: str, key: str, *, writing: bool) -> RecoupError:
    code = code_of(error)
    meta = error.response.get("ResponseMetadata", {})
    status = meta.get("HTTPStatusCode", 0)
    said = f"{code}: {error.response.get('Error', {}).get('Message', 'no reason given')}"
    if code == "NoSuchKey":
        return NotFound(f"There is no object {key!r} in {where}.")
    if status in {409, 412} and writing:
        return Conflict(f"{key!r} in {where} is taken.")
    if status == 412:  # noqa: PLR2004 - Precondition Failed
        return Changed(f"{key!r} in {where} is no longer the version that was asked for.")
    if status in _BUSY_STATUSES or code in _BUSY_CODES:
        after = str(meta.get("HTTPHeaders", {}).get("retry-after", ""))
        wait = int(after) if after.isdecimal() else None
        return Unavailable(f"{where} is busy or broken ({said}).", fix="Try again later.", retry_after=wait)
    if mistake := _MISTAKES_BY_CODE.get(code) or _MISTAKES_BY_STATUS.get(status):
        problem, fix = mistake
        return Misconfigured(f"{where} {problem} ({said}).", fix=fix)
    return Invalid(f"{where} refuses {key!r} ({said}).")


class _Pacer:
    """Sends every request itself, to put a watch on the body of the response."""

    def __init__(self, http: Any, limits: Limits) -> None:
        self._http, self._limits = http, limits

    def send(self, request: Any, **_: Any) -> Any:
        streams, request.stream_output = request.stream_output, True
        # botocore waits for "100 Continue" in a loop that never ends when the connection does; S3 needs no such wait.
        request.headers.pop("Expect", None)
        response = self._http.send(request)
        if _is_cut(response):
            response.raw.close()
            raise refusals.ResponseStreamingError(
                error="the answer was cut off, or does not say where it ends"
            )
        response.raw = _Watched(response.raw, self._limits)
        if not streams or response.status_code >= 300:  # noqa: PLR2004 - botocore reads these whole, too
            try:
                response.content  # noqa: B018 - read here, where a failure still counts as one to be retried
            except BaseException:
                response.raw.close()
                raise
        return response


def _is_cut(response: Any) -> bool:
    """Whether the connection ended among the headers; Python takes that for their end, and for an empty body."""
    headers = response.headers
    endless = response.raw.length_remaining is None and "transfer-encoding" not in headers
    half_a_tag = headers.get("etag", "").count('"') == 1
    half_a_date = not headers.get("last-modified", "GMT").endswith("GMT")
    return endless or half_a_tag or half_a_date


class _Watched:
    """A response's body: reads what has arrived, and raises when it is slow or ends early."""

    def __init__(self, raw: Any, limits: Limits) -> None:
        self._raw, self._limits = raw, limits
        self._waited, self._arrived = 0.0, 0

    def read(self, amount: int | None = None) -> bytes:
        if amount is None:
            return b"".join(self.stream())
        begun = time.monotonic()
        try:
            chunk: bytes = self._raw.read1(amount)  # read() would wait until all of it is there
        except urllib3.exceptions.HTTPError as error:
            raise refusals.ResponseStreamingError(error=error) from error
        if not chunk and amount and self._raw.length_remaining:
            raise refusals.ResponseStreamingError(error=f"{self._raw.length_remaining} bytes are missing")
        self._check_pace(time.monotonic() - begun, len(chunk))
        return chunk

    def stream(self, amount: int = 64 * 1024) -> Iterator[bytes]:
        while chunk := self.read(amount):
            yield chunk

    def close(self) -> None:
        self._raw.close()

    def _check_pace(self, seconds: float, count: int) -> None:
        self._waited += seconds  # only while waiting: a reader that takes its time is not the store's fault
        self._arrived += count
        if self._waited < self._limits.slow_seconds:
            return
        if count and self._raw.length_remaining != 0 and self._arrived < self._limits.slow_bytes:
            slow = f"only {self._arrived} bytes came in {self._waited:.0f} seconds"
            raise refusals.ResponseStreamingError(error=slow)
        self._waited, self._arrived = 0.0, 0
