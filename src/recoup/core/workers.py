"""Who works: a name for this process that tells other processes of the machine whether it still lives.

A lease is the rule; this only shortens the wait where the outcome is certain. A name of another machine, or of another
container, is never taken for dead.
"""

from __future__ import annotations

import hashlib
import os
import socket
from pathlib import Path


def worker_name() -> str:
    """Return this process's name: ``host/place:pid:start``, the same until it ends and never given again."""
    return f"{socket.gethostname()}/{_place()}:{os.getpid()}:{_started(os.getpid())}"


def is_dead(name: str | None) -> bool:
    """Say whether the process of that name is certainly gone: it ran here, and no process is it any more."""
    host, _, rest = (name or "").partition("/")
    parts = rest.split(":")
    if host != socket.gethostname() or len(parts) != 3 or parts[0] != _place():  # noqa: PLR2004 - place, pid, start
        return False
    pid, started = parts[1:]
    return not pid.isdecimal() or _started(int(pid)) != started


def _place() -> str:
    """Return a short word for this boot of this machine and this space of process numbers; empty without /proc."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").readlink()
    except OSError:
        return ""
    return hashlib.sha256(f"{boot} {space}".encode()).hexdigest()[:8]


def _started(pid: int) -> str:
    """Return when a process started, in clock ticks since boot (proc(5), field 22), or "" where it is gone."""
    try:
        fields = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
    except OSError:
        return ""
    return "" if fields[0] in {"Z", "X"} else fields[19]
