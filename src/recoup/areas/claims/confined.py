"""Work that is done in a child process of its own, with limits; what it is asked and what it answers is JSON.

For work that is long or heavy and starts no sooner than the child: reading a picture, training a model. The child gets
nothing of our environment but where programs are, ends with its parent, and may die without taking anything with it.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict
from tempfile import TemporaryFile
from typing import Any

from recoup.areas.claims.documents.limits import Limits, confine
from recoup.core import errors
from recoup.core.errors import Invalid, RecoupError, Unavailable

log = logging.getLogger("recoup.claims")

_TOO_MUCH_MEMORY = 10
_OUT_OF_TIME = {-signal.SIGXCPU, -signal.SIGALRM}
_FILES = 128
_KEPT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR")
_LONGEST_TRACE = 2_000


def ask(
    module: str, request: Mapping[str, Any], *, limits: Limits, threads: int, doing: str
) -> dict[str, Any]:
    """Run a module, which calls ``serve``, on a request and return what it found.

    ``doing`` begins the sentence of a failure, such as "Reading the document". Raise what the child refused with (a
    RecoupError), Invalid when it needed more than its limits, Unavailable when it was killed or broke.
    """
    with TemporaryFile() as asked, TemporaryFile() as answered, TemporaryFile() as said:
        asked.write(json.dumps({"limits": asdict(limits), "request": request}).encode())
        asked.seek(0)
        try:
            # Never a pipe: a child that writes without end is stopped by its limit, not by our memory.
            done = subprocess.run(  # noqa: S603 - our own module, by the interpreter that runs us
                [sys.executable, "-P", "-m", module],
                stdin=asked,
                stdout=answered,
                stderr=said,
                env=_environment(threads),
                timeout=limits.clock,
                check=False,
                start_new_session=True,  # Ctrl-C is for the parent, with which it ends anyhow
            )
        except subprocess.TimeoutExpired:
            raise Invalid(f"{doing} took longer than {limits.clock:.0f} seconds.") from None
        if done.returncode == 0:
            answered.seek(0)
            return _found(_parsed(answered.read(limits.written)), doing)
        said.seek(0)
        raise _failure(done.returncode, said.read(), doing)


def serve(task: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Do one request in a child: what ``task`` returns, or refuses by a RecoupError, is the answer."""
    # What libraries print must not get into the answer.
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    asked = json.load(sys.stdin)
    # Its libraries open files and threads of their own, and what they load is part of what they may take.
    confine(Limits(**asked["limits"]), files=_FILES, has_threads=True, besides=False)
    try:
        said: dict[str, Any] = {"found": task(asked["request"])}
    except RecoupError as error:
        said = {"refused": type(error).__name__, "detail": error.detail, "fix": error.fix}
    except MemoryError:
        os._exit(_TOO_MUCH_MEMORY)
    except Exception:  # noqa: BLE001 - libraries raise anything over odd input; the parent logs it
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    with answer:
        json.dump(said, answer)


def _environment(threads: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    pools = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    # What reads a stranger's bill must not tell its makers of it: onnxruntime has telemetry that is on by default.
    quiet = {"PYTHONDONTWRITEBYTECODE": "1", "ORT_DISABLE_TELEMETRY": "1"}
    return {**kept, **dict.fromkeys(pools, str(threads)), **quiet}


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _found(said: Mapping[str, Any], doing: str) -> dict[str, Any]:
    found = said.get("found")
    if isinstance(found, dict):
        return found
    refusal = getattr(errors, str(said.get("refused")), None)
    if isinstance(refusal, type) and issubclass(refusal, RecoupError):
        fix = said.get("fix")
        raise refusal(str(said.get("detail")), fix=str(fix) if fix else None)
    raise Unavailable(f"{doing} came to no answer.", fix="Try again later.")


def _failure(status: int, said: bytes, doing: str) -> RecoupError:
    if status == _TOO_MUCH_MEMORY:
        return Invalid(f"{doing} needed too much memory.")
    if status in _OUT_OF_TIME:
        return Invalid(f"{doing} took too much of the processor's time.")
    if status < 0:
        return Unavailable(f"{doing} was stopped, perhaps for want of memory.", fix="Try again later.")
    log.warning("%s failed: %s", doing, said.decode(errors="replace")[-_LONGEST_TRACE:])
    return Unavailable(f"{doing} failed.", fix="The log says why.")
