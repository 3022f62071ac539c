"""How events of rights read, where its subjects lead, and what to do first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy.orm import Session

from recoup.areas.rights.lists import DESK, place_of, to
from recoup.areas.rights.queries import report_rows
from recoup.areas.rights.settings import RightsSettings, owners_of
from recoup.core.system import System
from recoup.web.area import Step

EVENTS: Mapping[str, str] = {
    "rights.report_kept": "The report of {day} was fetched: {size} bytes.",
    "rights.report_rejected": "The report of {day} was turned away: {reason}",
    "rights.report_parked": "The report of {day} waits for a person: {reason}",
    "rights.report_accepted": "The report of {day} is to be taken, as a person says. {note}",
    "rights.report_lapsed": "The report of {day} was not fetched while YouTube kept it.",
    "rights.snapshot_taken": (
        "The snapshot of {day} was taken: {things} in total, {added} added, {gone} gone, {changed} changed."
    ),
    "rights.unaddressable": "A recipient cannot be written to: {reason}",
    "rights.told": "People were told of the snapshot's changes.",
    "rights.webhook_refused": "The webhook did not take the message: {reason}",
    "rights.needs_reauth": "Somebody has to sign in for {name} again: {reason}",
    "rights.authorised": "The credentials for {name} work again.",
}


def _thing(kind: str) -> Callable[[str], str]:
    def lead(name: str) -> str:
        owner, _, key = name.partition("/")
        return place_of(kind, owner, key) if key else to(f"{kind}s", key=owner)

    return lead


LEADS: Mapping[str, str | Callable[[str], str]] = {
    "rights/report": f"{DESK}/reports/{{}}",
    "rights/claim": _thing("claim"),
    "rights/asset": _thing("asset"),
    "rights/owner": lambda name: to("", owner=name),
}


def first_steps(system: System, db: Session) -> list[Step]:
    """Return what rights needs before it can collect anything."""
    owners = owners_of(system.settings.section("rights", RightsSettings))
    series = report_rows.all_series(db)
    return [
        Step(
            "Name a content owner",
            "Write its external id as `YOUTUBE_CONTENT_OWNER_ID`, or `owner` under `[rights]` in `recoup.toml`.",
            DESK,
            is_done=bool(owners or series),
        ),
        Step(
            "Sign in for it at Google",
            "Run `recoup rights authorise client_secret.json` once; reports are then fetched four times a day.",
            DESK,
            is_done=any(one.listed_at is not None and one.reauth_since is None for one in series),
        ),
    ]
