"""Lists of what was read and is not an entry: quarantine, unbilled usage, remainders."""

from __future__ import annotations

from fastapi import Depends, Request
from fastapi.responses import Response

from recoup.areas.metering.lists import QUARANTINE, REMAINDERS, UNBILLED, UNBILLED_HOURS
from recoup.areas.metering.queries import board_rows
from recoup.web import pages
from recoup.web.auth import may
from recoup.web.deps import Db, Router

router = Router(prefix="/desk/metering", dependencies=[Depends(may("metering.look"))])


@router.get("/quarantine")
def quarantine(request: Request, db: Db) -> Response:
    """List records and files that could not be used."""
    return pages.listed(
        request,
        db,
        QUARANTINE,
        template="metering/quarantine.html",
        tab="quarantine",
        held=board_rows.held_windows(db),
    )


@router.get("/unbilled")
def unbilled(request: Request, db: Db) -> Response:
    """List usage that no contract pays for, in total."""
    lead = (
        "Records that name no payer are read and added up, and submitted to nobody. Give the subscription a contract "
        "in Omnistrate, and its next hours are billed; the sums here say what was missed."
    )
    return pages.listed(request, db, UNBILLED, template="metering/list.html", tab="unbilled", lead=lead)


@router.get("/unbilled/hours")
def unbilled_hours(request: Request, db: Db) -> Response:
    """List usage that no contract pays for, hour by hour."""
    return pages.listed(
        request,
        db,
        UNBILLED_HOURS,
        template="metering/list.html",
        tab="unbilled",
        trail=(("Metering", "/desk/metering"), ("Unbilled usage", "/desk/metering/unbilled")),
        lead="What each file held. A row leads to its hour.",
    )


@router.get("/remainders")
def remainders(request: Request, db: Db) -> Response:
    """List what is carried on."""
    lead = (
        "A cloud that takes whole numbers gets whole numbers; the exact rest is added to the next hour of the same "
        "contract and dimension. A negative rest is a correction that later usage makes up for."
    )
    return pages.listed(request, db, REMAINDERS, template="metering/list.html", tab="remainders", lead=lead)
