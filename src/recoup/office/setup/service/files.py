"""Use cases of the setup files: look what they would change, bring them in, give them back, hand over what waited."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from recoup.core.errors import Conflict, Invalid, NotFound
from recoup.core.parts import Job, Missed
from recoup.core.sealing import sealer_of
from recoup.office.controls import queries as control_rows
from recoup.office.controls import service as controls
from recoup.office.controls.rules import Control
from recoup.office.jobs import queries as job_rows
from recoup.office.jobs import service as jobs
from recoup.office.journal import service as journal
from recoup.office.messages import outgoing
from recoup.office.messages import rules as messages
from recoup.office.setup.controls import KEPT
from recoup.office.setup.rules import kept as keeping
from recoup.office.setup.rules.kept import Kept
from recoup.office.setup.rules.layout import EMAIL, ETL, FILES, MONTHLY, file_name
from recoup.office.setup.rules.plans import SECRET, Holding, Plan, plan
from recoup.office.setup.rules.reading import Read
from recoup.settings import Settings

ACTOR = "setup"


@dataclass(frozen=True, slots=True)
class House:
    """What files are about: the controls and jobs that there are, and the settings that win."""

    controls: Mapping[str, Control[Any]]
    jobs: Mapping[str, Job]
    settings: Settings

    def used(self) -> list[Control[Any]]:
        """Return the controls that the files set."""
        names = dict.fromkeys(one.control for entries in FILES.values() for one in entries if one.control)
        return [self.controls[name] for name in names]


@dataclass(frozen=True, slots=True)
class Exported:
    """A file as it holds now, and what has to be said about it."""

    name: str
    content: bytes
    notes: tuple[str, ...]


def look(db: Session, house: House, reads: Sequence[Read]) -> Plan:
    """Return what the files would change, and everything that is wrong with them."""
    return plan(reads, _holding(db, house), house.controls)


def bring_in(
    db: Session, house: House, reads: Sequence[Read], *, seen: str | None, actor: str, now: datetime
) -> Plan:
    """Do what the files say, all of it or nothing.

    ``seen`` is the digest of the plan that a person looked at: raise Conflict where it would be another by now, and
    Invalid where anything is wrong with the files.
    """
    wanted = look(db, house, reads)
    if wanted.problems:
        raise Invalid(f"Nothing was changed: {wanted.problems} things are wrong.", fix="Mend them first.")
    if seen is not None and seen != wanted.digest:
        raise Conflict("Something was changed since you looked.", fix="Look at what would change now.")
    holding, sealer = _holding(db, house), sealer_of(house.settings)
    called = ", ".join(file_name(one.name) for one in wanted.files)
    for name, value in wanted.changes.items():
        controls.change(
            db,
            house.controls[name],
            value,
            expected_version=holding.versions.get(name, 0),
            actor=actor,
            now=now,
            note=f"From {called}",
            sealer=sealer,
        )
    if wanted.kept is not None:
        _keep(db, wanted.kept, version=holding.versions.get(KEPT.name, 0), actor=actor, now=now, why=called)
        hand_over(db, house.jobs, actor=actor, now=now)
    for one in wanted.files:
        changed = [line.path for line in one.lines if line.change == "changes"]
        kept = [line.path for line in one.lines if line.change == "kept"]
        subject = f"setup/file/{one.name}"
        journal.record(db, "setup.imported", subject, actor=actor, now=now, changed=changed, kept=kept)
    return wanted


def give_back(db: Session, house: House, name: str) -> Exported:
    """Return a file as everything holds now; the password is never among it."""
    if name not in FILES:
        raise NotFound(f"There is no setup file {name!r}.", fix=f"There are: {', '.join(FILES)}.")
    holding = _holding(db, house)
    if name == ETL:
        values, notes = _of_etl(db, house, holding.kept)
    else:
        working = _effective(db, house, holding)
        values = {one.path: _held(one.path, one.control, working) for one in FILES[name]}
        notes = [
            "The password is never written: it stands there empty, which changes nothing when it is read."
        ]
        notes = notes if name == EMAIL else []
    return Exported(name, keeping.pretty(keeping.nested(values)), tuple(notes))


def hand_over(db: Session, known: Mapping[str, Job], *, actor: str, now: datetime) -> bool:
    """Give the monthly job the schedule and recipients that wait for it, once there is one; say whether."""
    job = known.get(MONTHLY)
    if job is None:
        return False
    row = control_rows.latest(db, KEPT.name)
    kept = keeping.parse(controls.value(db, KEPT))
    if row is None or not kept.waiting or job_rows.job(db, job.name) is None:
        return False
    if any(path.startswith("schedule.") for path in kept.values):
        zone = keeping.value(kept, "schedule.timezone")
        cron = keeping.cron_of(kept)
        jobs.change_schedule(db, job, cron=cron, zone=zone, missed=Missed.LATEST, actor=actor, now=now)
        jobs.pause(db, job, paused=not keeping.value(kept, "schedule.enabled"), actor=actor, now=now)
    if any(path.startswith("notifications.") for path in kept.values):
        told = keeping.value(kept, "notifications.recipients")
        is_on = keeping.value(kept, "notifications.enabled")
        success = told if is_on and keeping.value(kept, "notifications.on_success") else []
        failure = told if is_on and keeping.value(kept, "notifications.on_failure") else []
        jobs.notify(db, job, success=success, failure=failure, actor=actor, now=now)
    _keep(db, Kept(kept.values), version=row.version, actor=actor, now=now, why=f"given to {job.name}")
    return True


def _keep(db: Session, kept: Kept, *, version: int, actor: str, now: datetime, why: str) -> None:
    text, note = keeping.to_text(kept), f"From {why}" if "." in why else why
    controls.change(db, KEPT, text, expected_version=version, actor=actor, now=now, note=note)


def _holding(db: Session, house: House) -> Holding:
    used = house.used()
    rows = control_rows.current(db, [*(one.name for one in used), KEPT.name])
    values = {
        one.name: one.name in rows and bool(rows[one.name].value) if one.secret else controls.value(db, one)
        for one in used
    }
    fixed = {
        one.name: house.settings.origins[one.setting] for one in used if one.setting in house.settings.origins
    }
    versions = {name: row.version for name, row in rows.items()}
    kept = keeping.parse(controls.value(db, KEPT))
    own, _ = _of_job(db, house, kept)
    kept = replace(kept, values={**kept.values, **own})
    return Holding(values, versions, kept, fixed, has_job=MONTHLY in house.jobs)


def _held(path: str, control: str, values: Mapping[str, Any]) -> Any:
    """Return the value that a file has at ``path``."""
    match path:
        case "smtp.use_tls":
            return values[control] != "none"
        case "sender.name":
            return messages.mailbox(values[control]).display_name
        case "sender.email":
            return messages.mailbox(values[control]).addr_spec
    return "" if control == SECRET else values[control]


def _of_etl(db: Session, house: House, kept: Kept) -> tuple[dict[str, Any], list[str]]:
    own, notes = _of_job(db, house, kept)
    known = {**kept.values, **own}
    values = {
        one.path: known.get(one.path, one.default)
        for one in FILES[ETL]
        if one.path in known or one.default is not None
    }
    return values, notes


def _of_job(db: Session, house: House, kept: Kept) -> tuple[dict[str, Any], list[str]]:
    """Return what the monthly job says of the kept values that it was given: a person may have changed it since."""
    row = job_rows.job(db, MONTHLY) if MONTHLY in house.jobs and not kept.waiting else None
    if row is None:
        return {}, []
    values: dict[str, Any] = {}
    notes = []
    schedules = job_rows.schedules(db, job_name=MONTHLY)
    if schedules:
        monthly = keeping.schedule_of(schedules[0].cron)
        values["schedule.enabled"] = schedules[0].enabled and not row.paused
        values |= {**monthly, "schedule.timezone": schedules[0].zone} if monthly else {}
        if monthly is None:
            notes.append(f"{MONTHLY} does not run once a month; the file has its last monthly schedule.")
    told = list(dict.fromkeys([*row.notify_success, *row.notify_failure]))
    values["notifications.enabled"] = bool(told)
    if told:
        values |= {
            "notifications.on_success": bool(row.notify_success),
            "notifications.on_failure": bool(row.notify_failure),
            "notifications.recipients": told,
        }
    return values, notes


def _effective(db: Session, house: House, holding: Holding) -> Mapping[str, Any]:
    """Return values by control as they work, which a setting decides where the process was started with one."""
    mail, started = outgoing.holding(db, house.settings), house.settings.mail
    sender = started.sender if outgoing.SENDER.name in holding.fixed else holding.values["mail.sender"]
    own = {
        outgoing.HOST.name: mail.host or "",
        outgoing.PORT.name: mail.port,
        outgoing.SECURITY.name: mail.security,
        outgoing.USER.name: mail.user or "",
        outgoing.SENDER.name: sender,
    }
    return {**holding.values, **own}
