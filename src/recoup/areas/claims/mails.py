"""The mails of claims: what they may name, and values to try them out with."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from recoup.office.messages.catalogue import Declared

_NOW = datetime(2026, 2, 5, 14, 30, tzinfo=UTC)
_ABOUT: Mapping[str, str] = {
    "brand": "the name at the head of the mail",
    "colour": "the colour of the mail: the brand's, or the status's",
    "name": "the claimant's name",
    "number": "the claim's number",
    "policy": "the policy's number",
    "type": "what the claim is about",
    "incident": "the day of the incident",
    "amount": "what is claimed, with its currency",
    "status": "the claim's status",
    "at": "when it happened",
    "link": "the address of the claim's page",
}
_SAMPLE: Mapping[str, Any] = {
    "brand": "Insurenz",
    "colour": "#4F46E5",
    "name": "Ada Lovelace",
    "number": "CLM-20260205-7F3A21C9",
    "policy": "H-2026-000117",
    "type": "Medical expense",
    "incident": date(2026, 2, 3),
    "amount": "5,000.00 EUR",
    "status": "Pending",
    "at": _NOW,
    "link": "https://recoup.example.com/desk/my-claims/1",
}


def _declared(
    name: str, title: str, purpose: str, variables: Mapping[str, str], *samples: Mapping[str, Any]
) -> Declared:
    return Declared(
        name=name,
        title=title,
        purpose=purpose,
        variables={**_ABOUT, **variables},
        samples=tuple({**_SAMPLE, **one} for one in samples),
        must_name=("number",),
        package="recoup.areas.claims",
        folder="templates/mails",
    )


FILED = _declared(
    "claims_filed",
    "A claim was filed",
    "To the claimant, when a claim was filed: what we have, and what happens next.",
    {"documents": "the names of its documents", "held": "those that still wait for the virus scanner"},
    {"documents": ["bill.pdf", "photo of the car.jpg"], "held": []},
    {"documents": ["bill.pdf"], "held": ["bill.pdf"], "link": "/desk/my-claims/1", "name": "ada@example.com"},
)
STATUS = _declared(
    "claims_status",
    "A claim has another status",
    "To the claimant, whenever a reviewer moves a claim: what it is now, what was approved, and why.",
    {
        "approved": "the approved amount with its currency; empty where nothing was",
        "reason": "the reason in a few words; may be empty",
        "notes": "what the reviewer wrote; may be empty",
        "until": "until when a rejection can be appealed; nothing where it cannot",
        "is_asked": "whether the claimant has to send something",
    },
    {
        "status": "Approved",
        "colour": "#10B981",
        "approved": "4,800.00 EUR",
        "reason": "Deductible",
        "notes": "We paid the bill without the deductible of 200 EUR.",
        "until": None,
        "is_asked": False,
    },
    {
        "status": "Rejected",
        "colour": "#EF4444",
        "approved": "",
        "reason": "",
        "notes": "The policy does not cover this.",
        "until": _NOW,
        "is_asked": False,
    },
    {"status": "Pending", "approved": "", "reason": "", "notes": "", "until": None, "is_asked": True},
)
NOTE = _declared(
    "claims_note",
    "A message on a claim",
    "To the claimant, when a reviewer writes to them or asks for a document.",
    {"text": "what the reviewer wrote", "is_request": "whether something is asked for"},
    {"text": "Please send the second page of the bill.", "is_request": True},
    {"text": "Thank you.", "is_request": False},
)
LOST = _declared(
    "claims_document_lost",
    "A document could not be taken",
    "To the claimant, when a document turns out to be unusable after it was sent: which one, and what to do.",
    {"file": "the name of the document", "what": "what was wrong with it"},
    {"file": "bill.pdf", "what": "The virus scanner found Win.Test.EICAR_HDB-1 in it."},
)
MAILS = (FILED, STATUS, NOTE, LOST)
