"""What claims say on the overview: figures, what waits for a person, what a search finds, what to do first."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from recoup.areas.claims.lists import DESK
from recoup.areas.claims.models import Claim
from recoup.areas.claims.queries import policy_rows, review_rows, search_rows, standing_rows
from recoup.areas.claims.queries.standing_rows import MOST_COUNTED, MOST_SUMMED, Sums
from recoup.areas.claims.rules import telling
from recoup.areas.claims.rules.statuses import TITLES
from recoup.areas.claims.rules.wording import TYPES
from recoup.core.money import Money
from recoup.core.system import System
from recoup.web.area import Hit, Step, Tile, Waiting

SHORTEST = 3
"""Letters that a search needs: two begin the names of half of everybody."""
TOLD_FOR = timedelta(days=30)
"""For how long a mail that did not arrive stands on the overview, unless somebody says that they told the claimant."""
MOST_MAILS = 5


def tiles(db: Session, now: datetime) -> list[Tile]:
    """Return the figures of claims; none before the first one is filed."""
    counts = standing_rows.counts(db, person=None, now=now)
    second, _ = standing_rows.waiting_for_second(db)
    unpaid = standing_rows.unpaid(db)
    if not (counts.open or unpaid.claims):
        return []
    risk = standing_rows.at_risk(db, now=now)
    return [
        Tile(
            "Claims to decide",
            _many(counts.open),
            f"{_many(counts.nobodys)} on nobody's desk",
            DESK,
            "umbrella",
        ),
        Tile(
            "Overdue claims",
            _many(counts.overdue),
            f"{largest(risk)} at risk" if risk.claims else "nothing is at risk",
            f"{DESK}?show=overdue",
            "hourglass",
            "bad" if counts.overdue else "ok",
        ),
        Tile(
            "Wait for a second person",
            _many(second),
            "above what the first may approve alone",
            f"{DESK}?show=second",
            "users",
            "warn" if second else "",
        ),
        Tile(
            "Owed and unpaid",
            largest(unpaid),
            f"{_many(unpaid.claims, MOST_SUMMED)} approved {'claim' if unpaid.claims == 1 else 'claims'}",
            f"{DESK}/all?unpaid=yes",
            "coin",
        ),
    ]


def waiting(db: Session, now: datetime) -> list[Waiting]:
    """Return what waits for a person, a sentence for each."""
    found = []
    late, since = standing_rows.overdue(db, now=now)
    if late:
        are = "claim is" if late == 1 else "claims are"
        found.append(Waiting(f"{_many(late)} {are} overdue.", f"{DESK}?show=overdue", "bad", since))
    second, since = standing_rows.waiting_for_second(db)
    if second:
        wait = "approval waits" if second == 1 else "approvals wait"
        found.append(Waiting(f"{second:,} {wait} for a second person.", f"{DESK}?show=second", since=since))
    held, since = standing_rows.held_documents(db)
    if held:
        wait = "document of a claim waits" if held == 1 else "documents of claims wait"
        found.append(
            Waiting(f"{held:,} {wait} for the virus scanner.", "/desk/jobs/claims.scan", since=since)
        )
    for event in review_rows.not_reached(db, since=now - TOLD_FOR, limit=MOST_MAILS):
        claim_id = event.subject.rpartition("/")[2]
        number = event.detail.get("number")
        about = f"claim {number}" if number else "a claim"
        found.append(
            Waiting(f"A mail about {about} did not reach its claimant.", f"{DESK}/{claim_id}", since=event.at)
        )
    return found


def search(db: Session, text: str) -> list[Hit]:
    """Find claims by how their number begins, by policy number, and by how a claimant's name or address begins."""
    if len(text) < SHORTEST or not all(char.isprintable() for char in text):
        return []
    found: dict[int, Claim] = {}
    for rows in (
        search_rows.by_number(db, text.upper()) if text.upper().startswith("CLM") else (),
        search_rows.by_policy(db, text),
        search_rows.by_claimant(db, text),
    ):
        found |= {one.id: one for one in rows}
    return [_hit(one) for one in found.values()] + _policies(db, text)


def _hit(claim: Claim) -> Hit:
    amount = telling.amount(Money(claim.claim_minor, claim.currency))
    note = f"{claim.person_name}: {TYPES[claim.claim_type].lower()}, {amount}, {TITLES[claim.status].lower()}"
    return Hit(claim.claim_number, "claim", f"{DESK}/{claim.id}", note)


def _policies(db: Session, text: str) -> list[Hit]:
    rows = search_rows.policies(db, text)
    return [
        Hit(one.policy_number, "policy", f"{DESK}/policies/{one.id}", f"{one.kind}, until {one.end_date}")
        for one in rows
    ]


def first_steps(_system: System, db: Session) -> list[Step]:
    """Return what claims need before anybody can file one."""
    return [
        Step(
            "Import the policies",
            "Claims are filed on a policy. Bring them in from a CSV or Excel sheet; what would change is shown first.",
            f"{DESK}/policies/import",
            is_done=policy_rows.has_any(db),
        )
    ]


def _many(count: int, most: int = MOST_COUNTED) -> str:
    return f"{most:,}+" if count > most else f"{count:,}"


def largest(found: Sums) -> str:
    """Write the largest sum, with how many currencies stand beside it."""
    if not found.minor_by_currency:
        return "0"
    currency, minor = max(found.minor_by_currency.items(), key=lambda one: one[1])
    more = f" +{len(found.minor_by_currency) - 1}" if len(found.minor_by_currency) > 1 else ""
    least = "> " if found.claims > MOST_SUMMED else ""
    return f"{least}{telling.amount(Money(minor, currency))}{more}"
