"""Commands with which a person settles what a sync may not settle by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from recoup.areas.rights.models import Report
from recoup.areas.rights.schemas import ReportShown
from recoup.areas.rights.service import reports, signing
from recoup.areas.rights.settings import RightsSettings, owners_of
from recoup.core.errors import Invalid, Misconfigured, NotFound
from recoup.core.ids import parse_id
from recoup.core.system import System
from recoup.web import output
from recoup.web.area import OpenSystem
from recoup.web.output import Json, Note

PATIENCE = timedelta(minutes=10)
NOWHERE = "http://127.0.0.1:8085/"
"""Where the browser is led when nobody listens: it cannot open it, and its address line holds the answer."""
ReportId = Annotated[str, Parameter(help="Its id, from `recoup rights reports --state parked`.")]


class SettleCommands:
    """Settling, as a person."""

    def __init__(self, opened: OpenSystem) -> None:
        self._opened = opened

    def accept(self, report: ReportId, *, note: Note = "", json: Json = False) -> None:
        """Let the next run take a parked report, although it has far fewer rows than the one before."""
        with self._opened() as system, system.sessions.begin() as db:
            row = reports.accept(db, parse_id(report), note=note, actor=output.actor(), now=system.clock())
            _show(row, "The next run takes it.", as_json=json)

    def reject(self, report: ReportId, *, note: Note = "", json: Json = False) -> None:
        """Turn a parked report away: what was known before stands."""
        with self._opened() as system, system.sessions.begin() as db:
            row = reports.reject(db, parse_id(report), note=note, actor=output.actor(), now=system.clock())
            _show(row, "It is not taken.", as_json=json)

    def authorise(
        self,
        client: Annotated[Path, Parameter(help="The client secret file from Google's console.")],
        *,
        owner: Annotated[str | None, Parameter(help="The content owner, where there are several.")] = None,
        paste: Annotated[
            bool, Parameter(negative="", help="No browser here: paste the address that yours ended at.")
        ] = False,
        port: Annotated[
            int,
            Parameter(validator=Number(gte=0, lte=65_535), help="Wait at this port of this machine; 0: any."),
        ] = 0,
    ) -> None:
        """Sign in at Google for a content owner, once: it prints an address, you say yes there, and the token is kept.

        Sign in as a person who belongs to the content owner's CMS; service accounts cannot act for it.
        """
        with self._opened() as system:
            name = _owner(system, owner)
            sign_in = system.ports.sign_in
            if sign_in is None:
                raise Misconfigured("Nobody can sign in from here.")
            secret = signing.client_in(client)
            if paste:
                consent = sign_in.begin(secret, redirect_uri=NOWHERE)
                _say(consent.address)
                output.say("Afterwards the browser shows an error at 127.0.0.1. Paste that page's address:")
                answer = input()
            else:
                with sign_in.listen(port=port) as listener:
                    consent = sign_in.begin(secret, redirect_uri=listener.redirect_uri)
                    _say(consent.address)
                    answer = listener.wait(PATIENCE)
            path = signing.keep(system.home, name, consent.finish(answer, now=system.clock))
            with system.sessions.begin() as db:
                reports.is_authorised(db, name, now=system.clock())
            output.say(f"Kept in {path}. `recoup rights sync` fetches what is there.")
            if system.settings.section("rights", RightsSettings).credentials:
                output.note("rights.credentials is set and comes first: clear it, or point it to this file.")


def _say(address: str) -> None:
    output.say("Open this address, and sign in as a person of the content owner's CMS:")
    output.say(f"\n  {address}\n")


def _owner(system: System, owner: str | None) -> str:
    known = [one.id for one in owners_of(system.settings.section("rights", RightsSettings))]
    if not known:
        raise Misconfigured("No content owner is set up.", fix="Set YOUTUBE_CONTENT_OWNER_ID (rights.owner).")
    if owner is None and len(known) > 1:
        raise Invalid("There are several content owners.", fix=f"Name one: --owner {' or '.join(known)}.")
    if owner is not None and owner not in known:
        raise NotFound(f"There is no content owner {owner}.", fix=f"There are: {', '.join(known)}.")
    return owner or known[0]


def _show(row: Report, said: str, *, as_json: bool) -> None:
    if as_json:
        output.document(ReportShown.model_validate(row))
    else:
        output.say(f"The report of {row.day} is {row.state}. {said}")
