"""Flood claims of FEMA's National Flood Insurance Program, as OpenFEMA publishes them (FIMA NFIP Redacted Claims, v2).

They are redacted: no person, no policy. They say when the loss was, not when it was reported or decided, so that both
stand on that day here. Amounts are whole or hundredths of US dollars; ``NA`` and an empty cell are nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from recoup.areas.claims.models import ClaimType, Status
from recoup.areas.claims.rules import cells as reading
from recoup.areas.claims.rules import wording
from recoup.areas.claims.rules.columns import Known
from recoup.areas.claims.rules.past import LONGEST_WORD, Layout, PastClaim, described, midnight
from recoup.core.errors import Invalid

CURRENCY = "USD"
NOTHING = frozenset({"", "NA"})
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_ERRORS = frozenset({"98", "99"})
"""Reasons by which FEMA says that there was no claim at all: entered in error, assigned in error."""

CAUSES: Mapping[str, str] = {
    "0": "Other causes",
    "1": "Tidal water overflow",
    "2": "Stream, river, or lake overflow",
    "3": "Alluvial fan overflow",
    "4": "Accumulation of rainfall or snowmelt",
    "7": "Erosion, demolition",
    "8": "Erosion, removal",
    "9": "Earth movement",
    "A": "Closed basin lake",
}
REASONS: Mapping[str, tuple[str, str]] = {
    "01": ("deductible", "less than the deductible"),
    "02": ("not_covered", "seepage"),
    "03": ("not_covered", "backup of drains"),
    "04": ("not_covered", "shrubs"),
    "05": ("not_covered", "sea wall"),
    "06": ("not_covered", "not a flood"),
    "07": ("outside_period", "loss in progress"),
    "08": ("no_evidence", "the claim was not pursued"),
    "09": ("not_covered", "removal of debris only"),
    "10": ("not_covered", "fire"),
    "11": ("not_covered", "fence"),
    "12": ("not_covered", "hydrostatic pressure"),
    "13": ("not_covered", "clogged drainage"),
    "14": ("not_covered", "boat pier"),
    "15": ("outside_period", "before the policy began"),
    "16": ("not_covered", "wind"),
    "17": ("not_covered", "erosion of another sort"),
    "18": ("not_covered", "landslide"),
    "19": ("not_covered", "mudflow of another sort"),
    "20": ("no_evidence", "no damage could be shown"),
    "97": ("other", "another reason"),
}
"""FEMA's reasons for not paying: our reason code, and what the reason is."""


def _read(line: int, cell: Mapping[str, str], _currency: str) -> PastClaim:
    if not _ID.fullmatch(cell["id"]):
        raise Invalid(f"The id {cell['id'][:40]!r} is none.")
    reasons = {one: cell[f"nonPaymentReason{one}"] for one in ("Building", "Contents")}
    incident = _day(cell["dateOfLoss"])
    compliance = _amount(cell, "amountPaidOnIncreasedCostOfComplianceClaim")
    damages = [_amount(cell, f"{one}DamageAmount") for one in ("building", "contents")]
    paid = [_amount(cell, f"amountPaidOn{one}Claim") for one in ("Building", "Contents")]
    # An adjuster's estimate may be below what was paid in the end: what was paid had been claimed at least.
    claimed = [max(pair) for pair in zip(damages, paid, strict=True)]
    approved = sum(paid) + compliance
    total = sum(claimed) + compliance
    if not total:
        raise Invalid("There is no amount in it.")
    given = set(reasons.values()) - NOTHING
    if not approved and given and given <= _ERRORS:
        raise Invalid("FEMA marked it as entered in error.")
    source = f"nfip {cell['id']}"
    code, notes = ("", "") if approved else _unpaid(reasons)
    return PastClaim(
        line=line,
        source=source,
        policy_number="NFIP",
        person_name="NFIP (redacted)",
        claim_type=ClaimType.NATURAL_DISASTER,
        incident_date=incident,
        description=described(_about(cell), source),
        currency=CURRENCY,
        claim_minor=total,
        approved_minor=approved or None,
        status=Status.COMPLETED if approved else Status.REJECTED,
        status_notes=notes,
        reason_code=code,
        filed_at=midnight(incident),
        decided_at=midnight(incident),
        cause=CAUSES.get(cell["causeOfDamage"], ""),
        loss_location=_place(cell),
        raised_minor=sum(claimed) - sum(damages),
    )


def _day(text: str) -> date:
    """Read ``1998-02-07T00:00:00.000Z``, or a day alone."""
    return reading.day(text, what="The dateOfLoss")


def _amount(cell: Mapping[str, str], name: str) -> int:
    text = cell[name]
    return 0 if text in NOTHING else reading.amount(text, CURRENCY, what=f"The {name}").minor


def _unpaid(reasons: Mapping[str, str]) -> tuple[str, str]:
    known = {one: REASONS[code] for one, code in reasons.items() if code in REASONS}
    if not known:
        return "other", "Not paid; FEMA gives no reason."
    said = "; ".join(f"{one.lower()}: {words}" for one, (_, words) in known.items())
    return next(iter(known.values()))[0], f"Not paid. {said[0].upper()}{said[1:]}."


def _about(cell: Mapping[str, str]) -> str:
    event = _word(cell, "floodEvent")
    return f"Flood: {event}." if event else "Flood."


def _place(cell: Mapping[str, str]) -> str:
    parts = (
        _word(cell, "nfipCommunityName").rstrip(" *"),
        _word(cell, "state"),
        _word(cell, "reportedZipCode"),
    )
    return ", ".join(filter(None, parts))[:LONGEST_WORD]


def _word(cell: Mapping[str, str], name: str) -> str:
    text = cell[name]
    if text in NOTHING:
        return ""
    return wording.text(text[:LONGEST_WORD], what=f"The {name}", longest=LONGEST_WORD).replace("\n", " ")


NFIP = Layout(
    name="nfip",
    about="FEMA's flood claims, as OpenFEMA publishes them",
    columns=Known(
        spellings={
            "id": (),
            "dateOfLoss": (),
            "buildingDamageAmount": (),
            "contentsDamageAmount": (),
            "amountPaidOnBuildingClaim": (),
            "amountPaidOnContentsClaim": (),
            "amountPaidOnIncreasedCostOfComplianceClaim": (),
            "nonPaymentReasonBuilding": (),
            "nonPaymentReasonContents": (),
            "causeOfDamage": (),
            "floodEvent": (),
            "nfipCommunityName": (),
            "state": (),
            "reportedZipCode": (),
        },
        required=(
            "id",
            "dateOfLoss",
            "buildingDamageAmount",
            "contentsDamageAmount",
            "amountPaidOnBuildingClaim",
            "amountPaidOnContentsClaim",
            "amountPaidOnIncreasedCostOfComplianceClaim",
        ),
    ),
    read=_read,
)
