"""Telling people of a snapshot's changes: a mail with a workbook, and a webhook, planned once each."""

from __future__ import annotations

from recoup.areas.rights.settings import RightsSettings
from recoup.core.parts import RunningRun


def tell_all(run: RunningRun, settings: RightsSettings) -> None:
    """Tell of every newest snapshot that nobody was told of yet."""
