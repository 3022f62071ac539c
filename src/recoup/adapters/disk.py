"""Stored bytes in a folder: what a single machine uses, and what a bucket looks like when it is on disk."""

from __future__ import annotations

import errno
import io
import os
import stat
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from recoup.adapters.blob_keys import UNFINISHED, check, check_new, check_prefix
from recoup.core.errors import Changed, Conflict, Misconfigured, NotFound, RecoupError, Unavailable
from recoup.core.ports import BlobInfo

CHUNK_BYTES = 256 * 1024

# No symbolic link below the root is ever followed: it could lead out of the root, or name one file twice.
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # opening a named pipe must not wait
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EOPNOTSUPP}
_NO_SUCH = {errno.ENOENT, errno.ENAMETOOLONG}
_TAKEN = {errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.ENOTEMPTY}


class FolderStore:
    """A BlobStore in a folder: an object is a regular file below it, its key the path from there.

    An object appears whole: it is written beside its place under a name that ends in ``.part`` (never listed),
    flushed to the disk, and renamed. Unlike in a bucket, ``a`` and ``a/b`` cannot both be objects. The folder
    itself is never made here, so a disk that is not mounted is an error and not an empty store.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.name = str(self.root)
        self._say = _Words(self.root)

    def list(self, prefix: str, *, start_after: str = "") -> Iterator[BlobInfo]:
        """Yield every object whose key starts with ``prefix``, in no order, holding one entry at a time.

        Only keys after ``start_after`` in the order of their UTF-8 bytes are yielded. A prefix under which there
        is nothing yields nothing; a missing root raises Misconfigured, and so does a name that cannot be a key.
        """
        *folders, _ = check_prefix(prefix).split("/")
        try:
            folder = self._open_folder(folders, prefix)
        except NotFound:
            return
        try:
            yield from self._walk(folder, "".join(f"{name}/" for name in folders), prefix, start_after)
        finally:
            os.close(folder)

    def head(self, key: str) -> BlobInfo:
        """Return size, ETag and time of one object; raise NotFound when there is none."""
        with self._parent(check(key)) as (folder, name), self._say.about(key):
            return _info(key, self._object(os.stat(name, dir_fd=folder, follow_symlinks=False), key))

    @contextmanager
    def open(self, key: str, *, if_match: str | None = None) -> Iterator[BinaryIO]:
        """Open one object for one pass of reading; raise Changed when its ETag is not ``if_match``.

        A file that another program writes to while it is read raises Changed on the read that reaches its end.
        """
        with self._parent(check(key)) as (folder, name), self._say.about(key):
            self._object(os.stat(name, dir_fd=folder, follow_symlinks=False), key)
            raw = io.FileIO(os.open(name, _FILE, dir_fd=folder), "rb")
        with raw:
            opened = self._object(os.fstat(raw.fileno()), key)
            if if_match is not None and _etag(opened) != if_match:
                raise self._say.changed(key)
            with io.BufferedReader(_Steady(raw, opened, self._say, key), CHUNK_BYTES) as reader:
                yield reader

    def put(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:  # noqa: ARG002 - a folder keeps no types
        """Write an object whole or not at all, replacing what was there; the media type is not kept."""
        return self._write(check_new(key), body, replace=True)

    def put_if_absent(self, key: str, body: BinaryIO, *, media_type: str) -> BlobInfo:  # noqa: ARG002 - as put
        """Write an object whole or not at all; of several writers one wins, the others get Conflict."""
        return self._write(check_new(key), body, replace=False)

    def delete(self, key: str) -> None:
        """Remove an object; a missing one is fine. Folders that become empty stay."""
        try:
            with self._parent(check(key)) as (folder, name), self._say.about(key):
                self._object(os.stat(name, dir_fd=folder, follow_symlinks=False), key)
                os.unlink(name, dir_fd=folder)
                os.fsync(folder)
        except NotFound:
            return

    def link(self, key: str, *, name: str, expires: timedelta) -> str | None:  # noqa: ARG002 - the port's shape
        """Return None: what lies in a folder is served by ourselves."""
        return None

    def _write(self, key: str, body: BinaryIO, *, replace: bool) -> BlobInfo:
        with self._parent(key, make=True) as (folder, name):
            part = f"{uuid.uuid4().hex}{UNFINISHED}"
            try:
                written = self._fill(folder, part, body, key)
                with self._say.about(key):
                    if replace:
                        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
                    else:
                        # A hard link either takes the name or fails: there is no moment between look and leap.
                        os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
                        os.unlink(part, dir_fd=folder)
                    os.fsync(folder)
            except BaseException:
                with suppress(OSError):
                    os.unlink(part, dir_fd=folder)
                raise
        return _info(key, written)

    def _fill(self, folder: int, part: str, body: BinaryIO, key: str) -> os.stat_result:
        with self._say.about(key):
            file = io.FileIO(os.open(part, _NEW_FILE, 0o666, dir_fd=folder), "wb")
        with file:
            while chunk := body.read(CHUNK_BYTES):
                rest = memoryview(chunk)
                while rest:
                    with self._say.about(key):
                        rest = rest[file.write(rest) :]
            with self._say.about(key):
                os.fsync(file.fileno())
                return os.fstat(file.fileno())

    def _walk(self, folder: int, path: str, prefix: str, start_after: str) -> Iterator[BlobInfo]:
        with self._say.about(path), os.scandir(folder) as entries:
            for entry in entries:
                key = path + entry.name
                if not f"{key}/".startswith(prefix) or entry.name.endswith(UNFINISHED):
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:  # deleted since the folder was read
                    continue
                if stat.S_ISDIR(found.st_mode):
                    yield from self._walk_below(folder, entry.name, f"{key}/", prefix, start_after)
                # Python compares strings by code point, which is also the order of their UTF-8 bytes.
                elif key.startswith(prefix) and key > start_after and self._is_object(found, key):
                    yield _info(key, found)

    def _walk_below(
        self, folder: int, name: str, path: str, prefix: str, start_after: str
    ) -> Iterator[BlobInfo]:
        if path < start_after[: len(path)]:  # every key in it comes before start_after
            return
        try:
            with self._say.about(path, making=False):
                below = os.open(name, _FOLDER, dir_fd=folder)
        except NotFound:  # removed since the folder was read
            return
        try:
            yield from self._walk(below, path, prefix, start_after)
        finally:
            os.close(below)

    def _is_object(self, found: os.stat_result, key: str) -> bool:
        if stat.S_ISLNK(found.st_mode):
            raise self._say.linked(key)
        if not stat.S_ISREG(found.st_mode):
            return False
        try:
            check(key)
        except RecoupError as error:
            raise Misconfigured(f"{self.root}: {error.detail}", fix="Rename the file.") from None
        return True

    def _object(self, found: os.stat_result, key: str) -> os.stat_result:
        if stat.S_ISLNK(found.st_mode):
            raise self._say.linked(key)
        if not stat.S_ISREG(found.st_mode) or key.endswith(UNFINISHED):
            raise self._say.missing(key)
        return found

    @contextmanager
    def _parent(self, key: str, *, make: bool = False) -> Iterator[tuple[int, str]]:
        *folders, name = key.split("/")
        folder = self._open_folder(folders, key, make=make)
        try:
            yield folder, name
        finally:
            os.close(folder)

    def _open_folder(self, names: Sequence[str], key: str, *, make: bool = False) -> int:
        try:
            folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            fix = "Make it, mount its disk, or correct the setting that names it."
            raise Misconfigured(
                f"The folder {self.root} cannot be opened: {error.strerror}.", fix=fix
            ) from error
        for name in names:
            try:
                with self._say.about(key, making=make):
                    below = self._step(folder, name, key, make=make)
            finally:
                os.close(folder)
            folder = below
        return folder

    def _step(self, folder: int, name: str, key: str, *, make: bool) -> int:
        if make:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
                os.fsync(folder)
        try:
            return os.open(name, _FOLDER, dir_fd=folder)
        except NotADirectoryError:
            if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
                raise self._say.linked(key) from None
            raise


class _Words:
    """Says what went wrong in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def about(self, key: str, *, making: bool = True) -> Iterator[None]:
        """Turn an OSError into a failure that a person can read."""
        try:
            yield
        except OSError as error:
            raise self._explain(error, key, making=making) from error

    def _explain(self, error: OSError, key: str, *, making: bool) -> RecoupError:
        if error.errno in _NO_SUCH or (error.errno == errno.ENOTDIR and not making):
            return self.missing(key)
        if error.errno in _TAKEN:
            return Conflict(f"{key!r} in {self.root} is taken.")
        if error.errno == errno.ELOOP:
            return self.linked(key)
        if error.errno in _FULL:
            return Unavailable(f"There is no space for {key!r} in {self.root}.", fix="Free some, or move it.")
        if error.errno in _NOT_ALLOWED:
            fix = "Give the account that runs Recoup the right to read and write there."
            return Misconfigured(f"{key!r} in {self.root} is refused: {error.strerror}.", fix=fix)
        return Unavailable(f"{key!r} in {self.root} cannot be reached: {error.strerror}.")

    def missing(self, key: str) -> NotFound:
        return NotFound(f"There is no object {key!r} in {self.root}.")

    def changed(self, key: str) -> Changed:
        return Changed(f"{key!r} in {self.root} is no longer the version that was asked for.")

    def linked(self, key: str) -> Misconfigured:
        fix = "Put the file itself there, or name the folder that the link leads to as the store."
        return Misconfigured(f"{key!r} in {self.root} is, or lies behind, a symbolic link.", fix=fix)


class _Steady(io.RawIOBase):
    """Reads a file and makes sure, at its end, that it is still the file that was opened."""

    def __init__(self, file: io.FileIO, opened: os.stat_result, say: _Words, key: str) -> None:
        super().__init__()
        self._file, self._opened, self._say, self._key = file, opened, say, key
        self._done = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with self._say.about(self._key):
            count = self._file.readinto(buffer)
            now = os.fstat(self._file.fileno())
        self._done += count
        at_end = not count or self._done >= self._opened.st_size
        if at_end and (_etag(now) != _etag(self._opened) or self._done != now.st_size):
            raise self._say.changed(self._key)
        return count


def _info(key: str, found: os.stat_result) -> BlobInfo:
    modified = _EPOCH + timedelta(microseconds=found.st_mtime_ns // 1000)
    return BlobInfo(key=key, size=found.st_size, etag=_etag(found), modified=modified)


def _etag(found: os.stat_result) -> str:
    return f"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"
