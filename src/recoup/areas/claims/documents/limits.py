"""How much reading one document may take, and how a process is held to it."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

MEGABYTE = 1 << 20
_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38


@dataclass(frozen=True, slots=True)
class Limits:
    """What one document may take: processor seconds, seconds by the clock, bytes of memory, bytes written.

    Documents that people have take well below a second. A picture of 40 million pixels is 160 MB unpacked, and lies
    there twice when it is turned.
    """

    processor: int = 4
    clock: float = 15.0
    memory: int = 640 * MEGABYTE
    written: int = 80 * MEGABYTE


def confine(limits: Limits, *, files: int = 0, has_threads: bool = False, besides: bool = True) -> None:
    """Hold this process to its limits, for good. What it has open stays open, and ``files`` descriptors are the most.

    Zero means no file and no socket: what is broken in a reader, or taken over, reaches nothing else. ``besides``: the
    memory is what it may take beyond what it has. Memory is not bounded on macOS, which knows the limit and does not
    keep it.
    """
    signal.alarm(int(limits.clock) + 5)  # should nobody be left to stop it
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        _bound(resource.RLIMIT_AS, limits.memory + (_has() if besides else 0))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.processor, limits.processor + 1))
    _bound(resource.RLIMIT_FSIZE, limits.written)
    _bound(resource.RLIMIT_CORE, 0)
    if not has_threads:  # which count as processes
        _bound(resource.RLIMIT_NPROC, 0)
    _bound(resource.RLIMIT_NOFILE, files)


def _has() -> int:
    """Return how many bytes of addresses this process has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _bound(what: int, most: int) -> None:
    """Lower a limit; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    if hard != resource.RLIM_INFINITY:
        most = min(most, hard)
    resource.setrlimit(what, (most, most))
