"""A channel around a real one, on which a test lets something happen just before or just after a parcel leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recoup.core.ports import Channel, Handover, Parcel, Receipt


class Died(BaseException):
    """The worker is gone, in the middle of what it did: no handler of ours may catch it."""


class TroubledChannel:
    """Passes everything on; ``before`` and ``after`` are called around each hand-over, and may raise."""

    def __init__(
        self,
        inner: Channel,
        *,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
    ) -> None:
        self.name, self.dedupes = inner.name, inner.dedupes
        self._inner, self._before, self._after = inner, before, after

    @contextmanager
    def prepare(self, parcel: Parcel) -> Iterator[Handover]:
        with self._inner.prepare(parcel) as handover:
            yield _Troubled(handover, self._before, self._after)


class _Troubled:
    def __init__(self, inner: Handover, before: Callable[[], None], after: Callable[[], None]) -> None:
        self._inner, self._before, self._after = inner, before, after

    def send(self) -> Receipt:
        self._before()
        receipt = self._inner.send()
        self._after()
        return receipt


def die() -> None:
    """End this worker, as SIGKILL would: what was committed stays, nothing else happens."""
    raise Died
