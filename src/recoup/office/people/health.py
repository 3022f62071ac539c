"""What people say of their health: somebody runs the house, and whoever may come in can."""

from __future__ import annotations

from recoup.core.parts import Check
from recoup.core.system import System
from recoup.office.controls import service as controls
from recoup.office.messages import outgoing
from recoup.office.outbox import queries as outbox
from recoup.office.people import queries
from recoup.office.people.controls import ADMINISTRATORS, ALLOWED_DOMAINS


def standing(system: System) -> list[Check]:
    """Look for an administrator, a way for codes to leave, and who may come in by themselves."""
    with system.sessions.begin() as db:
        administrators = queries.active_administrators(db)
        listed, domains = controls.value(db, ADMINISTRATORS), controls.value(db, ALLOWED_DOMAINS)
        stopped = outbox.stopped(db, "mail", now=system.clock())
        host = outgoing.holding(db, system.settings).host
    return [
        _administrators(administrators, listed),
        _mail(host, stopped=stopped is not None),
        _domains(domains),
    ]


def _administrators(active: int, listed: list[str]) -> Check:
    if active:
        return Check("administrators", ok=True, detail=f"{active:,} can come in.")
    if listed:
        detail = f"None has come in yet; {', '.join(listed[:3])} may."
        return Check("administrators", ok=True, detail=detail)
    fix = "`recoup people add you@example.com --role administrator` prints a link that lets you in."
    return Check("administrators", ok=True, detail="There is none yet.", fix=fix)


def _mail(host: str | None, *, stopped: bool) -> Check:
    if stopped:
        fix = "Mend it, then `recoup outbox resume mail`. `recoup people link` lets somebody in meanwhile."
        return Check("sign-in mails", ok=False, detail="No code can leave: the channel is stopped.", fix=fix)
    if host is None:
        detail = "Codes are written to the folder `mail` in RECOUP_HOME and reach nobody."
        return Check("sign-in mails", ok=True, detail=detail, fix="Set SMTP_HOST to your mail server.")
    return Check("sign-in mails", ok=True, detail=f"Codes leave through {host}.")


def _domains(domains: list[str]) -> Check:
    if domains:
        return Check(
            "sign-in domains",
            ok=True,
            detail=f"Whoever has an address in {', '.join(domains[:5])} may come in.",
        )
    fix = "`recoup controls set people.allowed_domains example.com`, or add each person."
    return Check("sign-in domains", ok=True, detail="Nobody may come in whom you did not add.", fix=fix)
