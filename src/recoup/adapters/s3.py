"""Stored bytes in S3, or in anything that speaks it: AWS, SeaweedFS, MinIO."""

from __future__ import annotations

import functools
import io
import random
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, BinaryIO

from recoup.adapters import s3_client
from recoup.adapters.blob_keys import check_new
from recoup.adapters.s3_client import FAILURES, Limits
from recoup.core.downloads import attachment
from recoup.core.errors import Changed, Conflict, Invalid, Misconfigured, RecoupError, Unavailable
from recoup.core.ports import BlobInfo

LONGEST_LINK = timedelta(days=7)
"""What the signature allows (AWS Signature Version 4, presigned requests)."""

_MARK = "recoup-write"
_DEFAULTS = Limits()


class S3Store:
    """A BlobStore in a bucket, below ``prefix``.

    Safe to share between threads; pickled as its address, so child processes make their own connections.
    Conditional writes are needed (``If-None-Match: *``); AWS, SeaweedFS and moto have them.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        limits: Limits = _DEFAULTS,
    ) -> None:
        if not bucket:
            raise Misconfigured("A store in S3 needs a bucket.", fix="Write it like s3://bucket/prefix.")
        self.bucket, self.endpoint, self.region, self.limits = bucket, endpoint, region, limits
        self.prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        self.name = f"s3://{bucket}/{self.prefix}".rstrip("/")
        self._made: Any = None
        self._making = threading.Lock()

    def __reduce__(self) -> tuple[Callable[..., S3Store], tuple[Any, ...]]:
        return _again, (self.bucket, self.prefix, self.endpoint, self.region, self.limits)

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[BlobInfo]:
        """Yield every object whose key starts with ``prefix``, a page of at most 1,000 in memory.

        The order is the store's own and not promised. A page that fails after its retries, or that is no
        listing, raises Unavailable: what ends without raising is complete.
        """
        question = {"Bucket": self.bucket, "Prefix": self.prefix + _not_absolute(prefix)}
        if start_after and s3_client.lists_in_byte_order(self._client):
            question["StartAfter"] = self.prefix + start_after
        while True:
            with self._sentences(prefix):
                page = self._ask("list_objects_v2", **question)
            if "IsTruncated" not in page:
                raise Unavailable(f"{self.name} answered with something that is no listing.")
            for found in page.get("Contents", ()):
                key = found["Key"][len(self.prefix) :]
                # By code point, which is the order of UTF-8 bytes; the empty key is the prefix itself.
                if key > start_after:
                    yield BlobInfo(key, found["Size"], _bare(found["ETag"]), found["LastModified"])
            if not page["IsTruncated"]:
                return
            token = page.get("NextContinuationToken")
            if not token or token == question.get("ContinuationToken"):
                raise Unavailable(f"{self.name} says that its listing goes on, and not where.")
            question["ContinuationToken"] = token

    def head(self, key: str) -> BlobInfo:
        """Return size, ETag and time of one object; raise NotFound when there is none."""
        return self._info(key, self._head(key))

    @contextmanager
    def open(self, key: str, *, if_match: str | None = None) -> Iterator[BinaryIO]:
        """Open one object for one pass of reading; raise Changed when its ETag is not ``if_match``.

        A body that is cut, slow or does not fit its checksum raises Unavailable on the read that notices.
        """
        condition = {} if if_match is None else {"IfMatch": f'"{if_match}"'}
        with self._sentences(key):
            answer = self._ask("get_object", **self._place(key), **condition)
        with closing(answer["Body"]):
            if (
                if_match is not None and _bare(answer.get("ETag", if_match)) != if_match
            ):  # it ignores conditions
                raise Changed(f"{key!r} in {self.name} is no longer the version that was asked for.")
            body = _Body(answer["Body"], functools.partial(self._sentences, key))
            with io.BufferedReader(body, 64 * 1024) as reader:
                yield reader

    def put(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:
        """Write an object whole or not at all, replacing what was there; a large one goes in portions."""
        check_new(key)
        about = _about(media_type)
        return self._written(key, about, lambda: self._put(key, body, about), absent=False)

    def put_if_absent(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:
        """Write an object whole or not at all; of several writers one wins, the others get Conflict.

        It goes in one request (AWS takes up to 5 GB so), by way of a temporary file when it is large: not every
        store looks and writes in one step when it puts portions together (SeaweedFS 4.48 let two writers win).
        """
        check_new(key)
        about = _about(media_type)
        with tempfile.SpooledTemporaryFile(max_size=self.limits.portion_bytes) as copy:
            size = _copy(body, copy, key)
            return self._written(key, about, lambda: (size, self._put_once(key, copy, about)), absent=True)

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine."""
        with self._sentences(key, writing=True):
            self._ask("delete_object", **self._place(key))

    def link(self, key: str, *, name: str, expires: timedelta) -> str | None:
        """Return an address that downloads the object as ``name`` until ``expires`` (at most 7 days) is over.

        The object is not looked at. An address signed by a role's passing credentials ends with them.
        """
        if not timedelta(seconds=1) <= expires <= LONGEST_LINK:
            raise Invalid(
                f"A download link lasts from one second to {LONGEST_LINK.days} days, not {expires}."
            )
        question = {**self._place(key), "ResponseContentDisposition": attachment(name)}
        with self._sentences(key):
            return str(
                self._client.generate_presigned_url(
                    "get_object", Params=question, ExpiresIn=int(expires.total_seconds())
                )
            )

    @property
    def _client(self) -> Any:
        with self._making:
            if self._made is None:
                with self._sentences(""):
                    self._made = s3_client.connect(self.bucket, self.endpoint, self.region, self.limits)
            return self._made

    def _ask(self, operation: str, **question: Any) -> dict[str, Any]:
        return s3_client.ask(self._client, operation, question)

    def _place(self, key: str) -> dict[str, str]:
        if not key:
            raise Invalid("An object needs a key.")
        return {"Bucket": self.bucket, "Key": self.prefix + _not_absolute(key)}

    @contextmanager
    def _sentences(self, key: str, *, writing: bool = False) -> Iterator[None]:
        try:
            yield
        except FAILURES as error:
            raise s3_client.explain(error, where=self.name, key=key, writing=writing) from error

    def _head(self, key: str) -> dict[str, Any]:
        place = self._place(key)
        with self._sentences(key):
            try:
                answer = self._ask("head_object", **place)
            except FAILURES as error:
                if not s3_client.gives_no_reason(error):
                    raise
                # The answer to HEAD has no body, so no reason: is it the key, the bucket or are it we?
                answer = self._ask("get_object", **place)
                answer["Body"].close()
        return answer

    def _written(
        self,
        key: str,
        about: dict[str, Any],
        write: Callable[[], tuple[int, dict[str, Any]]],
        *,
        absent: bool,
    ) -> BlobInfo:
        try:
            with self._sentences(key, writing=True):
                size, answer = write()
        except (Conflict, Unavailable) as failure:
            if not absent or not s3_client.may_have_been_done(failure.__cause__):
                raise
            return self._written_before(key, about, failure)
        etag, modified = answer.get("ETag"), _date(answer)
        if not etag or not modified:  # cut off, or a store that tells less
            return self.head(key)
        return BlobInfo(key, size, _bare(etag), modified)

    def _put(self, key: str, body: BinaryIO, about: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        place = self._place(key)
        portion = _fill(body, self.limits.portion_bytes)
        if len(portion) < self.limits.portion_bytes:
            # As a file, not as bytes: those would have to leave within one connect timeout.
            return len(portion), self._ask("put_object", **place, **about, Body=io.BytesIO(portion))
        size = 0
        parts: list[dict[str, Any]] = []
        place["UploadId"] = self._ask("create_multipart_upload", **place, **about)["UploadId"]
        try:
            while portion:
                number = len(parts) + 1
                sent = self._ask("upload_part", **place, PartNumber=number, Body=io.BytesIO(portion))
                parts.append({"PartNumber": number, "ETag": sent["ETag"]})
                size += len(portion)
                portion = _fill(body, self.limits.portion_bytes)
            return size, self._ask("complete_multipart_upload", **place, MultipartUpload={"Parts": parts})
        except BaseException:
            with suppress(*FAILURES):
                self._ask("abort_multipart_upload", **place)
            raise

    def _put_once(self, key: str, body: Any, about: dict[str, Any]) -> dict[str, Any]:
        attempt = 0
        while True:
            attempt += 1
            body.seek(0)
            try:
                answer = self._ask("put_object", **self._place(key), **about, Body=body, IfNoneMatch="*")
            except FAILURES as error:
                # "Somebody else is at this key": the store wants to be asked again, and then knows who won.
                asked_again = s3_client.code_of(error) == "ConditionalRequestConflict"
                if not asked_again or attempt >= self.limits.attempts:
                    raise
                time.sleep(random.uniform(0, 0.2 * attempt))  # noqa: S311 - jitter
            else:
                return answer

    def _info(self, key: str, answer: dict[str, Any]) -> BlobInfo:
        try:
            return BlobInfo(key, answer["ContentLength"], _bare(answer["ETag"]), answer["LastModified"])
        except (
            KeyError
        ) as missing:  # a connection that ends among the headers looks like the end of the headers
            raise Unavailable(f"{self.name} did not describe {key!r}: no {missing.args[0]}.") from None

    def _written_before(self, key: str, about: dict[str, Any], failure: Conflict | Unavailable) -> BlobInfo:
        """Find out who has the key, where the answer to an attempt of ours was lost."""
        try:
            answer = self._head(key)
        except RecoupError:
            raise failure from failure.__cause__
        if answer.get("Metadata") != about["Metadata"]:
            raise Conflict(f"{key!r} in {self.name} is taken.") from failure
        return self._info(key, answer)


class _Body(io.RawIOBase):
    """The body of an object, with failures as sentences."""

    def __init__(self, body: Any, sentences: Callable[[], AbstractContextManager[None]]) -> None:
        super().__init__()
        self._body, self._sentences = body, sentences

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with self._sentences():
            chunk = self._body.read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)


def _again(bucket: str, prefix: str, endpoint: str | None, region: str | None, limits: Limits) -> S3Store:
    return S3Store(bucket, prefix, endpoint=endpoint, region=region, limits=limits)


def _about(media_type: str) -> dict[str, Any]:
    return {"ContentType": media_type, "Metadata": {_MARK: uuid.uuid4().hex}}


def _copy(body: BinaryIO, copy: Any, key: str) -> int:
    size = 0
    while chunk := body.read(256 * 1024):
        try:
            size += copy.write(chunk)
        except OSError as error:
            fix = "Free some space where TMPDIR is."
            raise Unavailable(
                f"There is no room to copy {key!r} first: {error.strerror}.", fix=fix
            ) from error
    return size


def _fill(body: BinaryIO, size: int) -> bytes:
    """Read ``size`` bytes, or what is left; one read may bring less than there is."""
    chunks, missing = [], size
    while missing and (chunk := body.read(missing)):
        chunks.append(chunk)
        missing -= len(chunk)
    return b"".join(chunks)


def _not_absolute(key: str) -> str:
    if key.startswith("/") or "\0" in key:
        raise Invalid(f"{key!r} cannot be a key: it starts with a slash or contains a NUL byte.")
    return key


def _bare(etag: str) -> str:
    return etag.strip('"')


def _date(answer: dict[str, Any]) -> datetime | None:
    """Return the store's own time of its answer to a write, which is when the object changed."""
    try:
        return parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"])
    except (KeyError, ValueError):
        return None
