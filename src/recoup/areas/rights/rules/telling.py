"""Whether people are told of a snapshot."""

from __future__ import annotations

from recoup.areas.rights.models import Report
from recoup.areas.rights.settings import OwnerSettings


def is_worth_telling(report: Report, earlier: Report | None, owner: OwnerSettings) -> bool:
    """Say whether an owner's people are told: of enough changes, and not once more of the same.

    ``earlier`` is the report of the same day that they were told of, before YouTube made this one.
    """
    if report.is_baseline or not (owner.recipients or owner.slack_webhook):
        return False
    if report.added + report.gone + report.changed < max(owner.least_changes or 0, 1):
        return False
    return earlier is None or _figures(earlier) != _figures(report)


def _figures(report: Report) -> tuple[object, ...]:
    return report.causes, report.added, report.gone, report.changed
