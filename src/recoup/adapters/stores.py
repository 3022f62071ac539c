"""Opens a store by its address, here or in a child process: s3://bucket/prefix?endpoint=…&region=… or a folder."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from recoup.adapters.disk import FolderStore
from recoup.core.errors import Misconfigured
from recoup.core.ports import BlobStore

_FORM = "Write s3://bucket/prefix?endpoint=https://…&region=…, or the path of a folder."
_OPTIONS = {"endpoint", "region"}


def open_store(address: str) -> BlobStore:
    """Return the store at ``address``; nothing is asked of it yet.

    Credentials are never part of an address: boto3 finds them (environment, profile, role). Raise Misconfigured
    when the address cannot be read, or names S3 where that part of Recoup is not installed.
    """
    if not address.strip():
        raise Misconfigured("The address of the store is empty.", fix=_FORM)
    if not address.startswith("s3://"):
        if "://" in address:
            raise Misconfigured(f"No store has an address like {_without_secrets(address)!r}.", fix=_FORM)
        return FolderStore(Path(address))
    return _open_s3(address)


def _open_s3(address: str) -> BlobStore:
    parts = urlsplit(address)
    if "@" in parts.netloc:
        fix = "Leave them out and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or use a role."
        raise Misconfigured("The address of a store must not contain credentials.", fix=fix)
    options = dict(parse_qsl(parts.query))
    if unknown := sorted(set(options) - _OPTIONS):
        raise Misconfigured(
            f"The address of the store has options that mean nothing: {', '.join(unknown)}.", fix=_FORM
        )
    from recoup.adapters.s3 import S3Store  # noqa: PLC0415 - boto3 is heavy, optional, and for S3 only

    return S3Store(
        parts.netloc, unquote(parts.path), endpoint=options.get("endpoint"), region=options.get("region")
    )


def _without_secrets(address: str) -> str:
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
