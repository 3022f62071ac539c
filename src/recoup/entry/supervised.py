"""A child of `recoup up`: it ends when its parent does, however that ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from typing import Annotated

from cyclopts import Parameter

from recoup.entry.ending import Stopped

SupervisedBy = Annotated[int | None, Parameter(show=False)]

_PR_SET_PDEATHSIG = 1


def end_with(parent: int | None) -> None:
    """Have the kernel send us SIGTERM when our parent dies, so that a killed `recoup up` leaves nothing behind."""
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before we could say so
        raise Stopped(signal.SIGTERM)
